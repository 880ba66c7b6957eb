/** Letters between two branches: the one writes, both read, and nobody else at a branch does. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { matchesPattern } from '../src/collections.ts';
import { defaultGrant, type Grant } from '../src/grants.ts';
import type { Collection } from '../src/types.ts';

const test = suite('letters');

const reads = ({ read }: Grant, name: string) =>
  read.some((pattern) => matchesPattern(pattern, name as Collection));
const writes = ({ write }: Grant, name: string) =>
  write.some((pattern) => matchesPattern(pattern, name as Collection));

test('a pattern may leave one segment open', () => {
  const matches = (pattern: string, name: string) => matchesPattern(pattern, name as Collection);
  assert.ok(matches('letters/*/B001', 'letters/B002/B001'));
  assert.not.ok(matches('letters/*/B001', 'letters/B001/B002'));
  assert.not.ok(matches('letters/*/B001', 'letters/B002/x/B001'));
  assert.not.ok(matches('letters/*/B001', 'letters/B001'));
  assert.not.ok(matches('local/*/B001', 'local/x/B001'));
});

test('G11: a branch writes letters as itself only and reads those it wrote or got', () => {
  const grant = defaultGrant({ role: 'branch', branch: 'B001' });
  assert.equal(
    ['letters/B001/B002', 'letters/B002/B001', 'letters/B002/B003', 'letters/B0011/B002'].map((name) => [
      writes(grant, name),
      reads(grant, name),
    ]),
    [
      [true, true],
      [false, true],
      [false, false],
      [false, false],
    ],
  );
  assert.ok(writes(grant, 'goods/B001') && reads(grant, 'goods/B001'));
  assert.not.ok(writes(grant, 'goods/B002') || reads(grant, 'goods/B002'));
});

test('head office and carriers write letters as themselves and read all; a relay writes none', () => {
  for (const role of ['hq', 'carrier'] as const) {
    const grant = defaultGrant({ role, branch: 'C1' });
    assert.ok(writes(grant, 'letters/C1/B001') && reads(grant, 'letters/B002/B001'));
    assert.not.ok(writes(grant, 'letters/B001/C1'));
  }
  assert.not.ok(writes(defaultGrant({ role: 'relay', branch: 'R' }), 'letters/R/B001'));
});

test.run();
