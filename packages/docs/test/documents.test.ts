import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UNSETTLED_CHANGES_MAX } from '../src/documents.ts';
import { catalogDoc, cellKey, editProduct, type Mutator } from '../src/index.ts';
import { cellsOf, Device, rejection } from './device.ts';

const test = suite('documents');
const DOC = catalogDoc('A1');
const price = (minor: number): Mutator => editProduct('A1', { priceMinor: minor });
const NAME = cellKey('A1', 'name');
const PRICE = cellKey('A1', 'priceMinor');

test('a group of mutators becomes one change, and nothing becomes none', async () => {
  const shop = new Device('shop');
  const change = await shop.change(DOC, price(1), price(2), editProduct('A1', { name: 'Lens' }));
  assert.equal(change.patches, [
    { key: PRICE, value: 2, conflict: false },
    { key: NAME, value: 'Lens', conflict: false },
  ]);
  assert.is(shop.documents.counters.changes, 1);
  assert.is(await shop.documents.change(DOC, shop.writer, [price(2)]), undefined, 'equal value: no change');
  assert.is(await shop.documents.change(DOC, shop.writer, []), undefined);
});

test('a mutator that throws leaves the document untouched', async () => {
  const shop = new Device('shop');
  await shop.commit(DOC, price(1));
  const broken: Mutator = () => {
    throw new Error('no');
  };
  assert.is((await rejection(shop.documents.change(DOC, shop.writer, [price(2), broken]))).message, 'no');
  assert.equal(await shop.documents.read(DOC, [PRICE]), [1]);
});

test('cells hold whole numbers, text, booleans and null: DOC_CELL for the rest', async () => {
  const shop = new Device('shop');
  const bad: unknown[] = [1.5, Number.NaN, 2 ** 53 - 1, undefined, {}, [], 'x'.repeat(5000), '\ud800'];
  for (const value of bad) {
    const set: Mutator = (cells) => cells.set(NAME, value as string);
    assert.is((await rejection(shop.documents.change(DOC, shop.writer, [set]))).code, 'DOC_CELL');
  }
  for (const key of ['A1', '/name', 'A1/', 'A1/a/b/c/d', `A1/${'x'.repeat(600)}`, 'A1/\0']) {
    const set: Mutator = (cells) => cells.set(key, 1);
    assert.is((await rejection(shop.documents.change(DOC, shop.writer, [set]))).code, 'DOC_CELL', key);
  }
});

test('others see a change as it was made, whole or in any order (G3)', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  const first = await hq.commit(DOC, editProduct('A1', { name: 'Lens', priceMinor: 100 }));
  const second = await hq.commit(DOC, price(200));
  const early = await shop.receive(DOC, second);
  assert.equal(early.outcomes, ['waiting']);
  assert.equal([early.applied, early.waiting, early.patches.length], [0, 1, 0]);
  assert.is((await shop.documents.waiting(DOC)).length, 1);
  const late = await shop.receive(DOC, first);
  assert.equal(late.outcomes, ['applied']);
  assert.equal(new Map(late.patches.map((cell) => [cell.key, cell.value])).get(PRICE), 200);
  assert.equal(await shop.documents.heads(DOC), await hq.documents.heads(DOC));
  assert.equal((await shop.receive(DOC, first, second)).outcomes, ['known', 'known']);
});

test('patches are told whether or not the document had already loaded the changes offered', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  const first = await hq.commit(DOC, price(1));
  const second = await hq.commit(DOC, editProduct('A1', { name: 'Lens' }));
  await shop.documents.apply(DOC, [second]);
  shop.append(DOC, second, first);
  shop.documents.reload(DOC);
  assert.equal(await shop.documents.read(DOC, [PRICE]), [1], 'loaded by a reader before the node offers it');
  const told = await shop.documents.apply(DOC, [first]);
  assert.equal(told.outcomes, ['known']);
  assert.equal(
    told.patches.map(({ key, value }) => [key, value]),
    [
      [PRICE, 1],
      [NAME, 'Lens'],
    ],
  );
});

test('a snapshot holds what is applied; what waits is named so that a vector can stop before it', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  const changes = [
    await hq.commit(DOC, price(1)),
    await hq.commit(DOC, price(2)),
    await hq.commit(DOC, price(3)),
  ];
  const [first, , third] = changes;
  await shop.documents.apply(DOC, [
    { ...first!, ref: 1 },
    { ...third!, ref: 3 },
  ]);
  assert.equal(
    (await shop.documents.waiting(DOC)).map(({ writer, ref }) => [writer, ref]),
    [[hq.writer, 3]],
  );
  const fresh = new Device('fresh');
  fresh.snapshots.set(DOC, await shop.documents.save(DOC));
  assert.equal(await fresh.documents.read(DOC, [PRICE]), [1]);
  assert.equal(await fresh.documents.waiting(DOC), [], 'the snapshot carries no orphan');
  await fresh.receive(DOC, ...changes.slice(1));
  assert.equal(await fresh.documents.heads(DOC), await hq.documents.heads(DOC));
});

