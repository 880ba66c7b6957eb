/** The floors at a hundredth of their size: programs start, answer, stop, and every sample is counted. */

import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { benchCases, runBench } from '../src/index.ts';

const test = suite('floors');

test('every floor gives the samples it was asked for', async () => {
  await using dir = await TempDir.open('bench');
  const outDir = dir.path;
  const { report } = await runBench({ clock: systemClock(), cases: ['floors'], scale: 0.01, outDir });
  const floors = report.cases[0]!;
  const counts = Object.fromEntries(floors.series.map(({ name, samplesMs }) => [name, samplesMs.length]));
  assert.equal(counts, {
    'append+fdatasync, 1': 15,
    'append+fdatasync, 32': 150,
    'express+JSON+fdatasync, 1': 15,
    'express+JSON+fdatasync, 32': 100,
    'ws relay, bare': 20,
    'ws relay, fdatasync at each of 3': 10,
  });
  for (const { samplesMs } of floors.series) assert.ok(samplesMs.every((ms) => ms > 0));
  assert.is(benchCases[0]?.name, 'floors');
});

test.run();
