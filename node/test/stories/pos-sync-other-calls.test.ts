/** S-61: the routes of the module that its own client never calls: one thing pushed, a page of a list, in the module's fields. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Json, partner, posOrder } from '../../../test/support/pos-offline-sync/records.ts';
import { OTHER_CALLS } from '../../src/pos-offline-sync/other-calls.ts';
import { CloudScene } from '../pos-offline-sync/support/cloud-scene.ts';

const test = suite('other calls of pos_offline_sync');

const at = { warehouse_id: 1 };

test('an order and its refund pushed alone are those of a push, once', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const order = posOrder({ id: 9, reference: 'Orden 1' });
  const call = async (path: string, body: Json) => (await scene.call(path, { ...at, ...body }, b17.key)).json;
  const first = await call('/push_order', { order_data: order });
  assert.equal([first.success, first.order_name], [true, 'B017.P-000001']);
  assert.equal((await call('/push_order', { order_data: order })).order_id, first.order_id);
  assert.is((await scene.push(b17, 'pos.order', [[1, 9, order]])).json.results[0].cloud_id, first.order_id);
  const back = posOrder({
    id: 10,
    reference: 'Orden 2',
    lines: [{ code: 'TEA', qty: -2, gross: -5.98 }],
    more: { refund_order_pos_reference: 'Orden 1', original_order: { id: 9 } },
  });
  const refund = await call('/push_refund', { refund_data: back });
  assert.equal(
    [refund.success, refund.refund_name, refund.pos_reference, refund.original_order_id, refund.error],
    [true, 'B017.PR-000001', 'Orden 2', 9, null],
  );
  assert.is((await scene.services.orders.list({ limit: 10, branch: 'B017' })).orders.length, 1);
  for (const [path, body] of [
    ['/push_order', {}],
    ['/push_order', { order_data: [] }],
    ['/push_order', { order_data: { name: 'no id' } }],
    ['/push_refund', { refund_data: null }],
    ['/push_partner', {}],
  ] as const) {
    assert.is((await call(path, body)).success, false, path);
  }
  const waiting = posOrder({ id: 11, lines: [] });
  await call('/push_order', { order_data: waiting });
  const { result: pending } = (await scene.rpc('/orders/pending', at, b17.key)).json;
  assert.equal([pending.count, pending.orders[0].id], [1, 11]);
  const { result: status } = (await scene.rpc('/status', at, b17.key)).json;
  assert.equal([status.success, status.pending_count, status.total_synced_orders], [true, 1, 1]);
  assert.equal([status.config.name, status.config.operation_mode], [b17.warehouse, 'hybrid']);
  assert.match(status.config.last_sync_date, /^2026-11-22T/);
});

test('customers: alone, many, both ways, and made by hand; the same tax number is one and stays as it was', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const ana = partner({ id: 5, vat: '1790011674001', name: 'Ana' });
  const one = (await scene.call('/push_partner', { partner_data: ana }, b17.key)).json;
  assert.equal([one.success, one.partner_name], [true, 'Ana']);
  const bob = { queue_id: 3, local_id: 6, operation: 'create', data: partner({ id: 6, name: 'Bob' }) };
  const many = (await scene.call('/push_partner', { partners: [bob] }, b17.key)).json;
  assert.equal([many.results[0].queue_id, many.summary.successful], [3, 1]);
  const create = async (partner_data: Json) =>
    (await scene.rpc('/partner/create', { partner_data }, b17.key)).json.result;
  const known = await create({ name: 'Someone else', vat: '1790011674001' });
  assert.equal([known.partner_id, known.partner_name], [one.partner_id, 'Ana']);
  const carla = await create({ name: 'Carla', phone: '+593' });
  assert.is((await create({ name: 'Carla', phone: '+593' })).partner_id, carla.partner_id, 'once');
  assert.is((await create({ phone: '1' })).success, false);
  const { json: both } = await scene.call('/partner/sync', { ...at, local_partners: [bob] }, b17.key);
  assert.equal([both.push.successful, both.pull.count], [1, 3]);
  for (const { partners, total } of [
    (await scene.call('/pull_partners', { limit: 2, offset: 1 }, b17.key)).json,
    (await scene.rpc('/partners', { limit: 2, offset: 1 }, b17.key)).json.result,
  ]) {
    assert.equal([partners.map(({ name }: { name: string }) => name), total], [['Bob', 'Carla'], 3]);
  }
});

test('lists are all there is, in pages; credit lines stand with their institution', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  for (const sku of ['A', 'B', 'C']) {
    await scene.product(sku, { name: sku, priceMinor: 100, vat: 'vat20' });
  }
  const credit = { institution_id: 3, institution_id_institutions: '77', partner_vat: '17', sale: 100 };
  await scene.push(b17, 'institution', [[1, 3, { id: 3, id_institutions: '77', name: 'Cooperativa' }]]);
  await scene.push(b17, 'institution.client', [[2, 4, { ...credit, available_amount: 60 }]]);
  const said = scene.hq.request({ fields: { name: 'Régimen' }, archived: false });
  await scene.services.posSync!.putReference(said, 'account.fiscal.position', 'general');
  const pull = async (path: string, body: Json = {}) =>
    (await scene.call(path, { last_sync: '2030-01-01T00:00:00', ...body }, b17.key)).json;
  const { products, total, count, offset } = await pull('/pull_products', { limit: 2, offset: 2 });
  assert.equal([products[0].default_code, total, count, offset], ['C', 3, 1, 2]);
  assert.is((await pull('/pull_fiscal_positions')).fiscal_positions[0].name, 'Régimen');
  const { programs } = await pull('/pull_loyalty_programs');
  assert.equal([programs[0].program_type, Array.isArray(programs[0].rules)], ['loyalty', true]);
  assert.is((await pull('/pull_loyalty_programs', { program_types: ['promotion'] })).count, 0);
  assert.equal((await pull('/pull_pricelists')).pricelists, []);
  const { institutions } = await pull('/pull_institutions');
  assert.equal([institutions[0].name, institutions[0].clients[0].available_amount], ['Cooperativa', 60]);
  const clients = async (body: Json) => (await pull('/pull_institution_clients', body)).count;
  assert.equal([await clients({ partner_vat: '17' }), await clients({ partner_vat: '18' })], [1, 0]);
  assert.is(await clients({ institution_id: institutions[0].id }), 1);
  for (const [path, name] of [
    ['/pull_sessions', 'sessions'],
    ['/pull_stock_transfers', 'transfers'],
  ] as const) {
    const empty = await pull(path);
    assert.equal([empty.success, empty.total, empty[name]], [true, 0, []]);
  }
});

test('each wants a key and the warehouse of the key; what is not kept is refused in words, nothing stored', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017', { id: 1 });
  const stored = (): number =>
    [...scene.hq.node!.feeds().values()].reduce((sum, { head }) => sum + head.seq, 0);
  const before = stored();
  assert.is(Object.keys(OTHER_CALLS).length, 19);
  for (const [name, { form }] of Object.entries(OTHER_CALLS)) {
    const body = {
      warehouse_id: 2,
      order_data: posOrder({ id: 1 }),
      refund_data: posOrder({ id: 1 }),
      partner_data: partner({ id: 1 }),
      local_partners: [],
    };
    const call = async (key?: string) => {
      const { status, json } =
        form === 'rpc' ? await scene.rpc(`/${name}`, body, key) : await scene.call(`/${name}`, body, key);
      assert.is(status, 200);
      return form === 'rpc' ? json.result : json;
    };
    assert.equal(await call(), { success: false, error: 'Autenticación inválida' }, name);
    assert.equal(
      await call(b17.key),
      { success: false, error: 'Almacén no encontrado para esta clave' },
      name,
    );
  }
  for (const path of ['/push_session', '/push_stock_transfer']) {
    const { json } = await scene.call(path, { ...at, session_data: {}, transfer_data: {} }, b17.key);
    assert.is(json.success, false);
    assert.match(json.error, /^No se guarda aquí/);
  }
  assert.is(stored(), before);
});

test.run();
