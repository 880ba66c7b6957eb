import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  availableAt,
  type Cell,
  catalogDoc,
  cellsBySku,
  editProduct,
  foldProduct,
  type Mutator,
  type OfferedChange,
  overrideProduct,
  type ProductRow,
  priceAt,
  productConflicts,
  resolveProduct,
} from '../src/index.ts';
import { cellsOf, Device } from './device.ts';

const test = suite('catalog');
const DOC = catalogDoc('A1');

const full = editProduct('A1', {
  name: 'Оправа Ray-Ban',
  priceMinor: 990_000,
  vat: 'vat22',
  barcodes: ['4601234567890', '22'],
  unit: 'piece',
  category: 'Оправы',
  brand: 'Ray-Ban',
});

test('a row is plain JSON of the fields, and has defaults for what nobody set', async () => {
  const hq = new Device('hq');
  const { patches } = await hq.change(DOC, full);
  const row = foldProduct(undefined, 'A1', patches);
  assert.equal(JSON.parse(JSON.stringify(row)), {
    sku: 'A1',
    name: 'Оправа Ray-Ban',
    priceMinor: 990_000,
    vat: 'vat22',
    barcodes: ['22', '4601234567890'],
    unit: 'piece',
    category: 'Оправы',
    brand: 'Ray-Ban',
    retired: false,
    overrides: {},
    conflicts: [],
  });
  const bare = foldProduct(undefined, 'B', []);
  assert.equal([bare.priceMinor, bare.vat, bare.unit, bare.name], [null, null, 'piece', '']);
});

test('two who edit different fields both keep their work', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  await shop.receive(DOC, await hq.commit(DOC, full));
  const renamed = await hq.commit(DOC, editProduct('A1', { name: 'Aviator' }));
  const priced = await shop.commit(DOC, editProduct('A1', { priceMinor: 880_000 }));
  await hq.receive(DOC, priced);
  await shop.receive(DOC, renamed);
  for (const device of [hq, shop]) {
    const row = foldProduct(undefined, 'A1', await device.documents.cells(DOC));
    assert.equal([row.name, row.priceMinor, row.conflicts], ['Aviator', 880_000, []]);
  }
});

test('two who edit one field leave a conflict with both values, authors and times, until it is resolved', async () => {
  const [hq, shop] = [new Device('hq'), new Device('shop')];
  await shop.receive(DOC, await hq.commit(DOC, full));
  const theirs = await hq.commit(DOC, editProduct('A1', { priceMinor: 1 }));
  const ours = await shop.commit(DOC, editProduct('A1', { priceMinor: 2 }));
  const atHq = await hq.receive(DOC, ours);
  const atShop = await shop.receive(DOC, theirs);
  const rows = [atHq, atShop].map(({ patches }) => foldProduct(undefined, 'A1', patches));
  assert.equal(rows[0], rows[1], 'both see one winner and the conflict');
  assert.equal(rows[0]?.conflicts, ['priceMinor']);
  const [conflict] = await productConflicts(hq.documents, rows[0]!, [hq.writer, shop.writer]);
  assert.is(conflict?.field, 'priceMinor');
  assert.equal([...conflict!.values].sort(), [1, 2]);
  assert.is(conflict?.values.at(-1), rows[0]?.priceMinor, 'the winner stands last');
  assert.equal([...conflict!.authors].sort(), [hq.writer, shop.writer].sort());
  assert.equal(conflict?.times, [1_700_000_000_000, 1_700_000_000_000]);

  const resolution = await hq.commit(DOC, resolveProduct('A1', 'priceMinor', rows[0]!.priceMinor));
  const resolved = await shop.receive(DOC, resolution);
  const row = foldProduct(rows[1], 'A1', resolved.patches);
  assert.equal([row.conflicts, row.priceMinor], [[], rows[0]!.priceMinor]);
  assert.equal(await productConflicts(hq.documents, { sku: 'A1', conflicts: ['priceMinor'] }, []), []);
});

test('a branch overrides price and availability for itself and can take that back', async () => {
  const hq = new Device('hq');
  await hq.commit(DOC, full);
  await hq.commit(DOC, overrideProduct('A1', 'B001', { priceMinor: 5, available: false }));
  let row = foldProduct(undefined, 'A1', await hq.documents.cells(DOC));
  assert.equal([priceAt(row, 'B001'), availableAt(row, 'B001')], [5, false]);
  assert.equal([priceAt(row, 'B002'), availableAt(row, 'B002')], [990_000, true]);
  const { patches } = await hq.change(
    DOC,
    overrideProduct('A1', 'B001', { priceMinor: null, available: null }),
  );
  row = foldProduct(row, 'A1', patches);
  assert.equal(row.overrides, {});
});

