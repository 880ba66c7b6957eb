/** The sale over real loopback HTTP: answered once, repeated the same, refused in words. */
import { order, orderPage, problem } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { managerToken } from './fake-node.ts';
import { Loopback, sale } from './loopback.ts';

const test = suite('http sale');
const withKey = (key: string) => ({ 'idempotency-key': key });

test('a sale is answered 201 with the order as documented', async () => {
  await using shop = await Loopback.open();
  const reply = await shop.call('POST', '/v1/orders', { headers: withKey('k1'), body: sale });
  assert.is(reply.status, 201);
  assert.match(reply.headers['content-type']!, 'application/json');
  const sold = order.parse(reply.json);
  assert.is(sold.totalMinor, 26196);
  assert.is(sold.changeMinor, 3804);
  assert.is(sold.number, 'B001-000001');
  const read = await shop.call('GET', `/v1/orders/${sold.id}`);
  assert.is(read.text, reply.text);
});

test('G2 same key and body: the same 201, byte for byte, marked as replayed', async () => {
  await using shop = await Loopback.open();
  const first = await shop.call('POST', '/v1/orders', { headers: withKey('k1'), body: sale });
  const again = await shop.call('POST', '/v1/orders', { headers: withKey('k1'), body: sale });
  assert.is(again.status, 201);
  assert.is(again.text, first.text);
  assert.is(first.headers['idempotency-replayed'], undefined);
  assert.is(again.headers['idempotency-replayed'], 'true');
  assert.is(shop.node.placed.length, 1);
});

test('G2 same key, other body: 409 IDEMPOTENCY_MISMATCH', async () => {
  await using shop = await Loopback.open();
  await shop.call('POST', '/v1/orders', { headers: withKey('k1'), body: sale });
  const other = await shop.call('POST', '/v1/orders', {
    headers: withKey('k1'),
    body: { ...sale, cashier: 'Bob' },
  });
  assert.is(other.status, 409);
  assert.is(problem.parse(other.json).code, 'IDEMPOTENCY_MISMATCH');
  assert.is(other.headers['content-type'], 'application/problem+json');
});

test('the fingerprint covers method, path and the raw bytes of the body', async () => {
  await using shop = await Loopback.open();
  const call = (path: string, key: string, body: string) =>
    shop.call('PUT', path, { token: managerToken, headers: withKey(key), body });
  await call('/v1/products/a', '1', '{"priceMinor":1}');
  await call('/v1/products/a', '2', '{"priceMinor":1}');
  await call('/v1/products/a', '3', '{"priceMinor": 1}');
  await call('/v1/products/b', '4', '{"priceMinor":1}');
  const prints = shop.node.written.map((request) => request.fingerprint);
  assert.is(prints[0], prints[1]);
  assert.is(new Set(prints).size, 3);
  assert.match(prints[0]!, /^[0-9a-f]{64}$/);
});

test('a write without Idempotency-Key is refused before anything is done', async () => {
  await using shop = await Loopback.open();
  const reply = await shop.call('POST', '/v1/orders', { body: sale });
  assert.is(reply.status, 400);
  assert.is(reply.json.code, 'IDEMPOTENCY_KEY_REQUIRED');
  const blank = await shop.call('POST', '/v1/orders', { headers: withKey('two words'), body: sale });
  assert.is(blank.json.code, 'INVALID_REQUEST');
  assert.is(shop.node.written.length, 0);
});

test('Prefer: wait=7 is accepted', async () => {
  await using shop = await Loopback.open();
  const reply = await shop.call('POST', '/v1/orders', {
    headers: { ...withKey('k'), prefer: 'wait=7' },
    body: sale,
  });
  assert.is(reply.status, 201);
});

test('a rule of the trade refuses with 422 and what to do', async () => {
  await using shop = await Loopback.open();
  const body = { ...sale, payments: [{ kind: 'card', amountMinor: 30000 }] };
  const reply = await shop.call('POST', '/v1/orders', { headers: withKey('k'), body });
  assert.is(reply.status, 422);
  assert.is(reply.json.code, 'OVERPAID_NOT_CASH');
  assert.ok(reply.json.hint.length > 10);
  assert.is(reply.json.retryable, false);
});

test('pages of orders follow their cursor to the end', async () => {
  await using shop = await Loopback.open();
  for (let i = 0; i < 5; i++) {
    await shop.call('POST', '/v1/orders', { headers: withKey(`k${i}`), body: sale });
  }
  const numbers: string[] = [];
  let after = '';
  do {
    const reply = await shop.call('GET', `/v1/orders?limit=2${after}`);
    const page = orderPage.parse(reply.json);
    numbers.push(...page.orders.map((one) => one.number));
    after = page.next === undefined ? '' : `&after=${page.next}`;
  } while (after !== '');
  assert.equal(numbers, ['B001-000001', 'B001-000002', 'B001-000003', 'B001-000004', 'B001-000005']);
});

test('a sale waits for its receipt only when asked to, and a wish that makes no sense is none', async () => {
  await using shop = await Loopback.open();
  const wishes = ['wait=7', 'respond-async, wait=10', 'wait=soon', 'wait=99999', ''];
  for (const [at, prefer] of wishes.entries()) {
    const headers = { 'idempotency-key': `wish-${at}`, ...(prefer === '' ? {} : { prefer }) };
    assert.is((await shop.call('POST', '/v1/orders', { headers, body: sale })).status, 201);
  }
  assert.equal(shop.node.waitedMs, [7_000, 10_000, undefined, undefined, undefined]);
});

test('an SKU with a blank travels percent-encoded; unknown things are 404 with a code', async () => {
  await using shop = await Loopback.open();
  assert.is((await shop.call('GET', '/v1/products/TEA%2025')).json.name, 'Tea');
  assert.is((await shop.call('GET', '/v1/stock/TEA%2025')).json.onHandMilli, -1000);
  for (const [path, code] of [
    ['/v1/orders/nope', 'ORDER_NOT_FOUND'],
    ['/v1/receipts/nope', 'RECEIPT_NOT_FOUND'],
    ['/v1/products/nope', 'PRODUCT_NOT_FOUND'],
    ['/v1/stock/nope', 'PRODUCT_NOT_FOUND'],
    ['/v1/customers/nope', 'CUSTOMER_NOT_FOUND'],
    ['/v1/nope', 'NOT_FOUND'],
  ] as const) {
    const reply = await shop.call('GET', path);
    assert.is(reply.status, 404, path);
    assert.is(reply.json.code, code);
  }
});

test.run();
