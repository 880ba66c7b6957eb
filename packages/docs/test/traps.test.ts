/** Each trap of Automerge shown as it is, and beside it that our documents do not step into it. */
import * as Automerge from '@automerge/automerge';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  actorOf,
  catalogDoc,
  cellKey,
  editProduct,
  loyaltyDoc,
  movePoints,
  moveStock,
  parsePeriod,
  stockDoc,
} from '../src/index.ts';
import { cellsOf, Device, writerNamed } from './device.ts';

const test = suite('traps');
const CATALOG = catalogDoc('A1');
const LOYALTY = loyaltyDoc('north', 'C1');
const STOCK = stockDoc('B001', parsePeriod('2026-11'));

async function exchange(a: Device, b: Device, doc: Parameters<Device['receive']>[0]): Promise<void> {
  const [fromA, fromB] = [a.log.get(doc) ?? [], b.log.get(doc) ?? []];
  await a.receive(doc, ...fromB);
  await b.receive(doc, ...fromA);
  assert.equal(await a.documents.heads(doc), await b.documents.heads(doc));
  assert.equal(await cellsOf(a, doc), await cellsOf(b, doc));
}

test('trap: two who create a map each lose one side; ours share the genesis and keep both', async () => {
  type Doc = { rows?: Record<string, number> };
  const make = (actor: string, key: string) =>
    Automerge.change(Automerge.init<Doc>({ actor }), (doc) => {
      doc.rows = { [key]: 1 };
    });
  const merged = Automerge.merge(make('aa', 'left'), make('bb', 'right'));
  assert.is(Object.keys(merged.rows ?? {}).length, 1, 'the trap');

  const [north, south] = [new Device('north'), new Device('south')];
  await north.commit(CATALOG, editProduct('A1', { name: 'Lens' }));
  await south.commit(CATALOG, editProduct('A1', { priceMinor: 5 }));
  await exchange(north, south, CATALOG);
  assert.equal(await north.documents.read(CATALOG, [cellKey('A1', 'name'), cellKey('A1', 'priceMinor')]), [
    'Lens',
    5,
  ]);
});

test('trap: a counter created twice loses one side; rows per writer add up', async () => {
  type Doc = { points?: Automerge.Counter };
  const make = (actor: string, points: number) =>
    Automerge.change(Automerge.init<Doc>({ actor }), (doc) => {
      doc.points = new Automerge.Counter(0);
      doc.points.increment(points);
    });
  const merged = Automerge.merge(make('aa', 5), make('bb', 7));
  assert.is.not(merged.points?.value, 12, 'the trap');

  const [north, south] = [new Device('north'), new Device('south')];
  await north.commit(LOYALTY, movePoints('C1', 'earned', 5));
  await south.commit(LOYALTY, movePoints('C1', 'earned', 7));
  await exchange(north, south, LOYALTY);
  const earned = (await cellsOf(north, LOYALTY)).map(({ value }) => value as number);
  assert.is(
    earned.reduce((sum, points) => sum + points),
    12,
  );
});

test('trap: a delete swallows a concurrent increment; ours retire, and refuse a delete', async () => {
  type Doc = { count?: Automerge.Counter };
  const base = Automerge.from<Doc>({ count: new Automerge.Counter(1) }, 'aa');
  const incremented = Automerge.change(Automerge.clone(base), (doc) => doc.count?.increment(10));
  const removed = Automerge.change(Automerge.clone(base), (doc) => {
    delete doc.count;
  });
  const back = Automerge.change(Automerge.merge(removed, incremented), (doc) => {
    doc.count = new Automerge.Counter(1);
  });
  assert.is(back.count?.value, 1, 'the trap');

  const [hq, shop] = [new Device('hq'), new Device('shop')];
  await hq.commit(CATALOG, editProduct('A1', { name: 'Lens', priceMinor: 5 }));
  await exchange(hq, shop, CATALOG);
  await hq.commit(CATALOG, editProduct('A1', { retired: true }));
  await shop.commit(CATALOG, editProduct('A1', { priceMinor: 6 }));
  await exchange(hq, shop, CATALOG);
  await hq.commit(CATALOG, editProduct('A1', { retired: false }));
  assert.equal(await hq.documents.read(CATALOG, [cellKey('A1', 'priceMinor')]), [6]);

  const foreign = Automerge.load<Record<string, Record<string, unknown>>>(await hq.documents.save(CATALOG), {
    actor: actorOf(writerNamed('evil'), CATALOG),
  });
  const deletion = Automerge.change(foreign, (doc) => {
    for (const bucket of Object.values(doc)) {
      delete bucket[cellKey('A1', 'name')];
    }
  });
  const offered = { writer: writerNamed('evil'), bytes: Automerge.getLastLocalChange(deletion)! };
  assert.is((await hq.documents.apply(CATALOG, [offered])).quarantined[0]?.code, 'CHANGE_SHAPE');
});

