// limit: 180 s
/** Every case that starts programs, at a hundredth of its size: that it runs, and says what it says it does. No figure is looked at. */
import { readFile } from 'node:fs/promises';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import type { BenchSettings } from '../src/bench-case.ts';
import { peerCharts } from '../src/charts.ts';
import { type CaseReport, runBench } from '../src/index.ts';
import { formatMarkdown } from '../src/markdown.ts';
import { ATTEMPTS_MAX, PERIOD_MS, replacedMethod } from '../src/peers/replaced-method.ts';

const test = suite('cases');

async function run(name: string, more: BenchSettings = {}): Promise<CaseReport> {
  await using dir = await TempDir.open(`bench-${name}`);
  const settings = { dataDir: dir.path, peers: [], ...more };
  const { report, page } = await runBench({
    clock: systemClock(),
    cases: [name],
    scale: 0.005,
    outDir: dir.path,
    settings,
  });
  assert.match(await readFile(page, 'utf8'), new RegExp(`## ${name}`));
  return report.cases[0]!;
}

test('search and import', async () => {
  assert.ok((await run('search')).series[0]!.samplesMs.length >= 20);
  assert.is((await run('import')).series.length, 2);
});

for (const hangingLine of ['ofd', 'kkt'] as const) {
  test(`sale: beside a line that hangs (${hangingLine}), in pairs of rounds`, async () => {
    const { series, ratios, facts } = await run('sale', { hangingLine });
    assert.equal(
      series.map(({ samplesMs }) => samplesMs.length),
      [40, 40],
    );
    assert.is(facts['pairs of rounds'], 2);
    assert.ok(ratios.every(({ value }) => value > 0));
  });
}

test('bootstrap: a new branch gets all products', async () => {
  const { facts } = await run('bootstrap');
  assert.ok(facts['50 products: bytes down, kB']! > 0);
});

test('restart: the first sale after a history', async () => {
  const { facts, series } = await run('restart');
  assert.is(facts['orders of history'], 200);
  assert.is(series[0]?.samplesMs.length, 5);
});

test('ofd-drain: everything is acknowledged once the operator is back', async () => {
  const { facts } = await run('ofd-drain');
  assert.ok(facts['documents owed']! >= 10);
});

test('growth: disk and memory after one, three and five years', async () => {
  const { facts } = await run('growth');
  assert.is(facts['after 5 years: orders'], 900);
  const bytes = (years: string): number => facts[`after ${years}: journal of the branch, MB`]!;
  assert.ok(bytes('1 year') < bytes('3 years') && bytes('3 years') < bytes('5 years'));
  assert.ok(facts['after 5 years: memory of the branch, started again, MB']! > 0);
});

test('idle: a fleet that rests', async () => {
  const { facts } = await run('idle');
  assert.is(facts.branches, 2);
});

test('peers: ours does the job the others are given, beside the model of the replaced method', async () => {
  const { series, facts } = await run('peers');
  assert.equal(
    series.map(({ samplesMs }) => samplesMs.length),
    [1, 1],
  );
  assert.ok(facts['branchline: bytes down, kB']! > 0);
});

test('the replaced method posts a hundred rows every five minutes, and gives up after three attempts', () => {
  const job = { clients: 2, writes: 250, rowBytes: 10 };
  const smooth = replacedMethod(job);
  assert.is(smooth.convergedMs, 4 * PERIOD_MS);
  assert.is(smooth.bytesUp, 5_000);
  assert.is(smooth.rowsGivenUp, 0);
  const once = replacedMethod({
    ...job,
    fails: (client, batch, attempt) => client === 0 && batch === 2 && attempt === 1,
  });
  assert.ok(once.convergedMs > smooth.convergedMs);
  const never = replacedMethod({ ...job, fails: (client, batch) => client === 1 && batch === 0 });
  assert.is(never.rowsGivenUp, 100);
  assert.is(never.bytesUp, 5_000 + (ATTEMPTS_MAX - 1) * 1_000);
});

test('a report as a page has every table, and says when others used the machine', () => {
  const report = {
    format: 1,
    commit: 'abc',
    seed: 1,
    startedAt: '2026-11-22T10:00:00.000Z',
    machine: { cpu: 'x', cores: 2, memoryBytes: 1, platform: 'p', runtime: 'r' },
    loadBefore: 3,
    cases: [
      {
        case: 'peers',
        series: [{ name: 'branchline, until all know all', samplesMs: [1_500] }],
        ratios: [{ name: 'a / b', value: 2, better: 'lower' }],
        facts: { 'branchline: CPU of the server, s': 0.25 },
        notes: ['A note.'],
      },
    ],
  } as const;
  const page = formatMarkdown(report, [{ title: 'Time', file: 'time.svg' }]);
  for (const part of ['others were using', '![Time](time.svg)', '| a / b | 2.00× |', '0.250', '- A note.']) {
    assert.ok(page.includes(part), part);
  }
  assert.equal(peerCharts(report, 'x')[0]?.values, [{ name: 'branchline', value: 1.5 }]);
});

test.run();