test('cells of a wrong type or of a later version do not break a row', () => {
  const cells: Cell[] = [
    { key: 'A1/name', value: 5, conflict: false },
    { key: 'A1/priceMinor', value: -1, conflict: false },
    { key: 'A1/vat', value: 'vat99', conflict: false },
    { key: 'A1/barcodes', value: null, conflict: false },
    { key: 'A1/unit', value: true, conflict: false },
    { key: 'A1/colour', value: 'red', conflict: false },
    { key: 'A1/priceMinor@B1', value: 'x', conflict: false },
    { key: 'B/name', value: 'other', conflict: false },
  ];
  assert.equal(foldProduct(undefined, 'A1', cells), foldProduct(undefined, 'A1', []));
});

const edit: fc.Arbitrary<{ device: number; make: Mutator }> = fc.record({
  device: fc.nat(2),
  make: fc.oneof(
    fc
      .record({ sku: fc.constantFrom('A1', 'A1', 'B/~%'), priceMinor: fc.nat(5) })
      .map(({ sku, priceMinor }) => editProduct(sku, { priceMinor })),
    fc
      .record({ sku: fc.constantFrom('A1', 'B/~%'), name: fc.string({ maxLength: 5, unit: 'grapheme' }) })
      .map(({ sku, name }) => editProduct(sku, { name: name.replaceAll(/\p{Cs}/gu, '') })),
    fc
      .record({ branch: fc.constantFrom('X', 'Y'), available: fc.boolean() })
      .map(({ branch, available }) => overrideProduct('A1', branch, { available })),
  ),
});

test('strong eventual consistency: any order, repetition and grouping gives one document and one row (property, G3)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(edit, { maxLength: 20 }),
      fc.array(fc.record({ to: fc.nat(2), from: fc.nat(60), count: fc.nat(4) }), { maxLength: 30 }),
      fc.infiniteStream(fc.nat(1000)),
      async (edits, gossip, dice) => {
        const devices = ['one', 'two', 'three'].map((name) => new Device(name));
        const rows = devices.map(() => new Map<string, ProductRow>());
        const fold = (device: number, cells: readonly Cell[]) => {
          for (const [sku, own] of cellsBySku(cells)) {
            rows[device]!.set(sku, foldProduct(rows[device]!.get(sku), sku, own));
          }
        };
        const all: OfferedChange[] = [];
        const pending = [...gossip];
        for (const { device, make } of edits) {
          const made = await devices[device]!.documents.change(DOC, devices[device]!.writer, [make]);
          if (made !== undefined) {
            fold(device, made.patches);
            all.push({ writer: devices[device]!.writer, bytes: made.bytes });
          }
          const message = pending.pop();
          if (message !== undefined) {
            const some = all.slice(message.from % (all.length + 1)).slice(0, message.count);
            fold(message.to, (await devices[message.to]!.documents.apply(DOC, some)).patches);
          }
        }
        const roll = dice[Symbol.iterator]();
        for (const [index, device] of devices.entries()) {
          const shuffled = all.map((change) => ({ change, at: roll.next().value as number }));
          shuffled.sort((a, b) => a.at - b.at);
          const half = shuffled.length >> 1;
          for (const part of [shuffled.slice(0, half), shuffled.slice(half), shuffled.slice(0, 3)]) {
            fold(
              index,
              (
                await device.documents.apply(
                  DOC,
                  part.map(({ change }) => change),
                )
              ).patches,
            );
          }
        }
        for (const [index, device] of devices.entries()) {
          assert.equal(await device.documents.heads(DOC), await devices[0]!.documents.heads(DOC));
          assert.equal(await cellsOf(device, DOC), await cellsOf(devices[0]!, DOC));
          const rebuilt = new Map<string, ProductRow>();
          for (const [sku, own] of cellsBySku(await device.documents.cells(DOC))) {
            rebuilt.set(sku, foldProduct(undefined, sku, own));
          }
          assert.equal([...rows[index]!].sort(), [...rebuilt].sort());
        }
      },
    ),
    { numRuns: 40 },
  );
});

test.run();
