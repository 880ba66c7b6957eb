/**
 * The runner must not be fooled: each case below is a test file that uvu itself, or its exit code, would let pass.
 */
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readLimitMs, runTestFiles } from './runner/run-files.ts';
import { TextReport } from './runner/text-report.ts';
import { judge, parseTotals, type Verdict } from './runner/verdict.ts';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const test = suite('runner');

async function run(name: string): Promise<Verdict> {
  const signal = new AbortController().signal;
  const [verdict] = await runTestFiles([`test/runner/cases/${name}.ts`], { root, signal, ended: () => {} });
  return verdict!;
}

/** [case, passed, failed, what the reason says]. */
const EXPECTED: readonly [string, number, number, RegExp | undefined][] = [
  ['passing', 2, 0, undefined],
  ['failing', 1, 1, /1 of 2 tests did not pass/],
  ['silent', 0, 1, /printed no totals/],
  ['empty', 0, 1, /no tests/],
  ['hanging', 1, 1, /did not end within 2 s/],
  ['never-settling', 0, 1, /exited with 1.*no totals/],
  ['floating-rejection', 1, 1, /exited with 1/],
  ['failing-hook', 0, 1, /1 of 1 tests did not pass/],
];

for (const [name, passed, failed, reason] of EXPECTED) {
  test(`a file that is ${name} counts ${passed} passed, ${failed} failed`, async () => {
    const verdict = await run(name);
    assert.is(verdict.passed, passed, verdict.output);
    assert.is(verdict.failed, failed, verdict.output);
    const words = verdict.reasons.join('; ');
    assert.ok(reason ? reason.test(words) : words === '', words);
  });
}

test('a skipped test is said aloud', async () => {
  const printed: string[] = [];
  new TextReport((text) => printed.push(text)).file(await run('passing'));
  assert.match(printed.join(''), /2 tests, 1 SKIPPED/);
});

test('what a test file started is killed with it at the limit', async () => {
  const verdict = await run('orphan');
  const port = Number(/listening on (\d+)/.exec(verdict.output)?.[1]);
  assert.ok(port > 0, verdict.output);
  const refused = await new Promise<Error | undefined>((settle) => {
    const socket = connect(port, '127.0.0.1', () => settle(undefined)).once('error', settle);
    socket.once('close', () => socket.destroy());
  });
  assert.match(String(refused), /ECONNREFUSED/);
});

test('what a property draws is drawn again in every run', async () => {
  const drawn = async () => /drew .*/.exec((await run('drawing')).output)?.[0];
  const first = await drawn();
  assert.ok(first);
  assert.is(await drawn(), first);
});

test('a file asks for more time in its first line only', () => {
  assert.is(readLimitMs('// limit: 180 s\nimport …'), 180_000);
  assert.is(readLimitMs('import …\n// limit: 180 s'), 120_000);
  assert.is(readLimitMs('// limit: much'), 120_000);
});

test('totals are read with and without colours, the last block counts', () => {
  const esc = String.fromCharCode(27);
  const block = (total: number) =>
    `\n  Total:     ${total}${esc}[32m\n  Passed:    ${total}${esc}[39m\n  Skipped:   0\n  Duration:  1ms\n`;
  assert.equal(parseTotals(block(7) + block(3)), { total: 3, passed: 3, skipped: 0 });
  assert.is(parseTotals('Total: many'), undefined);
});

test('an interrupted file is a failed file', () => {
  const output = '  Total:     2\n  Passed:    2\n  Skipped:   0\n';
  const verdict = judge({ file: 'a', output, durationMs: 1, ending: { kind: 'interrupted' } });
  assert.is(verdict.failed, 1);
});

test('the whole run ends in one plain line and the exit code follows it', () => {
  const start = (...names: string[]) => {
    const files = names.map((name) => `test/runner/cases/${name}.ts`);
    const args = ['--conditions=source', '--import', 'tsx', 'test/run.ts', ...files];
    return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  };
  const good = start('passing');
  assert.is(good.status, 0);
  assert.is(good.stdout.trimEnd().split('\n').at(-1), '2 passed, 0 failed');
  const bad = start('passing', 'failing', 'silent');
  assert.is(bad.status, 1);
  assert.is(bad.stdout.trimEnd().split('\n').at(-1), '3 passed, 2 failed');
  assert.match(bad.stdout, /a wrong sum/);
});

test('a run in which nothing passed does not pass', () => {
  const report = new TextReport(() => {});
  assert.not.ok(report.end([]));
});

test.run();