test('trap: plain strings are one operation per letter; ours are one per cell', async () => {
  const plain = Automerge.from({ name: 'Spectacles' });
  assert.ok(Automerge.stats(plain).numOps > 10, 'the trap');

  const hq = new Device('hq');
  await hq.commit(CATALOG, editProduct('A1', { name: 'Spectacles' }));
  const saved = Automerge.load<Record<string, Record<string, unknown>>>(await hq.documents.save(CATALOG));
  assert.is(Automerge.stats(saved).numOps, 64 + 1);
  const [value] = Object.values(saved).flatMap((bucket) => Object.values(bucket));
  assert.instance(value, Automerge.ImmutableString);
});

test('trap: one wide map; ours stay near 256 keys with 10k stocked SKUs of two writers', async () => {
  const [first, second] = [new Device('first'), new Device('second')];
  for (const device of [first, second]) {
    const received = Array.from({ length: 10_000 }, (_, index) =>
      moveStock(`SKU-${index}`, 'received', 1000),
    );
    await device.commit(STOCK, ...received);
  }
  await first.receive(STOCK, ...second.log.get(STOCK)!);
  const saved = Automerge.load<Record<string, Record<string, unknown>>>(await first.documents.save(STOCK));
  const widths = Object.values(saved).map((bucket) => Object.keys(bucket).length);
  assert.is(widths.length, 256);
  assert.ok(Math.max(...widths) <= 256, `${Math.max(...widths)}`);
});

test('trap: a forged actor wedges its victim for good; ours is refused by every receiver', async () => {
  const [shop, hq] = [new Device('shop'), new Device('hq')];
  const victim = actorOf(shop.writer, CATALOG);
  const genuine = await shop.commit(CATALOG, editProduct('A1', { name: 'genuine' }));
  const blank = new Device('blank');
  const forge = Automerge.load<Record<string, Record<string, unknown>>>(await blank.documents.save(CATALOG), {
    actor: victim,
  });
  const forged = Automerge.getLastLocalChange(
    Automerge.change(forge, (doc) => {
      doc['00']!['A1/name'] = new Automerge.ImmutableString('forged');
    }),
  )!;
  const [wedged] = Automerge.applyChanges(Automerge.load(await blank.documents.save(CATALOG)), [forged]);
  assert.throws(() => Automerge.applyChanges(wedged, [genuine.bytes]), /duplicate seq/, 'the trap');

  const refused = await hq.receive(CATALOG, { writer: writerNamed('evil'), bytes: forged });
  assert.is(refused.quarantined[0]?.code, 'CHANGE_ACTOR');
  assert.equal((await hq.receive(CATALOG, genuine)).waiting, 0);
  assert.equal(await hq.documents.heads(CATALOG), await shop.documents.heads(CATALOG));
});

test('trap: a sequence number used twice; the second is quarantined, and a crash cannot publish two', async () => {
  const shop = new Device('shop');
  const clone = new Device('shop');
  const first = await shop.commit(CATALOG, editProduct('A1', { name: 'first' }));
  const second = await clone.commit(CATALOG, editProduct('A1', { name: 'second' }));
  const hq = new Device('hq');
  const told = await hq.receive(CATALOG, first, second);
  assert.is(told.outcomes[1], 'quarantined');
  assert.is(told.quarantined[0]?.code, 'CHANGE_SEQ');
  assert.equal(await hq.documents.read(CATALOG, [cellKey('A1', 'name')]), ['first']);

  // The crash: a change was made, its commit never became durable, the next start makes another.
  const before = new Device('till');
  await before.change(CATALOG, editProduct('A1', { name: 'lost' }));
  const after = new Device('till');
  const published = await after.commit(CATALOG, editProduct('A1', { name: 'kept' }));
  assert.equal((await hq.receive(CATALOG, published)).quarantined, []);
});

test('trap: a change says what time it likes; ours decides by it nothing', async () => {
  const winner = async (times: readonly [number, number]): Promise<unknown> => {
    const shops = [new Device('shop'), new Device('other')] as const;
    const offered = [];
    for (const [at, shop] of shops.entries()) {
      const mutators = [editProduct('A1', { name: `of ${at}` })];
      const change = await shop.documents.change(CATALOG, shop.writer, mutators, { timeMs: times[at]! });
      offered.push({ writer: shop.writer, bytes: change!.bytes });
    }
    const hq = new Device('hq');
    assert.equal((await hq.receive(CATALOG, ...offered)).quarantined, []);
    return (await hq.documents.read(CATALOG, [cellKey('A1', 'name')]))[0];
  };
  const [nobody, farFuture] = [0, 9_999_999_999_000];
  assert.is(await winner([farFuture, nobody]), await winner([nobody, farFuture]));
});

test('a reused sequence number is refused the same way while the first still waits', async () => {
  const [shop, clone, hq] = [new Device('shop'), new Device('shop'), new Device('hq')];
  const base = await hq.commit(CATALOG, editProduct('A1', { priceMinor: 1 }));
  await shop.receive(CATALOG, base);
  const waiting = await shop.commit(CATALOG, editProduct('A1', { name: 'first' }));
  const reused = await clone.commit(CATALOG, editProduct('A1', { name: 'second' }));
  const peer = new Device('peer');
  assert.equal((await peer.receive(CATALOG, waiting, reused)).outcomes, ['waiting', 'quarantined']);
  await peer.receive(CATALOG, base);
  assert.equal(await peer.documents.read(CATALOG, [cellKey('A1', 'name')]), ['first']);
});

test.run();
