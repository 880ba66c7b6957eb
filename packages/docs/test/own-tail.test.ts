/** Own changes written out before Automerge has them: the same bytes, the same document, level when anybody needs it. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ActorId } from '../src/actor.ts';
import type { CellValue } from '../src/cell.ts';
import { OwnTail, TAIL_CELLS_MAX } from '../src/own-tail.ts';
import { LAG_OPERATIONS_MAX, ShardDocument } from '../src/shard-document.ts';

const test = suite('own tail');
const OURS = 'aabbccddeeff0011' as ActorId;
const THEIRS = '1100ffeeddccbbaa' as ActorId;

type Cells = ReadonlyMap<string, CellValue>;
const key = (sku: number): string => `SKU-${sku}/abcdefghijklmnop/sold`;

/** As Automerge alone makes it: a document that holds all before and has never made a change. */
function byAutomerge(before: readonly Uint8Array[], cells: Cells, timeS: number): Uint8Array | undefined {
  const document = ShardDocument.open('stock', OURS);
  document.apply(before);
  const bytes = document.commit(cells, timeS);
  document.free();
  return bytes;
}

const cellsMade: fc.Arbitrary<Cells> = fc
  .uniqueArray(fc.tuple(fc.nat(12), fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.string())), {
    selector: ([sku]) => sku,
    minLength: 1,
    maxLength: 30,
  })
  .map((pairs) => new Map(pairs.map(([sku, value]) => [key(sku), value] as const)));

test('changes are byte for byte those Automerge would have made, whoever else writes in between', () => {
  const step = fc.record({ cells: cellsMade, foreign: fc.boolean(), takeIn: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const document = ShardDocument.open('stock', OURS);
      const all: Uint8Array[] = [];
      for (const [at, { cells, foreign, takeIn }] of steps.entries()) {
        if (foreign) {
          const other = ShardDocument.open('stock', THEIRS);
          other.apply(all);
          const change = other.commit(new Map([[`SKU-${at}/them/sold`, at]]), at);
          document.apply([change!]);
          all.push(change!);
          other.free();
        }
        document.takeIn(takeIn);
        const bytes = document.commit(cells, at);
        assert.equal(bytes, byAutomerge(all, cells, at));
        if (bytes !== undefined) {
          all.push(bytes);
        }
        for (const [name, value] of cells) {
          assert.is(document.get(name), value);
        }
      }
      const whole = ShardDocument.open('stock', OURS);
      whole.apply(all);
      assert.equal(document.heads(), whole.heads());
      assert.equal(document.save(), whole.save());
    }),
    { numRuns: 60 },
  );
});

test('a long change, too', () => {
  const document = ShardDocument.open('stock', OURS);
  const first = document.commit(new Map([[key(1), 1]]), 1)!;
  const cells = new Map(Array.from({ length: 300 }, (_, sku) => [key(sku), sku + 5] as const));
  const bytes = document.commit(cells, 2);
  assert.equal(bytes, byAutomerge([first], cells, 2));
  const next = new Map([[key(2), 9]]);
  assert.equal(document.commit(next, 3), byAutomerge([first, bytes!], next, 3));
});

test('LAG_OPERATIONS_MAX: Automerge is given the oldest when it lags behind more', () => {
  const document = ShardDocument.open('stock', OURS);
  document.commit(new Map([[key(0), 0]]), 1);
  const per = 4_096;
  for (let turn = 1; turn <= LAG_OPERATIONS_MAX / per; turn += 1) {
    document.commit(new Map(Array.from({ length: per }, (_, sku) => [key(sku), turn] as const)), 1);
  }
  assert.is(document.lag.operations, LAG_OPERATIONS_MAX);
  document.commit(new Map([[key(7), 99]]), 1);
  assert.ok(document.lag.operations <= LAG_OPERATIONS_MAX);
  assert.is(document.get(key(7)), 99);
});

test('TAIL_CELLS_MAX: a tail that remembers so many cells begins anew', () => {
  const document = ShardDocument.open('stock', OURS);
  const first = document.commit(new Map([[key(0), 0]]), 1)!;
  const tail = OwnTail.behind(first);
  const writes = Array.from({ length: TAIL_CELLS_MAX }, (_, sku) => ({
    key: key(sku),
    bucket: '1@00',
    value: 1,
    replaced: () => [],
  }));
  tail.append(writes, 1);
  assert.ok(tail.isFull);
});

test.run();
