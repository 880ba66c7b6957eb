/** S-61: bad input of every kind is refused in the caller's own form, costs others nothing, and stores nothing. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { posOrder } from '../../../test/support/pos-offline-sync/records.ts';
import { BytesGate, GATE_WAITING_MAX } from '../../src/http/pos-offline-sync/bytes-gate.ts';
import { POS_BODY_BYTES_MAX } from '../../src/http/pos-offline-sync/pos-sync-door.ts';
import { addPosKey, putReference } from '../../src/pos-offline-sync/head-office-desk.ts';
import { POS_KEYS_MAX } from '../../src/pos-offline-sync/pos-sync-book.ts';
import { PUSHES_WAITING_MAX, PushDesk } from '../../src/pos-offline-sync/push-desk.ts';
import {
  PULL_ENTITIES_MAX,
  PUSH_RECORDS_MAX,
  RECORD_BYTES_MAX,
  RECORD_DEPTH_MAX,
} from '../../src/pos-offline-sync/wire.ts';
import { CloudScene, type PosCaller } from './support/cloud-scene.ts';

const test = suite('what pos_offline_sync is refused');

const NO_KEY = { success: false, error: 'Autenticación inválida' };

/** Everything this head office has written, as the length of each feed. */
function written(scene: CloudScene): string {
  return [...scene.hq.node!.feeds().values()]
    .map(({ feed, head }) => `${feed} ${head.seq}`)
    .sort()
    .join();
}

async function refused(
  scene: CloudScene,
  call: () => Promise<{ status: number; json: unknown }>,
): Promise<unknown> {
  const before = written(scene);
  const { status, json } = await call();
  assert.is(status, 200, 'a status from 400 on burns a try of every row');
  assert.is(written(scene), before, 'nothing was stored');
  return json;
}

test('(10) wrong or absent key: rejected; the key of branch A cannot write as B', async () => {
  await using scene = await CloudScene.open();
  const [one, other] = [await scene.branch('B001', { id: 1 }), await scene.branch('B002', { id: 2 })];
  const body = {
    model: 'pos.order',
    warehouse_id: 1,
    records: [{ queue_id: 1, local_id: 1, operation: 'create', data: posOrder({ id: 1 }) }],
  };
  assert.equal(await refused(scene, () => scene.call('/push', body)), NO_KEY);
  assert.equal(await refused(scene, () => scene.call('/push', body, 'blk_of-nobody')), NO_KEY);
  for (const path of ['/pull', '/migration/manifest', '/migration/pull_batch']) {
    assert.equal(
      await refused(scene, () => scene.call(path, { warehouse_id: 1, entities: [] })),
      NO_KEY,
      path,
    );
  }
  for (const path of ['/stock', '/products']) {
    const json = (await refused(scene, () => scene.rpc(path, { warehouse_id: 1 }))) as { result: unknown };
    assert.equal(json.result, NO_KEY, path);
  }
  const foreign: PosCaller = { ...one, warehouse: other.warehouse };
  const as = await refused(scene, () => scene.push(foreign, 'pos.order', [[1, 1, posOrder({ id: 1 })]]));
  assert.equal(as, { success: false, error: 'Almacén no encontrado para esta clave' });
  const byId = await refused(scene, () =>
    scene.call('/pull', { warehouse_id: 2, entities: ['stock.quant'] }, one.key),
  );
  assert.equal(byId, { success: false, error: 'Almacén no encontrado para esta clave' });
  // The key may stand in the body, too.
  const { json } = await scene.call('/push', { ...body, api_key: one.key });
  assert.is(json.results[0].success, true);
  await scene.services.posSync!.revokeKey(one.id);
  assert.equal(await refused(scene, () => scene.call('/push', { ...body, api_key: one.key })), NO_KEY);
  assert.is((await scene.services.orders.list({ limit: 10, branch: 'B002' })).orders.length, 0);
});

test('a key is kept as a hash alone, and a branch with a device of its own gets none', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  for await (const { runs } of scene.hq.store!.replay(0)) {
    for (const { entries } of runs) {
      assert.not.ok(entries.some((bytes) => Buffer.from(bytes).includes(b17.key)));
    }
  }
  assert.not.match(JSON.stringify(scene.services.posSync!.branches()), b17.key);
  await scene.chain.machine('B018');
  let code = '';
  await scene.branch('B018').catch((error: { code: string }) => {
    code = error.code;
  });
  assert.is(code, 'CHANGE_INVALID');
});