test('an evicted document comes back from its source, and what waited waits again', async () => {
  const hq = new Device('hq');
  const shop = new Device('shop', { documentsMax: 1 });
  const changes = [await hq.commit(DOC, price(1)), await hq.commit(DOC, price(2))];
  await shop.receive(DOC, changes[1]!);
  const other = catalogDoc('B2');
  assert.is.not(other, DOC);
  await shop.commit(other, editProduct('B2', { priceMinor: 5 }));
  assert.is(shop.documents.isLoaded(DOC), false);
  assert.is(shop.documents.counters.evictions, 1);
  assert.is((await shop.documents.waiting(DOC)).length, 1);
  shop.append(DOC, changes[0]!);
  await shop.commit(other, editProduct('B2', { priceMinor: 6 }));
  assert.equal(await shop.documents.read(DOC, [PRICE]), [2], 'both came with the load');
  const told = await shop.documents.apply(DOC, [changes[0]!]);
  assert.equal([told.outcomes, told.patches], [['known'], [{ key: PRICE, value: 2, conflict: false }]]);
});

test('loaded documents are bounded by number and by operations (G12)', async () => {
  const shop = new Device('shop', { documentsMax: 3 });
  for (let index = 0; index < 12; index++) {
    const sku = `SKU-${index}`;
    await shop.commit(catalogDoc(sku), editProduct(sku, { priceMinor: index }));
  }
  assert.ok(shop.documents.loadedCount <= 3);
  assert.ok(shop.documents.counters.evictions > 0);
  const small = new Device('small', { operationsMax: 70 });
  await small.commit(catalogDoc('SKU-1'), editProduct('SKU-1', { priceMinor: 1 }));
  await small.commit(catalogDoc('SKU-2'), editProduct('SKU-2', { priceMinor: 1 }));
  assert.is(small.documents.loadedCount, 1);
});

test('a change not yet durable keeps its document, and one abandoned was never made', async () => {
  const shop = new Device('shop', { documentsMax: 1 });
  const change = await shop.change(DOC, price(1));
  await shop.commit(catalogDoc('B2'), editProduct('B2', { priceMinor: 5 }));
  await shop.commit(catalogDoc('C3'), editProduct('C3', { priceMinor: 5 }));
  assert.ok(shop.documents.isLoaded(DOC), 'the source could not rebuild it');
  assert.is((await rejection(shop.documents.save(DOC))).code, 'DOC_UNSETTLED');
  shop.documents.abandon([change]);
  assert.equal(await shop.documents.read(DOC, [PRICE]), [undefined]);
  const again = await shop.commit(DOC, price(2));
  const hq = new Device('hq');
  const taken = await hq.receive(DOC, again);
  assert.equal([taken.applied, taken.patches.length], [1, 1], 'its sequence number was free again');
});

test('changes of one document made and never reported durable end at a limit', async () => {
  const shop = new Device('shop');
  for (let index = 0; index < UNSETTLED_CHANGES_MAX; index++) {
    await shop.change(DOC, price(index));
  }
  assert.is((await rejection(shop.change(DOC, price(-1)))).code, 'DOC_UNSETTLED');
});

test('calls for one document take effect in the order they were made, even while it loads', async () => {
  const shop = new Device('shop');
  const made = await Promise.all([
    shop.change(DOC, price(1)),
    shop.change(DOC, price(2)),
    shop.change(DOC, price(3)),
  ]);
  const hq = new Device('hq');
  const offered = made.map(({ bytes }) => ({ writer: shop.writer, bytes }));
  assert.is((await hq.receive(DOC, ...offered)).applied, 3);
  assert.equal(await hq.documents.read(DOC, [PRICE]), [3]);
  assert.is(shop.documents.counters.loads, 1);
});

test('a sale gets its turn between the slices of a catch-up', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  const history = [];
  for (let index = 0; index < 1000; index++) {
    history.push(await hq.commit(DOC, price(index)));
  }
  const order: string[] = [];
  const catchUp = shop.receive(DOC, ...history).then(() => order.push('catch-up'));
  const sale = shop.change(DOC, editProduct('A1', { name: 'sold' })).then(() => order.push('sale'));
  await Promise.all([catchUp, sale]);
  assert.equal(order, ['sale', 'catch-up']);
});

test('load(save(d)) is d', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  await hq.commit(DOC, editProduct('A1', { name: 'Оправа «Ё»', priceMinor: 7, barcodes: ['4601', '12'] }));
  shop.snapshots.set(DOC, await hq.documents.save(DOC));
  assert.equal(await shop.documents.heads(DOC), await hq.documents.heads(DOC));
  assert.equal(await cellsOf(shop, DOC), await cellsOf(hq, DOC));
  assert.equal(await shop.documents.save(DOC), await hq.documents.save(DOC));
});

test('a snapshot that cannot be loaded is DOC_UNREADABLE, and the next use tries again', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  await hq.commit(DOC, price(1));
  shop.snapshots.set(DOC, new Uint8Array([1, 2, 3]));
  assert.is((await rejection(shop.documents.heads(DOC))).code, 'DOC_UNREADABLE');
  shop.snapshots.set(DOC, await hq.documents.save(DOC));
  assert.equal(await shop.documents.read(DOC, [PRICE]), [1]);
});

test('reload takes over what the source holds now', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  assert.equal(await shop.documents.read(DOC, [PRICE]), [undefined]);
  await hq.commit(DOC, price(9));
  shop.snapshots.set(DOC, await hq.documents.save(DOC));
  shop.documents.reload(DOC);
  assert.equal(await shop.documents.read(DOC, [PRICE]), [9]);
});

test('closed documents refuse with DOC_CLOSED', async () => {
  const shop = new Device('shop');
  await shop.commit(DOC, price(1));
  shop.documents.close();
  assert.is((await rejection(shop.documents.heads(DOC))).code, 'DOC_CLOSED');
  assert.is(shop.documents.loadedCount, 0);
});

test.run();
