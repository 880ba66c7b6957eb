import { deflateRawSync } from 'node:zlib';
import * as Automerge from '@automerge/automerge';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { guardChange, guardSnapshot } from '../src/chunk-guard.ts';
import {
  buildCheckpoint,
  catalogDoc,
  type DocName,
  editProduct,
  openSnapshot,
  SNAPSHOT_LIMITS,
} from '../src/index.ts';
import { cellsOf, Device } from './device.ts';

const test = suite('checkpoint');
const DOC = catalogDoc('A1');

function codeOf(bytes: Uint8Array, limits = SNAPSHOT_LIMITS): string {
  try {
    openSnapshot(DOC, bytes, limits);
    return 'opened';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** A chunk of Automerge's format: magic, a checksum nobody looks at before the guard, type, length, contents. */
function chunk(type: number, contents: Uint8Array): Uint8Array {
  return new Uint8Array([0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, type, ...uleb(contents.length), ...contents]);
}

function uleb(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...uleb(Math.floor(value / 128))];
}

/** Signed: one more byte than needed is allowed. */
function sleb(value: number): number[] {
  const low = ((value % 128) + 128) % 128;
  const rest = Math.floor(value / 128);
  return (rest === 0 && low < 64) || (rest === -1 && low >= 64) ? [low] : [low | 128, ...sleb(rest)];
}

/** A document chunk without actors, heads and change columns: one operation column. */
function documentWith(spec: number, column: Uint8Array): Uint8Array {
  return chunk(0, new Uint8Array([0, 0, 0, 1, ...uleb(spec), ...uleb(column.length), ...column]));
}

test('a checkpoint carries a shard to a newcomer, who then needs only the tail', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  const other = catalogDoc('B2');
  await hq.commit(DOC, editProduct('A1', { name: 'Lens', priceMinor: 5 }));
  await hq.commit(other, editProduct('B2', { name: 'Case' }));
  for await (const { doc, bytes } of buildCheckpoint(hq.documents, [DOC, other])) {
    const opened = openSnapshot(doc, bytes);
    assert.equal(opened.heads, await hq.documents.heads(doc));
    assert.equal([...opened.cells].sort(byKey), await cellsOf(hq, doc));
    assert.is(opened.changes, 2, 'genesis and one');
    shop.snapshots.set(doc, bytes);
    shop.documents.reload(doc);
  }
  const tail = await hq.commit(DOC, editProduct('A1', { priceMinor: 6 }));
  assert.is((await shop.receive(DOC, tail)).applied, 1);
  assert.equal(await shop.documents.heads(DOC), await hq.documents.heads(DOC));
});

test('a snapshot beyond a limit is DOC_BOMB before anything is unpacked', async () => {
  const hq = new Device('hq');
  const edits = Array.from({ length: 300 }, (_, index) =>
    editProduct('A1', { name: `n${index}`, note: index } as object),
  );
  for (const edit of edits.slice(0, 3)) {
    await hq.commit(DOC, edit);
  }
  const bytes = await hq.documents.save(DOC);
  assert.is(codeOf(bytes), 'opened');
  assert.is(codeOf(bytes, { ...SNAPSHOT_LIMITS, bytesMax: bytes.length - 1 }), 'DOC_BOMB');
  assert.is(codeOf(bytes, { ...SNAPSHOT_LIMITS, rowsMax: 60 }), 'DOC_BOMB');
  assert.is(codeOf(bytes, { ...SNAPSHOT_LIMITS, inflatedBytesMax: 100 }), 'DOC_BOMB');
});

test('97 KB that would become 100 MB are refused, cheaply', () => {
  const zeros = deflateRawSync(new Uint8Array(100_000_000), { level: 9 });
  assert.ok(zeros.length < 100_000);
  assert.is(codeOf(documentWith(0x57 | 8, zeros)), 'DOC_BOMB');
  const deflatedChange = chunk(2, zeros);
  assert.equal(reasonOf(guardChange(deflatedChange)), 'bomb');
});

