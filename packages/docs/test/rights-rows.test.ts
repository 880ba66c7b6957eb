/** Cells of rights as anybody might write them: what no device of ours writes reads as nothing, and what cannot be moved is not written. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CellValue } from '../src/cell.ts';
import type { WriterId } from '../src/index.ts';
import { foldRights, moveRights } from '../src/rights-rows.ts';

const test = suite('rights as cells');
const SELF = 'self' as WriterId;

/** Cells of a document that is a map. */
function cells(): { map: Map<string, CellValue>; writer: WriterId } & Parameters<
  ReturnType<typeof moveRights>
>[0] {
  const map = new Map<string, CellValue>();
  return {
    map,
    writer: SELF,
    get: (key: string) => map.get(key),
    set: (key: string, value: CellValue) => void map.set(key, value),
  } as never;
}

test('steps add up in the writer’s own cells; a day only moves forward', () => {
  const written = cells();
  const ask = { id: 3, points: 50, atMs: 7, urgent: true };
  for (const step of [
    { type: 'count', count: 'earned', points: 5 },
    { type: 'count', count: 'earned', points: 2 },
    { type: 'give', to: 'b', points: 4 },
    { type: 'take', of: 'a', points: 1 },
    { type: 'ask', of: 'b', ask },
    { type: 'answer', asker: 'c', id: 9, atMs: 8 },
    { type: 'see', day: 20 },
    { type: 'see', day: 19 },
  ] as const) {
    moveRights('anna', step as never)(written);
  }
  assert.equal(Object.fromEntries(written.map), {
    'anna/earned/self': 7,
    'anna/moved/self/b': 4,
    'anna/taken/self/a': 1,
    'anna/wanted/self/b': '3 50 7 1',
    'anna/answered/self/c': '9 8',
    'anna/seen/self': 20,
  });
});

test('no fraction, nothing below zero, nothing beyond what is exact can be moved', () => {
  for (const points of [-1, 0.5, Number.NaN, 2 ** 53]) {
    for (const step of [
      { type: 'count', count: 'spent', points },
      { type: 'give', to: 'b', points },
      { type: 'take', of: 'a', points },
    ]) {
      assert.throws(
        () => moveRights('anna', step as never),
        (error: { code?: string }) => error.code === 'DOC_CELL',
      );
    }
  }
});

test('a cell reads as what it says, as nothing, or is not about rights', () => {
  const fold = (segments: (string | undefined)[], value: CellValue) =>
    foldRights({}, segments, value)?.[SELF];
  assert.is(fold(['earned', SELF], 5)?.counts.earned, 5);
  assert.is(fold(['earned', SELF], 'five')?.counts.earned, 0);
  assert.is(fold(['seen', SELF], 20)?.seenDay, 20);
  assert.equal(fold(['moved', SELF, 'b'], 4)?.moved, { b: 4 });
  assert.equal(fold(['taken', SELF, 'a'], null)?.taken, { a: 0 });
  assert.equal(fold(['wanted', SELF, 'b'], '3 50 7 1')?.wanted, {
    b: { id: 3, points: 50, atMs: 7, urgent: true },
  });
  const nothing = { id: 0, points: 0, atMs: 0, urgent: false };
  for (const odd of ['3 -50 7 1', 'x', 5, '1e999']) {
    assert.equal(fold(['wanted', SELF, 'b'], odd)?.wanted, { b: nothing }, String(odd));
  }
  assert.equal(fold(['answered', SELF, 'c'], '9 8')?.answered, { c: { id: 9, atMs: 8 } });
  assert.equal(fold(['answered', SELF, 'c'], '9.5')?.answered, { c: { id: 0, atMs: 0 } });
  for (const other of [[], ['earned'], ['moved', SELF], ['unheard-of', SELF, 'b']]) {
    assert.is(foldRights({}, other, 1), undefined, other.join('/'));
  }
});

test.run();
