/** The harness itself: cases, folders, report, table. Nothing here looks at how long anything took. */
import { access, readFile } from 'node:fs/promises';
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { type BenchCase, BenchError, benchCases, formatReport, runBench } from '../src/index.ts';

const test = suite('bench harness');
const clock = new ManualClock(1_763_823_240_000);

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof BenchError ? error.code : `not a BenchError: ${error}`;
};

const still: BenchCase = {
  name: 'still',
  about: 'nothing',
  run: async ({ seed }) => ({
    case: 'still',
    series: [{ name: 'one till', samplesMs: [0.5, 1, 12.25], perSecond: 1_234.5 }],
    ratios: [{ name: 'one till / floor, p50', value: 1.5, better: 'lower' }],
    facts: { 'bytes per sale': 812.3456, seed },
    notes: ['A note.'],
  }),
};

test('a report names commit, seed and machine, holds raw samples, and is written as JSON', async () => {
  await using dir = await TempDir.open('bench');
  const outDir = dir.path;
  const { report, path } = await runBench({ clock, outDir, seed: 7, registry: [still] });
  assert.is(report.seed, 7);
  assert.is(report.startedAt, '2025-11-22T14:54:00.000Z');
  assert.match(report.commit, /^([0-9a-f]{40}\+?|unknown)$/);
  assert.ok(report.machine.cores > 0);
  assert.equal(report.cases[0]?.series[0]?.samplesMs, [0.5, 1, 12.25]);
  assert.equal(JSON.parse(await readFile(path, 'utf8')), report);
});

test('a report prints as tables', async () => {
  await using dir = await TempDir.open('bench');
  const outDir = dir.path;
  const { report } = await runBench({ clock, outDir, seed: 7, registry: [still] });
  const [, , ...rest] = formatReport(report).split('\n');
  assert.equal(rest, [
    '',
    'STILL',
    '            n  p50 ms  p95 ms  p99 ms  max ms  per s',
    '  one till  3   1.000    12.3    12.3    12.3  1,235',
    '',
    '  ratio',
    '  one till / floor, p50  1.50×  lower is better',
    '',
    '  beside',
    '  bytes per sale  812.346',
    '  seed                  7',
    '  A note.',
    '',
  ]);
});

test('each case has an empty folder of its own, which is gone afterwards, also when the case fails', async () => {
  await using dir = await TempDir.open('bench');
  const outDir = dir.path;
  const folders: string[] = [];
  const failing: BenchCase = {
    name: 'failing',
    about: 'fails',
    run: async ({ workDir }) => {
      await access(workDir);
      folders.push(workDir);
      throw new BenchError('BENCH_REQUEST_FAILED', 'a sale was not accepted');
    },
  };
  assert.is(await codeOf(runBench({ clock, outDir, registry: [failing] })), 'BENCH_REQUEST_FAILED');
  assert.is(folders.length, 1);
  await access(folders[0]!).then(
    () => assert.unreachable(),
    () => {},
  );
});

test('BENCH_CASE_UNKNOWN: a case that is not there is named, with those that are', async () => {
  const run = runBench({ clock, cases: ['sail'] });
  const error = await run.then(
    () => undefined,
    (reason: BenchError) => reason,
  );
  assert.is(error?.code, 'BENCH_CASE_UNKNOWN');
  assert.match(error?.hint ?? '', /floors, sale, propagate/);
});

test('the cases are those the README tells of', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  for (const { name } of benchCases) assert.match(readme, new RegExp(`^\\| \`${name}\` +\\|`, 'm'));
});

test('an aborted run starts no case', async () => {
  await using dir = await TempDir.open('bench');
  const outDir = dir.path;
  const signal = AbortSignal.abort(new Error('enough'));
  const run = runBench({ clock, outDir, registry: [still], signal });
  await run.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'enough'),
  );
});

test.run();
