/** S-61, the contract of an existing install: the routes its client calls, in their own form, and what is behind an answer. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { partner, posOrder } from '../../../test/support/pos-offline-sync/records.ts';
import { CloudScene } from './support/cloud-scene.ts';

const test = suite('the cloud of pos_offline_sync');

const INT32_MAX = 2 ** 31 - 1;

test('a pushed order is one of the chain: its number, its lines, its stock, in the normal API', async () => {
  await using scene = await CloudScene.open();
  await scene.product('TEA', { name: 'Tea', priceMinor: 299, vat: 'none', barcodes: ['7861234567890'] });
  const b17 = await scene.branch('B017');
  const { status, json } = await scene.push(b17, 'pos.order', [[123, 456, posOrder({ id: 456, paid: 10 })]]);
  assert.is(status, 200);
  assert.is(json.success, true);
  assert.equal(json.summary, { total: 1, successful: 1, failed: 0 });
  const [result] = json.results;
  assert.is(result.success, true);
  assert.is(result.queue_id, 123);
  assert.is(result.local_id, 456);
  assert.ok(Number.isInteger(result.cloud_id) && result.cloud_id > 0 && result.cloud_id <= INT32_MAX);
  assert.is(result.pos_reference, 'Orden 00007-001-0456');
  assert.is(result.order_name, 'B017.P-000001');
  assert.is(result.payments_count, 1);

  const { orders } = await scene.services.orders.list({ limit: 10, branch: 'B017' });
  assert.is(orders.length, 1);
  const [order] = orders;
  assert.is(order!.number, 'B017.P-000001');
  assert.is(order!.totalMinor, 598);
  assert.is(order!.changeMinor, 402);
  assert.equal(order!.payments, [{ kind: 'cash', amountMinor: 1000 }]);
  assert.is(order!.lines[0]!.sku, 'TEA');
  assert.is(order!.lines[0]!.quantityMilli, 2000);
  assert.is(order!.till, 'Caja 1');
  assert.is(order!.cashier, 'Ana');
  assert.is(order!.receipt.state, 'printed', 'by the other program');
  assert.is(order!.pushed!.reference, 'Orden 00007-001-0456');
  assert.is((await scene.services.stock.get('TEA', 'B017'))!.onHandMilli, -2000);
  assert.is((await scene.services.stock.get('TEA'))!.onHandMilli, 0, 'nothing moved at head office');
});

test('what was pushed reaches the other devices of the chain that read it, with its numbers and its stock', async () => {
  await using scene = await CloudScene.open();
  const carrier = await scene.chain.machine('B900', { role: 'carrier' });
  await carrier.start({ peers: [`http://${scene.hq.address}`] });
  const b17 = await scene.branch('B017');
  await scene.push(b17, 'pos.order', [[1, 1, posOrder({ id: 1 })]]);
  await scene.chain.until(
    async () => (await carrier.services.stock.get('TEA', 'B017'))?.onHandMilli === -2000,
  );
  const { orders } = await carrier.services.orders.list({ limit: 10, branch: 'B017' });
  assert.equal(orders, (await scene.services.orders.list({ limit: 10, branch: 'B017' })).orders);
});

test('the same row again, and after a crash, is answered the same and stored once', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const rows = [1, 2, 3].map((id) => [id, id, posOrder({ id })] as const);
  const first = await scene.push(b17, 'pos.order', rows);
  const again = await scene.push(b17, 'pos.order', rows);
  assert.equal(again.json, first.json);
  await scene.crash();
  await scene.start();
  const later = await scene.push(
    b17,
    'pos.order',
    rows.map(([, id, data]) => [id + 100, id, data] as const),
  );
  assert.equal(
    later.json.results.map((each: { cloud_id: number }) => each.cloud_id),
    first.json.results.map((each: { cloud_id: number }) => each.cloud_id),
  );
  const { orders } = await scene.services.orders.list({ limit: 10 });
  assert.equal(
    orders.map(({ number }) => number),
    ['B017.P-000001', 'B017.P-000002', 'B017.P-000003'],
  );
});

test('an order twice in one batch, with more in it the second time, is one order', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const more = posOrder({ id: 5, more: { state: 'invoiced', key_order: '2'.repeat(49) } });
  const { json } = await scene.push(b17, 'pos.order', [
    [1, 5, posOrder({ id: 5 })],
    [2, 5, more],
  ]);
  assert.is(json.results[0].cloud_id, json.results[1].cloud_id);
  assert.is((await scene.services.orders.list({ limit: 10 })).orders.length, 1);
});

test('a row whose operation became "write" before it was sent is a sale all the same', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const { json } = await scene.push(b17, 'pos.order', [[1, 5, posOrder({ id: 5 }), 'write']]);
  assert.is(json.results[0].success, true);
  assert.is((await scene.services.orders.list({ limit: 10 })).orders.length, 1);
});

test('local ids of two branches, and of one that was installed again, are different sales', async () => {
  await using scene = await CloudScene.open();
  const [one, other] = [await scene.branch('B001'), await scene.branch('B002')];
  await scene.push(one, 'pos.order', [[1, 1, posOrder({ id: 1 })]]);
  await scene.push(other, 'pos.order', [[1, 1, posOrder({ id: 1 })]]);
  await scene.push(one, 'pos.order', [[1, 1, posOrder({ id: 1, created: '2027-02-01 10:00:00' })]]);
  const numbers = (await scene.services.orders.list({ limit: 10 })).orders.map(({ number }) => number);
  assert.equal(numbers.sort(), ['B001.P-000001', 'B001.P-000002', 'B002.P-000001']);
});

test('keys nobody here knows are kept with the order as they were sent', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const data = posOrder({
    id: 9,
    more: { json_storage_data: { json_data: '[{"factura":{}}]' }, sucursal_extra: { x: [1] } },
  });
  await scene.push(b17, 'pos.order', [[1, 9, data]]);
  const feed = [...scene.hq.node!.feeds().values()].find(({ feed }) => feed.startsWith('orders/B017/'))!;
  const run = await scene.hq.store!.read(feed.feed, 1, 1_000_000);
  const { entriesOf } = await import('@branchline/feed');
  const [entry] = entriesOf(run!);
  const { pushed } = entry!.body as { pushed: { record: string } };
  assert.equal(JSON.parse(pushed.record), data);
});

test('a product nobody here knows keeps its line', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const lines = [
    { code: 'NEW-1', name: 'Nuevo', qty: 1, gross: 1 },
    { barcode: '7700000000017', qty: 1, gross: 2 },
    { productId: 99, name: 'Sin código', qty: 0.25, gross: 3 },
  ];
  const { json } = await scene.push(b17, 'pos.order', [[1, 1, posOrder({ id: 1, lines })]]);
  assert.is(json.results[0].success, true);
  const [order] = (await scene.services.orders.list({ limit: 1 })).orders;
  assert.equal(
    order!.lines.map(({ sku }) => sku),
    ['NEW-1', '7700000000017', 'B017.product-99'],
  );
  assert.is(order!.totalMinor, 600);
});

test('a customer pushed is a customer of the chain; an order that came before it names the same one', async () => {
  await using scene = await CloudScene.open();
  const [one, other] = [await scene.branch('B001'), await scene.branch('B002')];
  const vat = '0912345678001';
  await scene.push(one, 'pos.order', [[1, 1, posOrder({ id: 1, partner: { id: 50, vat } })]]);
  const { json } = await scene.push(one, 'res.partner', [
    [2, 50, partner({ id: 50, vat, name: 'Ana Díaz', phone: '0991' })],
  ]);
  const [{ cloud_id: cloudId, partner_name: name }] = json.results;
  assert.is(name, 'Ana Díaz');
  const [order] = (await scene.services.orders.list({ limit: 1 })).orders;
  const customer = await scene.services.customers.get(order!.customer!.id!);
  assert.is(customer!.name, 'Ana Díaz');
  assert.not.match(customer!.id, vat, 'a tax number is in no id');
  // The other branch has the same person under another local id.
  const second = await scene.push(other, 'res.partner', [
    [1, 7, partner({ id: 7, vat, name: 'Ana Díaz', phone: '0992' })],
  ]);
  assert.is(second.json.results[0].cloud_id, cloudId);
  const pulled = await scene.pull(one, ['res.partner']);
  const [down] = pulled.json.data['res.partner'];
  assert.is(down.id, cloudId);
  assert.is(down.vat, vat);
  assert.is(down.phone, '0992');
});

test('a pull has every model asked for, whole, with numbers, and never an order', async () => {
  await using scene = await CloudScene.open();
  const products = Array.from({ length: 620 }, (_, at) => ({
    sku: `SKU-${at}`,
    name: `P ${at}`,
    priceMinor: 100 + at,
    vat: 'vat20' as const,
  }));
  for (let from = 0; from < products.length; from += 310) {
    await scene.services.products.putMany(
      scene.hq.request({ products: products.slice(from, from + 310) } as never),
    );
  }
  const list = { name: 'Mayorista', prices: [{ sku: 'SKU-1', priceMinor: 50 }], archived: false };
  await scene.services.pricing.putPricelist('wholesale', scene.hq.request(list as never));
  const promotion = { name: 'Navidad', percentOff: 10, skus: ['SKU-2'], archived: false };
  await scene.services.pricing.putPromotion('xmas', scene.hq.request(promotion as never));
  const b17 = await scene.branch('B017');
  await scene.push(b17, 'pos.order', [[1, 1, posOrder({ id: 1 })]]);
  const entities = [
    'pos.order',
    'res.partner',
    'product.product',
    'stock.quant',
    'loyalty.program',
    'loyalty.rule',
    'loyalty.reward',
    'hr.employee',
    'pos.payment.method',
    'product.pricelist',
    'account.fiscal.position',
    'pos.session',
    'stock.picking',
    'institution',
    'institution.client',
  ];
  const { json } = await scene.pull(b17, entities);
  assert.is(json.success, true);
  assert.equal(Object.keys(json.data), entities);
  assert.equal(json.data['pos.order'], []);
  assert.equal(json.has_more, {});
  assert.is(json.data['product.product'].length, 620, 'no page of 500');
  const product = json.data['product.product'].find(
    (each: { default_code: string }) => each.default_code === 'SKU-1',
  );
  assert.is(product.lst_price, 1.01);
  assert.is(product.available_in_pos, true);
  const [pricelist] = json.data['product.pricelist'];
  assert.is(pricelist.items[0].product_id, product.id);
  assert.is(pricelist.items[0].fixed_price, 0.5);
  assert.equal(json.data['loyalty.program'].map((each: { name: string }) => each.name).sort(), [
    'Loyalty',
    'Navidad',
  ]);
  const reward = json.data['loyalty.reward'].find(
    (each: { description: string }) => each.description === 'Navidad',
  );
  assert.is(reward.discount, 10);
  assert.is(json.data['pos.payment.method'].length, 4);
  const ids = entities.flatMap((model) => json.data[model].map((record: { id: number }) => record.id));
  assert.ok(ids.every((id: number) => Number.isInteger(id) && id > 0 && id <= INT32_MAX));
  assert.is(new Set(ids).size, ids.length, 'one number, one record');
});

test('the migration counts what there is, and its batches are all of it, once', async () => {
  await using scene = await CloudScene.open();
  for (const sku of ['A', 'B', 'C']) {
    await scene.product(sku, {
      name: `Product ${sku}`,
      priceMinor: 100,
      vat: 'vat20',
      category: 'Té / Verde',
    });
  }
  const b17 = await scene.branch('B017');
  const { json } = await scene.call('/migration/manifest', { warehouse_id: 1 }, b17.key);
  assert.is(json.success, true);
  assert.is(json.sync_order.length, 13);
  assert.equal(Object.keys(json.manifest), json.sync_order);
  assert.is(json.manifest.products, 3);
  assert.is(json.manifest.product_categories, 1);
  assert.is(json.recommended_batch_size, 500);
  const seen: string[] = [];
  for (let offset = 0; ; ) {
    const { json: batch } = await scene.call(
      '/migration/pull_batch',
      { model: 'product.product', limit: 2, offset, warehouse_id: 1 },
      b17.key,
    );
    assert.is(batch.total, 3);
    seen.push(...batch.records.map((each: { default_code: string }) => each.default_code));
    offset += batch.count;
    if (!batch.has_more) {
      break;
    }
  }
  assert.equal(seen.sort(), ['A', 'B', 'C']);
  const refused = await scene.call('/migration/pull_batch', { model: 'res.users', warehouse_id: 1 }, b17.key);
  assert.equal(refused.json, { success: false, error: 'Modelo no permitido: res.users' });
});

test('employees go down to where they work, without their PIN; what head office says by hand goes to all', async () => {
  await using scene = await CloudScene.open();
  const [one, other] = [await scene.branch('B001'), await scene.branch('B002')];
  const ann = { name: 'Ann', role: 'cashier', branches: ['B001'], active: true, pin: '4711' };
  await scene.services.employees.put('E1', scene.hq.request(ann as never, { role: 'admin' }));
  const fields = { name: 'Régimen general', auto_apply: true };
  const said = scene.hq.request({ fields, archived: false });
  await scene.services.posSync!.putReference(said, 'account.fiscal.position', 'general');
  const pulled = async (caller: typeof one) =>
    (await scene.pull(caller, ['hr.employee', 'account.fiscal.position'])).json.data;
  const [here, there] = [await pulled(one), await pulled(other)];
  assert.equal([here['hr.employee'][0].name, here['hr.employee'][0].active], ['Ann', true]);
  assert.is(there['hr.employee'][0].active, false);
  assert.not.match(JSON.stringify(here), /"pin"|4711/);
  assert.is(there['account.fiscal.position'][0].name, 'Régimen general');
  const secret = scene.hq.request({ fields: { pin: '1' }, archived: false });
  let code = '';
  await scene.services
    .posSync!.putReference(secret, 'account.fiscal.position', 'x')
    .catch((error: { code: string }) => {
      code = error.code;
    });
  assert.is(code, 'CHANGE_INVALID');
});

test('quantities are those of the branch, after every sale it has pushed, in its own ids', async () => {
  await using scene = await CloudScene.open();
  await scene.product('TEA', { name: 'Tea', priceMinor: 299, vat: 'none' });
  const b17 = await scene.branch('B017', { id: 1, locationId: 8 });
  const other = await scene.branch('B018', { id: 1, locationId: 8 });
  await scene.services.posSync!.count(
    scene.hq.request({ lines: [{ sku: 'TEA', quantityMilli: 20_000 }] }),
    'B017',
  );
  assert.equal(
    (await scene.pull(b17, ['stock.quant'])).json.data['stock.quant'],
    [],
    'its id of the product is not known yet',
  );
  await scene.push(b17, 'pos.order', [[1, 1, posOrder({ id: 1 })]]);
  const [quant] = (await scene.pull(b17, ['stock.quant'])).json.data['stock.quant'];
  assert.is(quant.product_id, 41);
  assert.is(quant.location_id, 8);
  assert.is(quant.quantity, 18);
  assert.equal((await scene.pull(other, ['stock.quant'])).json.data['stock.quant'], []);
  const { json } = await scene.rpc('/stock', { warehouse_id: 1 }, b17.key);
  assert.is(json.id, 7);
  assert.is(json.result.stock[0].available_quantity, 18);
});

test('right after a full batch no quantities go down: the branch has sales that are not here', async () => {
  await using scene = await CloudScene.open();
  await scene.product('TEA', { name: 'Tea', priceMinor: 299, vat: 'none' });
  const b17 = await scene.branch('B017', { locationId: 8 });
  await scene.services.posSync!.count(
    scene.hq.request({ lines: [{ sku: 'TEA', quantityMilli: 900_000 }] }),
    'B017',
  );
  await scene.push(
    b17,
    'pos.order',
    Array.from({ length: 100 }, (_, at) => [at + 1, at + 1, posOrder({ id: at + 1 })] as const),
  );
  assert.equal((await scene.pull(b17, ['stock.quant'])).json.data['stock.quant'], []);
  await scene.push(b17, 'pos.order', [[200, 200, posOrder({ id: 200 })]]);
  assert.is((await scene.pull(b17, ['stock.quant'])).json.data['stock.quant'][0].quantity, 900 - 202);
});

test('/ping answers anybody, and says whether a key counts; /products is JSON-RPC', async () => {
  await using scene = await CloudScene.open();
  await scene.product('TEA', { name: 'Tea', priceMinor: 299, vat: 'none' });
  const b17 = await scene.branch('B017');
  const ping = async (key?: string) => {
    const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return await (await fetch(`${scene.url}/pos_offline_sync/ping`, { headers })).json();
  };
  const open = (await ping()) as { success: boolean; version: string; timestamp: string };
  assert.is(open.success, true);
  assert.is(open.version, '17.0.1.0.0');
  assert.match(open.timestamp, /^2026-11-22T\d\d:\d\d:\d\d$/);
  assert.is(((await ping(b17.key)) as { success: boolean }).success, true);
  assert.is(((await ping('blk_nobody')) as { success: boolean }).success, false);
  const { json } = await scene.rpc('/products', { limit: 10 }, b17.key);
  assert.is(json.jsonrpc, '2.0');
  assert.is(json.result.total, 1);
  assert.is(json.result.products[0].default_code, 'TEA');
});

test.run();
