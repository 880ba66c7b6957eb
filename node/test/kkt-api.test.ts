/**
 * The API of the replaced register adapter, field by field and status by status, over a real socket, a real node and an emulated register.
 * Its fourteen hard cases are in `stories/acceptance-kkt-api.test.ts`.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KktClient, saleBody } from './support/kkt-client.ts';
import { RegisterScene } from './support/register-scene.ts';

const test = suite('kkt api');

const RECEIPT = 3;
const shape = (value: object): string[] => Object.keys(value).sort();

const scene = await RegisterScene.open({ ofd: true });
const pos = await KktClient.open(scene);
test.after(async () => {
  await pos[Symbol.asyncDispose]();
  await scene[Symbol.asyncDispose]();
});

test('a fresh node is online, empty and healthy, and says what it is to programs', async () => {
  // The report of its registration may wait in the storage.
  await pos.untilEmpty();
  const status = await pos.call('GET', '/v1/kkt/buffer/status');
  assert.is(status.status, 200);
  const { network_status, total_capacity, percent_full, pending } = status.json;
  assert.equal([network_status, total_capacity, percent_full, pending], ['online', 200, 0, 0]);
  assert.equal(status.json.alerts, []);
  const health = await pos.call('GET', '/v1/health', undefined, { token: null });
  assert.is(health.status, 200);
  assert.equal(shape(health.json), ['components', 'status', 'version']);
  assert.equal(shape(health.json.components), ['buffer', 'circuit_breaker', 'database']);
  assert.equal(shape(health.json.components.circuit_breaker), [
    'failure_count',
    'last_failure',
    'state',
    'success_count',
  ]);
  assert.equal([health.json.status, health.json.components.circuit_breaker.state], ['healthy', 'CLOSED']);
  assert.equal((await pos.call('GET', '/v1/kkt/worker/status')).json, {
    running: true,
    task_status: 'running',
  });
  assert.equal((await pos.call('GET', '/v1/kkt/heartbeat/status')).json, {
    running: false,
    state: 'unknown',
    consecutive_successes: 0,
    consecutive_failures: 0,
  });
  const facts = await pos.call('GET', '/', undefined, { headers: { accept: 'application/json' } });
  assert.equal(facts.json.status, 'operational');
});

test('a sale is printed, its document is what the storage has, and it is synced once the operator has it', async () => {
  const before = scene.count(RECEIPT);
  const sold = await pos.sell('first');
  assert.is(sold.status, 200, JSON.stringify(sold.json));
  assert.equal(shape(sold.json), ['fiscal_doc', 'message', 'receipt_id', 'status']);
  const { status, receipt_id: id, fiscal_doc: document } = sold.json;
  assert.is(status, 'printed');
  const stored = scene.emulator.device.storage.documents.at(-1)!;
  assert.equal(
    [document.fiscal_doc_number, document.fn_number],
    [stored.fd, scene.emulator.device.storage.fn],
  );
  assert.equal([document.shift_number, document.receipt_number], [stored.shift, 1]);
  assert.match(document.fiscal_sign, /^\d{10}$/);
  assert.match(document.qr_code_data, /^t=\d{8}T\d{4,6}&s=261\.96&fn=\d{16}&i=\d+&fp=\d+&n=1$/);
  assert.equal([document.total, document.inn, document.ofd_name], [261.96, '7700000000', null]);
  assert.is(scene.count(RECEIPT), before + 1);
  await pos.untilSynced([id]);
  const read = await pos.status(id);
  assert.equal(shape(read.json), [
    'created_at',
    'fiscal_doc',
    'id',
    'last_error',
    'retry_count',
    'status',
    'synced_at',
  ]);
  assert.equal([read.json.status, read.json.retry_count, read.json.last_error], ['synced', 0, null]);
  assert.ok(Date.parse(read.json.synced_at) >= Date.parse(read.json.created_at));
  assert.equal(read.json.fiscal_doc, document);
  const buffer = await pos.call('GET', '/v1/kkt/buffer/status');
  assert.ok(buffer.json.synced >= 1);
  assert.is(buffer.json.pending, 0);
});

test('the order behind it has the name, the total and the till of the point of sale', async () => {
  const { json } = await pos.sell('named', {
    pos_id: 'POS-007',
    items: [
      { name: 'Чай / Tea', price: '33.333', quantity: 3, total: '100.00', vat_rate: 10, unknown: 1 },
      { name: 'Bag', price: 5, quantity: 1, total: 5, vat_rate: null },
    ],
    payments: [
      { type: 'card', amount: '100.01' },
      { type: 'other', amount: 5 },
    ],
    customer: { email: 'ann@example.org' },
    anything: true,
  });
  assert.is(json.status, 'printed', JSON.stringify(json));
  const receipt = (await scene.services.receipts.get(json.receipt_id))!;
  const order = (await scene.services.orders.get(receipt.order!))!;
  assert.equal(
    order.lines.map(({ name, quantityMilli, totalMinor, vat }) => [name, quantityMilli, totalMinor, vat]),
    [
      ['Чай / Tea', 3_000, 10_001, 'vat10'],
      ['Bag', 1_000, 500, 'none'],
    ],
  );
  assert.equal([order.till, order.totalMinor, order.changeMinor], ['POS-007', 10_501, 0]);
  assert.is(json.fiscal_doc.total, 105.01);
});

test('a base rate said in the words of before 2026 is the base rate of the day', async () => {
  const items = [{ ...saleBody.items[0]!, vat_rate: 20 }];
  const { json } = await pos.sell('old rate', { items });
  const receipt = (await scene.services.receipts.get(json.receipt_id))!;
  assert.is((await scene.services.orders.get(receipt.order!))!.lines[0]!.vat, 'vat22');
});

test('a repeated key is the first receipt, however the body is written; another body is 409, and prints nothing', async () => {
  const key = 'any text: 00001-001 / T1';
  const first = await pos.sell(key);
  const count = scene.count(RECEIPT);
  const same = await pos.call('POST', '/v1/kkt/receipt', undefined, {
    key,
    raw: JSON.stringify({ ...saleBody, dropped: 1 }, undefined, 2),
  });
  assert.is(same.status, 200);
  assert.is(same.headers.get('idempotency-replayed'), 'true');
  assert.equal(same.json, first.json);
  const other = await pos.sell(key, { payments: [{ type: 'card', amount: 261.96 }] });
  assert.is(other.status, 409);
  assert.equal(shape(other.json), ['detail']);
  assert.is(other.headers.get('branchline-code'), 'IDEMPOTENCY_MISMATCH');
  assert.is(scene.count(RECEIPT), count);
});

test('malformed input is refused in the form of that API, and nothing is stored', async () => {
  const before = [scene.count(RECEIPT), (await scene.services.orders.list({ limit: 500 })).orders.length];
  const item = saleBody.items[0]!;
  const wrong: readonly [what: string, body: unknown, loc: (string | number)[]][] = [
    ['no pos', { ...saleBody, pos_id: '' }, ['body', 'pos_id']],
    ['a type', { ...saleBody, type: 'SALE' }, ['body', 'type']],
    ['no items', { ...saleBody, items: [] }, ['body', 'items']],
    ['no name', { ...saleBody, items: [{ ...item, name: '' }] }, ['body', 'items', 0, 'name']],
    [
      'a long name',
      { ...saleBody, items: [{ ...item, name: 'x'.repeat(256) }] },
      ['body', 'items', 0, 'name'],
    ],
    ['NUL', { ...saleBody, items: [{ ...item, name: 'a\u0000b' }] }, ['body', 'items', 0, 'name']],
    ['price 0', { ...saleBody, items: [{ ...item, price: 0 }] }, ['body', 'items', 0, 'price']],
    ['negative', { ...saleBody, items: [{ ...item, quantity: -1 }] }, ['body', 'items', 0, 'quantity']],
    ['a sum off', { ...saleBody, items: [{ ...item, total: 261.98 }] }, ['body', 'items', 0, 'total']],
    ['rate 13', { ...saleBody, items: [{ ...item, vat_rate: 13 }] }, ['body', 'items', 0, 'vat_rate']],
    ['money off', { ...saleBody, payments: [{ type: 'cash', amount: 261.98 }] }, ['body', 'payments']],
    ['a way', { ...saleBody, payments: [{ type: 'coin', amount: 261.96 }] }, ['body', 'payments', 0, 'type']],
    [
      'overflow',
      { ...saleBody, items: [{ ...item, price: 1e15, total: 1e15 }] },
      ['body', 'items', 0, 'price'],
    ],
    ['a list', [saleBody], ['body']],
  ];
  for (const [what, body, loc] of wrong) {
    const { status, json } = await pos.call('POST', '/v1/kkt/receipt', body);
    assert.is(status, 422, `${what}: ${JSON.stringify(json)}`);
    assert.ok(Array.isArray(json.detail), what);
    assert.equal(shape(json.detail[0]), ['loc', 'msg', 'type'], what);
    assert.ok(
      json.detail.some((one: { loc: unknown }) => JSON.stringify(one.loc) === JSON.stringify(loc)),
      `${what}: ${JSON.stringify(json)}`,
    );
  }
  const headless = await pos.call('POST', '/v1/kkt/receipt', saleBody, { key: null });
  assert.equal([headless.status, headless.json.detail[0].loc], [422, ['header', 'Idempotency-Key']]);
  const broken = await pos.call('POST', '/v1/kkt/receipt', undefined, { raw: '{"pos_id":' });
  assert.equal([broken.status, broken.json.detail[0].type], [422, 'json_invalid']);
  const large = await pos.call('POST', '/v1/kkt/receipt', undefined, { raw: ' '.repeat(101 * 1024) });
  assert.is(large.status, 413);
  const nameless = await pos.call('POST', '/v1/kkt/receipt', { ...saleBody, type: 'refund' });
  assert.equal([nameless.status, nameless.json.detail.slice(0, 16)], [400, 'Invalid request:']);
  const noWhere = await pos.call('GET', '/v1/kkt/nothing');
  assert.equal([noWhere.status, noWhere.json], [404, { detail: 'Not Found' }]);
  assert.equal((await pos.call('PUT', '/v1/kkt/receipt', {})).json, { detail: 'Method Not Allowed' });
  assert.is((await pos.status('nothing')).status, 404);
  const after = [scene.count(RECEIPT), (await scene.services.orders.list({ limit: 500 })).orders.length];
  assert.equal(after, before);
});

test('without a token nothing is done; each call wants its role', async () => {
  const anonymous = await pos.call('POST', '/v1/kkt/receipt', saleBody, { token: null });
  assert.equal([anonymous.status, shape(anonymous.json)], [401, ['detail']]);
  const as = (role: string) => ({ token: pos.token(role) });
  assert.is((await pos.call('POST', '/v1/kkt/receipt', saleBody, as('accountant'))).status, 403);
  assert.is((await pos.call('GET', '/v1/kkt/buffer/status', undefined, as('accountant'))).status, 200);
  assert.is((await pos.call('POST', '/v1/kkt/z_report', undefined, as('cashier'))).status, 403);
  assert.is((await pos.call('POST', '/v1/kkt/buffer/sync', undefined, as('cashier'))).status, 403);
  assert.is((await pos.call('POST', '/v1/kkt/circuit_breaker/reset', undefined, as('manager'))).status, 403);
  const correction = { ...saleBody, type: 'correction' };
  assert.is((await pos.call('POST', '/v1/kkt/receipt', correction, as('cashier'))).status, 403);
  // A till speaks for itself, whatever it calls itself.
  const own = await pos.call('POST', '/v1/kkt/receipt', saleBody, as('cashier'));
  const receipt = (await scene.services.receipts.get(own.json.receipt_id))!;
  assert.is((await scene.services.orders.get(receipt.order!))!.till, 'T-cashier');
});

test('a program of this machine needs no token where the settings say so; one that was forwarded does', async () => {
  await using open = await KktClient.open(
    await RegisterScene.open({
      chain: scene.chain,
      operator: scene.ofd,
      branch: 'B002',
      fn: '9999000000000002',
    }),
    { kktApi: { loopbackRole: 'manager' } },
  );
  const none = { token: null };
  assert.is((await open.call('POST', '/v1/kkt/receipt', saleBody, none)).json.status, 'printed');
  assert.is((await open.call('POST', '/v1/kkt/z_report', undefined, { ...none, key: null })).status, 200);
  assert.is((await open.call('POST', '/v1/kkt/circuit_breaker/reset', undefined, none)).status, 403);
  const forwarded = { ...none, headers: { 'x-forwarded-for': '10.0.0.9' } };
  assert.is((await open.call('POST', '/v1/kkt/receipt', saleBody, forwarded)).status, 401);
  assert.is((await open.call('GET', '/v1/kkt/buffer/status', undefined, { token: 'wrong' })).status, 401);
  assert.is((await open.call('GET', '/v1/orders', undefined, none)).status, 401);
});

test('a correction is one; X is cumulative, Z closes the shift with its document, and sums hold', async () => {
  const corrected = await pos.call('POST', '/v1/kkt/receipt', { ...saleBody, type: 'correction' });
  assert.is(corrected.json.status, 'printed', JSON.stringify(corrected.json));
  assert.is(scene.emulator.device.storage.documents.at(-1)!.form, 31);
  const x = await pos.call('POST', '/v1/kkt/x_report');
  const xAgain = await pos.call('POST', '/v1/kkt/report/x');
  assert.equal([x.status, x.json.reportType, x.json.offline], [200, 1, false]);
  assert.is(x.json.shiftNumber, xAgain.json.shiftNumber);
  const z = await pos.call('POST', '/v1/kkt/z_report', {}, { key: 'z' });
  assert.equal([z.status, z.json.reportType, z.json.offline], [200, 2, false], JSON.stringify(z.json));
  const closed = scene.emulator.device.storage.documents.at(-1)!;
  assert.equal([z.json.fiscalDocumentNumber, z.json.shiftNumber], [closed.fd, closed.shift]);
  assert.match(z.json.fiscalSign, /^\d{10}$/);
  const { cashTotal, cardTotal, totalSales, totalRefunds } = z.json;
  assert.is(Math.round((cashTotal + cardTotal) * 100), Math.round((totalSales - totalRefunds) * 100));
  assert.is((await pos.call('POST', '/v1/kkt/report/z', undefined, { key: null })).status, 409);
  assert.equal((await pos.call('POST', '/v1/kkt/z_report', {}, { key: 'z' })).json, z.json);
});

test('a refund waits for the operator where it is asked about, and gives back what it names', async () => {
  const { json: sold } = await pos.sell('to be returned');
  const check = (id: unknown) => pos.call('POST', '/v1/pos/refund', { original_fiscal_doc_id: id });
  const unknown = await check('019e0000-0000-7000-8000-000000000000');
  assert.equal([unknown.status, unknown.json.allowed, unknown.json.sync_status], [409, false, 'unknown']);
  await pos.untilSynced([sold.receipt_id]);
  assert.equal((await check(sold.receipt_id)).json, { allowed: true, sync_status: 'synced' });
  assert.is((await check(sold.fiscal_doc.fd)).status, 200);
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const { json: fresh } = await pos.sell('not delivered');
  const held = await check(fresh.receipt_id);
  assert.equal([held.status, shape(held.json)], [409, ['allowed', 'buffer_count', 'reason', 'sync_status']]);
  assert.equal([held.json.sync_status, held.json.buffer_count >= 1], ['pending', true]);
  scene.ofd.clearRules();
  const refund = { ...saleBody, type: 'refund', original_receipt_id: sold.receipt_id };
  const back = await pos.call('POST', '/v1/kkt/receipt', refund, { key: 'back' });
  assert.is(back.json.status, 'printed', JSON.stringify(back.json));
  assert.is(scene.emulator.device.storage.documents.at(-1)!.settlement, 'sale-return');
  assert.match(back.json.fiscal_doc.qr_code_data, /&n=2$/);
  assert.equal((await pos.call('POST', '/v1/kkt/receipt', refund, { key: 'back' })).json, back.json);
  const twice = await pos.call('POST', '/v1/kkt/receipt', refund);
  assert.equal([twice.status, twice.headers.get('branchline-code')], [400, 'REFUND_EXCEEDS']);
  const foreign = { ...refund, items: [{ ...saleBody.items[0]!, name: 'Lamp' }] };
  assert.is((await pos.call('POST', '/v1/kkt/receipt', foreign)).status, 400);
  const lost = { ...refund, original_receipt_id: 'nobody' };
  assert.is((await pos.call('POST', '/v1/kkt/receipt', lost)).status, 404);
});

test('delivery by hand says what it did, one at a time; a reset breaker tries at once', async () => {
  await pos.untilEmpty();
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const { json } = await pos.sell('for the sync');
  await scene.chain.until(async () => (await scene.services.register.buffer()).breaker === 'open');
  const dead = await pos.call('POST', '/v1/kkt/buffer/sync');
  assert.is(dead.status, 202);
  assert.equal(shape(dead.json), ['duration_seconds', 'failed', 'message', 'skipped', 'status', 'synced']);
  assert.equal([dead.json.synced, dead.json.failed >= 1, dead.json.skipped >= 1], [0, true, true]);
  await scene.chain.until(async () => (await scene.services.register.buffer()).breaker === 'open');
  assert.is((await pos.call('GET', '/v1/kkt/buffer/status')).json.network_status, 'offline');
  assert.is((await pos.call('GET', '/v1/health')).json.status, 'degraded');
  assert.is((await pos.status(json.receipt_id)).json.status, 'pending');
  scene.ofd.clearRules();
  assert.equal((await pos.call('POST', '/v1/kkt/circuit_breaker/reset')).json, {
    status: 'reset',
    state: 'CLOSED',
  });
  const [one, other] = await scene.chain.running(
    Promise.all([
      pos.fetch('POST', '/v1/kkt/buffer/sync', undefined, { key: null }),
      pos.fetch('POST', '/v1/kkt/buffer/sync', undefined, { key: null }),
    ]),
  );
  assert.ok([one.status, other.status].includes(202));
  await pos.untilSynced([json.receipt_id]);
  assert.is((await pos.status(json.receipt_id)).json.status, 'synced');
});

test('maintenance refuses sales with its reason and its end; an admin may test; it ends by hand or by itself', async () => {
  const begun = await pos.call('POST', '/v1/pos/maintenance', {
    reason: 'a new storage',
    estimated_duration_minutes: 30,
  });
  assert.equal([begun.status, begun.json.status, begun.json.reason], [200, 'maintenance', 'a new storage']);
  const cashier = { token: pos.token('cashier') };
  const refused = await pos.call('POST', '/v1/kkt/receipt', saleBody, cashier);
  assert.equal([refused.status, refused.headers.get('branchline-code')], [503, 'MAINTENANCE']);
  assert.match(refused.json.detail, /a new storage/);
  assert.ok(Number(refused.headers.get('retry-after')) > 1_000);
  assert.is((await pos.sell('a test')).status, 200);
  assert.ok(scene.alarms().includes('MAINTENANCE'));
  assert.match(scene.services.sync.status().maintenance!.words, /a new storage/);
  assert.match(scene.services.sync.status().allowedNow.join(' '), /Cannot sell: .*a new storage/);
  assert.is(
    (await pos.call('DELETE', '/v1/pos/maintenance', undefined, { key: null })).json.status,
    'operational',
  );
  assert.is((await pos.call('POST', '/v1/kkt/receipt', saleBody, cashier)).status, 200);
  assert.not(scene.alarms().includes('MAINTENANCE'));
  await pos.call('POST', '/v1/pos/maintenance', { reason: 'again', estimated_duration_minutes: 1 });
  await scene.crash();
  await scene.start();
  await pos.reopen();
  assert.is((await pos.call('POST', '/v1/kkt/receipt', saleBody, cashier)).status, 503, 'also after a crash');
  await scene.chain.pass(70_000, 1_000);
  assert.is((await pos.call('POST', '/v1/kkt/receipt', saleBody, cashier)).status, 200);
});

test.run();
