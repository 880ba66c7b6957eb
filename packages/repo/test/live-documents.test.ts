/** Live documents as stock clients meet them; L1 to L7 of `live-documents.ts`. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import { type Client, Shop } from './support/shop.ts';

const test = suite<{ shop: Shop }>('live documents');

test.before.each(async (context) => {
  context.shop = await Shop.open();
});
test.after.each(({ shop }) => shop.close());

test('a client reads what the program says, and sees the next price at once', async ({ shop }) => {
  const till = await shop.find(shop.repo('till', 'read'));
  assert.is(till.priceOf('A1'), 990);
  assert.is(String(till.rows.A1?.name), 'Lens');
  shop.set('A1', { name: 'Lens', priceMinor: 1090, retired: false });
  shop.set('B2', { name: 'Case', priceMinor: 50, retired: false });
  await till.shows('A1', 1090);
  await till.shows('B2', 50);
});

test('an edit is decided by the program and shown to everybody', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  const till = await shop.find(shop.repo('till', 'read'));
  manager.edit('A1', 'priceMinor', 1200);
  await till.shows('A1', 1200);
  assert.equal(
    shop.edits.map(({ row, fields }) => [row, fields]),
    [['A1', [{ field: 'priceMinor', value: 1200, seen: 990 }]]],
  );
  assert.is(shop.prices.get('catalog/0')?.get('A1')?.priceMinor, 1200);
  manager.edit('A1', 'name', 'Lens 50 mm');
  await until(30_000, 'a name', () => String(till.rows.A1?.name) === 'Lens 50 mm');
  assert.is(shop.edits[1]?.fields[0]?.value, 'Lens 50 mm');
});

test('L1: a refused edit goes back, and the client is told why', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  manager.edit('A1', 'priceMinor', -5);
  assert.is(manager.priceOf('A1'), -5);
  await manager.shows('A1', 990);
  await manager.refused('EDIT_REFUSED');
  assert.is(manager.refusals[0]?.cause, 'CHANGE_INVALID');
  assert.is(manager.refusals[0]?.row, 'A1');
});

test('L1: so do rows nobody wanted, rows removed, and values no field holds', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  manager.handle.change((doc) => {
    doc.products.NEW = { name: 'New', priceMinor: 1 };
  });
  await manager.refused('EDIT_REFUSED');
  await until(30_000, 'no new row', () => manager.rows.NEW === undefined);
  manager.handle.change((doc) => {
    delete (doc.products as Record<string, unknown>).A1;
  });
  await manager.refused('EDIT_SHAPE');
  await manager.shows('A1', 990);
  manager.edit('A1', 'priceMinor', { deep: true });
  await manager.shows('A1', 990);
  manager.handle.change((doc) => {
    (doc as unknown as Record<string, unknown>).notes = 'mine';
  });
  await until(30_000, 'nothing beside the rows', () => Object.keys(manager.handle.doc()).length === 1);
  assert.is(shop.edits.length, 1);
});

test('L2: nobody sees an edit before it is durable', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  const till = await shop.find(shop.repo('till', 'read'));
  let open: () => void = () => undefined;
  shop.gate = new Promise((resolve) => {
    open = resolve;
  });
  const seen: unknown[] = [];
  till.handle.on('change', () => seen.push(till.priceOf('A1')));
  manager.edit('A1', 'priceMinor', -1);
  manager.edit('A1', 'priceMinor', 1300);
  shop.set('B2', { name: 'Case', priceMinor: 50, retired: false });
  await until(30_000, 'an edit under way', () => shop.live.counts.edits > 0);
  open();
  await till.shows('A1', 1300);
  assert.ok(!seen.includes(-1));
});

test('L3: a reader changes nothing, is told, and goes on receiving', async ({ shop }) => {
  const till = await shop.find(shop.repo('till', 'read'));
  const other = await shop.find(shop.repo('other', 'read'));
  till.edit('A1', 'priceMinor', 1);
  await till.refused('EDIT_READ_ONLY');
  shop.set('B2', { name: 'Case', priceMinor: 60, retired: false });
  await till.shows('B2', 60);
  await other.shows('B2', 60);
  assert.is(other.priceOf('A1'), 990);
  assert.is(shop.edits.length, 0);
});

test('L4: what somebody else changed meanwhile is not overwritten', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  // The program's change and the edit cross: the edit was made on what the client saw.
  shop.prices.get('catalog/0')?.set('A1', { name: 'Lens', priceMinor: 2000, retired: false });
  manager.edit('A1', 'priceMinor', 1500);
  await manager.refused('EDIT_STALE');
  await manager.shows('A1', 2000);
  assert.is(shop.edits.length, 0);
});

test('L5: what is not there, or not for this user, costs an answer', async ({ shop }) => {
  const repo = shop.repo('nobody', 'none');
  const failed = await shop.find(repo).then(
    () => '',
    (error: Error) => error.message,
  );
  assert.match(failed, /unavailable/);
  assert.equal(shop.live.documents({ owner: 'nobody', access: 'none' }), []);
  assert.is(shop.live.counts.documents, 0);
  assert.ok(shop.live.counts.unavailable > 0);
});

test('a document keeps its id and its clients over a restart of the program', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  const url = shop.live.urlOf('catalog/0');
  manager.edit('A1', 'priceMinor', 1111);
  await until(30_000, 'committed', () => shop.prices.get('catalog/0')?.get('A1')?.priceMinor === 1111);
  await shop.live.close();
  shop.set('A1', { name: 'Lens', priceMinor: 1222, retired: false });
  await shop.start();
  assert.is(shop.live.urlOf('catalog/0'), url);
  await manager.shows('A1', 1222);
  manager.edit('A1', 'priceMinor', 1333);
  await until(30_000, 'committed', () => shop.prices.get('catalog/0')?.get('A1')?.priceMinor === 1333);
  assert.equal(manager.refusals, []);
});

test('what a client edited while it was away comes in when it is back', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  await shop.live.close();
  manager.edit('A1', 'priceMinor', 1444);
  await shop.start();
  await until(30_000, 'committed', () => shop.prices.get('catalog/0')?.get('A1')?.priceMinor === 1444);
  assert.is(shop.edits.length, 1);
});

test('a document whose content must not be said any more begins anew under another id', async ({ shop }) => {
  const till = await shop.find(shop.repo('till', 'read'));
  const before = shop.live.urlOf('catalog/0');
  shop.prices.get('catalog/0')?.delete('A1');
  shop.tell({ document: 'catalog/0', rows: undefined });
  await until(30_000, 'another url', () => shop.live.urlOf('catalog/0') !== before);
  assert.is(till.priceOf('A1'), 990);
  const again = await shop.find(shop.repo('till', 'read'));
  assert.equal(Object.keys(again.rows), []);
});

test('an edit the program could not decide is not shown as done', async ({ shop }) => {
  const manager = await shop.find(shop.repo('manager', 'write'));
  const till: Client = await shop.find(shop.repo('till', 'read'));
  shop.isBroken = true;
  manager.edit('A1', 'priceMinor', 1555);
  await until(30_000, 'a failure', () => shop.failures.length > 0);
  assert.is(till.priceOf('A1'), 990);
  shop.isBroken = false;
  shop.set('B2', { name: 'Case', priceMinor: 70, retired: false });
  await till.shows('B2', 70);
});

test.run();