test('a real bomb made with Automerge is refused by the guard', () => {
  const doc = Automerge.change(Automerge.init<{ blob?: Uint8Array }>(), (root) => {
    root.blob = new Uint8Array(80_000_000);
  });
  const bytes = Automerge.save(doc);
  assert.ok(bytes.length < SNAPSHOT_LIMITS.bytesMax);
  assert.is(codeOf(bytes), 'DOC_BOMB');
  Automerge.free(doc);
});

test('a few bytes of run lengths that stand for 10^9 operations, or for gigabytes of text, are refused', () => {
  const billion = new Uint8Array([...sleb(1_000_000_000), 1]);
  assert.is(codeOf(documentWith(0x42, billion)), 'DOC_BOMB');
  const nulls = new Uint8Array([0, ...uleb(1_000_000_000)]);
  assert.is(codeOf(documentWith(0x42, nulls)), 'DOC_BOMB');
  const booleans = new Uint8Array(uleb(1_000_000_000));
  assert.is(codeOf(documentWith(0x34, booleans)), 'DOC_BOMB');
  const deltas = new Uint8Array([...sleb(1_000_000_000), ...sleb(-1)]);
  assert.is(codeOf(documentWith(0x13, deltas)), 'DOC_BOMB');
  const text = new Uint8Array([...sleb(1_000_000), ...uleb(4000), ...new Uint8Array(4000)]);
  assert.is(codeOf(documentWith(0x15, text)), 'DOC_BOMB');
  assert.is(
    codeOf(documentWith(0x15, new Uint8Array([...sleb(-2), 1, 65, 1, 66]))),
    'DOC_SNAPSHOT',
    'small, but no document',
  );
});

test('a snapshot that is damaged, foreign or holds something else is DOC_SNAPSHOT', async () => {
  const hq = new Device('hq');
  await hq.commit(DOC, editProduct('A1', { name: 'Lens' }));
  const bytes = await hq.documents.save(DOC);
  type Loose = Record<string, Record<string, unknown>>;
  const altered = (craft: (root: Loose) => void) =>
    Automerge.save(Automerge.change(Automerge.load<Loose>(bytes), craft));
  const wrong: Record<string, Uint8Array> = {
    nothing: new Uint8Array(0),
    'cut short': bytes.slice(0, -10),
    'a change': hq.log.get(DOC)![0]!.bytes,
    'two chunks': new Uint8Array([...bytes, ...bytes]),
    'without genesis': Automerge.save(Automerge.from({ a: 1 })),
    'a bucket replaced': altered((root) => {
      root['00'] = {};
    }),
    'collaborative text': altered((root) => {
      root['00']!['A1/name'] = 'plain';
    }),
    'a nested map': altered((root) => {
      root['00']!['A1/name'] = {};
    }),
    'a cell where no reader looks': altered((root) => {
      for (const bucket of Object.values(root)) {
        bucket['A1/unit'] = new Automerge.ImmutableString('piece');
      }
    }),
    'another kind of document': await hq.documents.save('stock/B001/2026-11' as DocName),
  };
  for (const [what, each] of Object.entries(wrong)) {
    assert.is(codeOf(each), 'DOC_SNAPSHOT', what);
  }
  for (let at = 0; at < bytes.length; at += 3) {
    const flipped = Uint8Array.from(bytes);
    flipped[at]! ^= 0x10;
    assert.ok(['DOC_SNAPSHOT', 'DOC_BOMB'].includes(codeOf(flipped)), `byte ${at}`);
  }
});

test('the guard measures what is there', async () => {
  const hq = new Device('hq');
  const { bytes } = await hq.commit(DOC, editProduct('A1', { name: 'Lens', priceMinor: 5, retired: false }));
  assert.equal(pick(guardChange(bytes)), { ok: true, rows: 3 });
  assert.equal(pick(guardSnapshot(await hq.documents.save(DOC))), { ok: true, rows: 64 + 3 });
});

function pick(verdict: ReturnType<typeof guardChange>): { ok: boolean; rows?: number } {
  return verdict.ok ? { ok: true, rows: verdict.rows } : { ok: false };
}

function reasonOf(verdict: ReturnType<typeof guardChange>): string {
  return verdict.ok ? 'ok' : verdict.reason;
}

function byKey(a: { key: string }, b: { key: string }): number {
  return a.key < b.key ? -1 : 1;
}

test.run();