test('a model nobody may push, an unknown warehouse, a missing one', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  for (const model of ['res.users', 'ir.config_parameter', 'product.product', 'constructor', '__proto__']) {
    const json = await refused(scene, () => scene.push(b17, model, [[1, 1, { login: 'x' }]]));
    assert.equal(json, { success: false, error: `Modelo no permitido: ${model}` });
  }
  const elsewhere = { ...b17, warehouse: 'Otra sucursal' };
  const unknown = await refused(scene, () =>
    scene.push(elsewhere, 'pos.order', [[1, 1, posOrder({ id: 1 })]]),
  );
  assert.equal(unknown, { success: false, error: 'Almacén no encontrado para esta clave' });
  const none = await refused(scene, () => scene.call('/push', { model: 'pos.order', records: [] }, b17.key));
  assert.is((none as { success: boolean }).success, false);
  const dumped = await scene.pull(b17, ['res.users', 'ir.config_parameter', 'pos.sync.config']);
  assert.equal(dumped.json.data, { 'res.users': [], 'ir.config_parameter': [], 'pos.sync.config': [] });
});

test('a push of 100 000 records, and one of many megabytes: refused, nothing stored, memory bounded', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const many = Array.from({ length: 100_000 }, (_, at) => ({ queue_id: at, local_id: at, data: {} }));
  const body = { model: 'pos.order', warehouse_id: 1, records: many };
  const counted = (await refused(scene, () => scene.call('/push', body, b17.key))) as { error: string };
  assert.match(counted.error, `máximo ${PUSH_RECORDS_MAX}`);
  const large = { ...body, records: [], filler: 'x'.repeat(POS_BODY_BYTES_MAX) };
  const measured = (await refused(scene, () => scene.call('/push', large, b17.key))) as { error: string };
  assert.match(measured.error, `máximo ${POS_BODY_BYTES_MAX} bytes`);
});

test('malformed JSON-RPC is told so by its own codes; malformed JSON has no fields', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const rpc = async (body: unknown) =>
    (await refused(scene, () => scene.call('/stock', body, b17.key))) as {
      id: unknown;
      error: { code: number };
    };
  assert.is((await rpc('{"jsonrpc":')).error.code, -32_700);
  for (const body of [
    [],
    'null',
    { warehouse_id: 1 },
    { jsonrpc: '1.0', method: 'call', params: {} },
    { jsonrpc: '2.0', params: {} },
  ]) {
    const { id, error } = await rpc(body);
    assert.is(error.code, -32_600);
    assert.is(id, null);
  }
  const { json } = await scene.call('/push', '{"model":', b17.key);
  assert.is(json.success, false);
  const elsewhere = await fetch(`${scene.url}/pos_offline_sync/push_anything`, {
    method: 'POST',
    body: '{}',
  });
  assert.is(elsewhere.status, 404);
  assert.is(((await elsewhere.json()) as { success: boolean }).success, false);
});

test('a bad record costs the others of its batch nothing, and every queue_id comes back', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const records = [
    { queue_id: 1, local_id: 1, operation: 'create', data: posOrder({ id: 1 }) },
    { queue_id: 2, operation: 'create', data: posOrder({ id: 2 }) },
    { queue_id: 3, local_id: 3, operation: 'drop table', data: {} },
    { queue_id: 4, local_id: 4, operation: 'create', data: 'text' },
    null,
    { queue_id: 6, local_id: 6, operation: 'create', data: posOrder({ id: 6 }) },
  ];
  const { json } = await scene.call('/push', { model: 'pos.order', warehouse_id: 1, records }, b17.key);
  assert.equal(
    json.results.map((each: { queue_id: unknown; success: boolean }) => [each.queue_id, each.success]),
    [
      [1, true],
      [2, false],
      [3, false],
      [4, false],
      [null, false],
      [6, true],
    ],
  );
  assert.is((await scene.services.orders.list({ limit: 10 })).orders.length, 2);
});

