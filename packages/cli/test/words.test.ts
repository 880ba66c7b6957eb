/** How things are put into words: failures, tables, ages, sizes, codes of branches. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import manifest from '../package.json' with { type: 'json' };
import { branchCodes, parseBranchCsv } from '../src/branch-list.ts';
import { CliError } from '../src/errors.ts';
import { failureLine } from '../src/failure.ts';
import { ageWords, bytesWords, table } from '../src/output.ts';
import { VERSION } from '../src/version.ts';

const test = suite('cli words');

test('a failure is one line: code, what happened, what to do', () => {
  const error = new CliError('NOT_RUNNING', 'nothing runs\nhere', { hint: 'Start it' });
  assert.is(failureLine(error), 'error NOT_RUNNING: nothing runs here. Start it.\n');
  assert.is(failureLine(new CliError('FILE_UNREADABLE', 'no!')), 'error FILE_UNREADABLE: no!\n');
});

test('a fault of ours keeps its stack', () => {
  assert.match(
    failureLine(new TypeError('x is not a function')),
    /^error UNEXPECTED_FAULT: TypeError: x is not.*\n.*at /,
  );
  assert.is(failureLine('nothing'), 'error UNEXPECTED_FAULT: nothing\n');
});

test('a table is as wide as it must be, with nothing trailing', () => {
  assert.is(
    table(
      ['branch', 'state'],
      [
        ['B001', 'online'],
        ['OFFICE-1', ''],
      ],
    ),
    'branch    state\nB001      online\nOFFICE-1',
  );
});

test('ages and sizes are for people', () => {
  assert.equal([5, 89, 90, 5_400, 172_800].map(ageWords), ['5 s', '89 s', '2 min', '2 h', '2 days']);
  assert.equal([0, 999, 1_000, 85_400_000_000].map(bytesWords), ['0 B', '999 B', '1.0 KB', '85 GB']);
});

test('numbered branches sort as they count', () => {
  assert.equal(branchCodes('B', 2), ['B001', 'B002']);
  assert.is(branchCodes('S', 1_500).at(-1), 'S1500');
  assert.is(branchCodes('S', 1_500)[0], 'S0001');
});

test('a CSV with headings, quotes, semicolons, comments and defaults', () => {
  const otherwise = { role: 'branch', region: 'main' };
  assert.equal(parseBranchCsv('Code;Role\n"B1";carrier;"north"\nB2 # new\n\n', otherwise), [
    { role: 'carrier', region: 'north', code: 'B1' },
    { role: 'branch', region: 'main', code: 'B2' },
  ]);
});

test('the version is the version of the package', () => {
  assert.is(VERSION, manifest.version);
});

test.run();