test('limits: a record too large, a pull of too many models, keys and references, pushes that wait', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const large = posOrder({ id: 1, more: { note: 'x'.repeat(RECORD_BYTES_MAX) } });
  const datas = [
    large,
    posOrder({ id: 2 }),
    posOrder({ id: 3, more: { deep: 'DEEP' } }),
    posOrder({ id: 4 }),
  ];
  const records = datas.map((data, at) => ({
    queue_id: at + 1,
    local_id: at + 1,
    operation: 'create',
    data,
  }));
  const text = JSON.stringify({ model: 'pos.order', warehouse_id: 1, records });
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const { json } = await scene.call('/push', text.replace('"DEEP"', deep), b17.key);
  assert.equal(json.summary, { total: 4, successful: 2, failed: 2 });
  assert.match(json.results[2].error, `máximo ${RECORD_DEPTH_MAX} niveles`);
  assert.match(json.results[0].error, `máximo ${RECORD_BYTES_MAX}`);
  const models = Array.from({ length: PULL_ENTITIES_MAX + 1 }, (_, at) => `m.${at}`);
  assert.is((await scene.pull(b17, models)).json.success, false);

  const trade = { isBranch: () => false } as never;
  const codeOf = (call: () => unknown): unknown => {
    try {
      call();
      return undefined;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const full = {
    keys: Array.from({ length: POS_KEYS_MAX }, () => ({ revoked: true })),
    hasRoomFor: () => false,
  } as never;
  const wanted = { branch: 'B1', warehouse: { name: 'W' } };
  assert.is(
    codeOf(() => addPosKey(trade, full, {} as never, wanted)),
    'OVERLOADED',
  );
  const reference = { model: 'account.tax', id: 'x', fields: {}, archived: false };
  assert.is(
    codeOf(() => putReference(trade, full, {} as never, reference)),
    'OVERLOADED',
  );

  let answer: (value: object) => void = () => undefined;
  const held = new Promise<object>((resolve) => {
    answer = resolve;
  });
  const desk = new PushDesk({
    pipeline: { submit: () => held } as never,
    alarms: { raise: () => undefined, clearAbout: () => undefined } as never,
    taking: (key) => ({ key, book: { hasUnlinked: () => false } }) as never,
  });
  const one = {
    model: 'pos.order',
    warehouse: { id: 1, name: undefined },
    records: [{ queueId: 1, localId: 1, operation: 'create', data: {} }],
  } as const;
  const pushes = Array.from({ length: PUSHES_WAITING_MAX }, () => desk.push({ branch: 'B1' } as never, one));
  let words = '';
  await desk.push({ branch: 'B2' } as never, one).catch((error: Error) => {
    words = error.message;
  });
  assert.match(words, 'ocupado');
  answer({ body: { cloud_id: 1 } });
  assert.is((await Promise.all(pushes)).length, PUSHES_WAITING_MAX);
});

test('an order that adds up to nothing is kept as it came, answered, and shown to a person', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const bad = posOrder({ id: 7, more: { lines: [], amount_total: 'a lot' } });
  const { json } = await scene.push(b17, 'pos.order', [[1, 7, bad]]);
  assert.is(json.results[0].success, true, 'the branch is rid of it');
  assert.is((await scene.services.orders.list({ limit: 10 })).orders.length, 0);
  const [waiting] = (await scene.services.posSync!.unsettled()) as {
    key: string;
    reason: string;
    record: string;
  }[];
  assert.is(waiting!.reason, 'NO_TOTAL');
  assert.equal(JSON.parse(waiting!.record), bad);
  const alarms = () => scene.services.sync.status().alarms.map(({ code }) => code);
  assert.ok(alarms().includes('POS_RECORD_UNSETTLED'));
  await scene.services.posSync!.resolve(scene.hq.request({ reason: 'a test sale' }), waiting!.key);
  assert.equal(await scene.services.posSync!.unsettled(), []);
  assert.not.ok(alarms().includes('POS_RECORD_UNSETTLED'));
  const again = await scene.push(b17, 'pos.order', [[9, 7, bad]]);
  assert.is(again.json.results[0].cloud_id, json.results[0].cloud_id);
  assert.equal(await scene.services.posSync!.unsettled(), []);
});

test('an order another program sold for nothing has happened: it is kept, and no register owes its receipt', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const gift = posOrder({ id: 8, lines: [{ code: 'TEA', qty: 1, gross: 0 }], more: { payments: [] } });
  const { json } = await scene.push(b17, 'pos.order', [[1, 8, gift]]);
  assert.is(json.results[0].success, true);
  const { orders } = await scene.services.orders.list({ limit: 10, branch: 'B017' });
  assert.equal(
    orders.map(({ totalMinor }) => totalMinor),
    [0],
  );
  assert.not.ok(written(scene).includes('receipts/B017'));
});

test('bodies of many callers take turns: no more than the bound is held, and a queue beyond its limit is refused', async () => {
  const gate = new BytesGate(100);
  const first = await gate.enter(60);
  const order: string[] = [];
  const large = gate.enter(90).then((leave) => {
    order.push('large');
    return leave;
  });
  const small = gate.enter(10).then((leave) => {
    order.push('small');
    return leave;
  });
  assert.is(gate.heldBytes, 60, 'nobody overtakes who waits');
  first();
  (await large)();
  (await small)();
  assert.equal(order, ['large', 'small']);
  assert.is(gate.heldBytes, 0);
  const holder = await gate.enter(100);
  const queue = Array.from({ length: GATE_WAITING_MAX }, () => gate.enter(1).then((leave) => leave()));
  let words = '';
  await gate.enter(1).catch((error: Error) => {
    words = error.message;
  });
  assert.match(words, 'ocupado');
  holder();
  await Promise.all(queue);
  assert.is(gate.heldBytes, 0);
});

test.run();
