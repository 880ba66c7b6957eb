/** A till's calls when the network is not kind: one key, bounded attempts, typed refusals. */
import { readFile } from 'node:fs/promises';
import { idempotencyKey, ProblemError } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ANSWER_BYTES_MAX,
  ATTEMPT_TIMEOUT_MS,
  ATTEMPTS_MAX,
  type ClientError,
  RETRY_BASE_MS,
  RETRY_CAP_MS,
} from '../src/index.ts';
import { refusal, reply, ScriptedNode, streamReply, textReply } from './scripted-node.ts';

const test = suite('till client');
const order = {
  lines: [{ sku: 'A', quantityMilli: 1000 }],
  payments: [{ kind: 'cash' as const, amountMinor: 5 }],
};
const lost = new TypeError('fetch failed');

async function failure(promise: Promise<unknown>): Promise<ClientError | ProblemError> {
  try {
    await promise;
  } catch (error) {
    return error as ClientError;
  }
  throw new Error('nothing was thrown');
}

test('a sale whose answer is lost is repeated under the same key with the same body', async () => {
  const node = new ScriptedNode([
    lost,
    'silence',
    refusal('STORE_POISONED'),
    reply(201, { id: '1' }, { 'Idempotency-Replayed': 'true' }),
  ]);
  const written = await node.settle(node.client.placeOrder(order, { waitSeconds: 7 }));
  assert.is(written.replayed, true);
  assert.equal(written.answer, { id: '1' } as never);
  assert.is(node.requests.length, 4);
  assert.is(new Set(node.keys).size, 1);
  assert.is(node.keys[0], written.key);
  assert.ok(idempotencyKey.safeParse(written.key).success);
  assert.is(new Set(node.requests.map((request) => request.body)).size, 1);
  assert.is(node.requests[0]?.headers.Prefer, 'wait=7');
  assert.is(node.requests[0]?.headers.Authorization, 'Bearer secret');
  assert.is(node.requests[0]?.url, 'http://node/v1/orders');
});

test('two sales have two keys; a key written down before is used as it is', async () => {
  const node = new ScriptedNode([reply(201, {}), reply(201, {}), reply(201, {})]);
  const kept = node.client.newKey();
  await node.client.placeOrder(order);
  await node.client.placeOrder(order);
  await node.client.placeOrder(order, { key: kept });
  assert.is(new Set(node.keys).size, 3);
  assert.is(node.keys[2], kept);
});

test('a refusal that will not change is thrown at once, typed, with its code and fields', async () => {
  const node = new ScriptedNode([refusal('PAYMENT_SHORT')]);
  const error = await failure(node.client.placeOrder(order));
  assert.ok(error instanceof ProblemError);
  assert.is(error.code, 'PAYMENT_SHORT');
  assert.is(error.retryable, false);
  assert.is(node.requests.length, 1);
});

test('ATTEMPTS_MAX attempts, then the failure is given back: CLIENT_UNREACHABLE, retryable', async () => {
  const node = new ScriptedNode(Array.from({ length: 50 }, () => lost));
  const error = await failure(node.settle(node.client.placeOrder(order)));
  assert.is(error.code, 'CLIENT_UNREACHABLE');
  assert.is(error.retryable, true);
  assert.is(error.cause, lost);
  assert.ok(error.hint.length > 10);
  assert.is(node.requests.length, ATTEMPTS_MAX);
});

test('an attempt without an answer ends after ATTEMPT_TIMEOUT_MS: CLIENT_TIMEOUT', async () => {
  const node = new ScriptedNode(['silence']);
  const error = await failure(node.settle(node.client.syncNow(), ATTEMPT_TIMEOUT_MS / 10));
  assert.is(error.code, 'CLIENT_TIMEOUT');
  assert.is(node.clock.elapsedMs, ATTEMPT_TIMEOUT_MS);
  assert.is(node.requests.length, 1, 'asked once: asking again is the caller’s decision');
});

test('waits double, are jittered below the cap, and never shorter than Retry-After', async () => {
  const script = Array.from({ length: 20 }, () => lost);
  const low = new ScriptedNode(script, () => 0);
  await failure(low.settle(low.client.order('1')));
  const high = new ScriptedNode(script, () => 0.999_999);
  await failure(high.settle(high.client.order('1')));
  const waits = (node: ScriptedNode) => node.waits.filter((ms) => ms !== ATTEMPT_TIMEOUT_MS);
  assert.equal(waits(low), [0, 0, 0, 0, 0, 0, 0]);
  const bounds = waits(high).map((ms) => Math.round(ms));
  assert.equal(
    bounds,
    [1, 2, 4, 8, 16, 32, 64].map((factor) => Math.min(RETRY_CAP_MS, RETRY_BASE_MS * factor)),
  );
  const asked = new ScriptedNode([refusal('RATE_LIMITED', { 'Retry-After': '3' }), reply(200, {})], () => 0);
  await asked.settle(asked.client.order('1'));
  assert.equal(waits(asked), [3000]);
});

test('an abort ends the waiting at once with its reason', async () => {
  const node = new ScriptedNode(Array.from({ length: 20 }, () => lost));
  const controller = new AbortController();
  const call = node.client.placeOrder(order, { signal: controller.signal });
  await node.clock.turn();
  const reason = new Error('the cashier cancelled');
  controller.abort(reason);
  assert.is(await failure(call), reason as never);
  assert.ok(node.requests.length < ATTEMPTS_MAX);
});

test('what is no Branchline node is CLIENT_ANSWER, not a crash and not repeated', async () => {
  for (const answer of [
    textReply(200, '<html>'),
    textReply(502, 'Bad Gateway'),
    reply(409, { code: 'FROM_THE_FUTURE', detail: 'x' }),
    reply(200, null),
  ]) {
    const node = new ScriptedNode([answer]);
    const error = await failure(node.client.order('1'));
    assert.is(error.code, 'CLIENT_ANSWER');
    assert.is(error.retryable, false);
    assert.is(node.requests.length, 1);
  }
});

test('G12 an answer over ANSWER_BYTES_MAX is not read to its end', async () => {
  const piece = 'x'.repeat(ANSWER_BYTES_MAX / 4);
  const node = new ScriptedNode([streamReply([piece, piece, piece, piece, 'y', 'never read'])]);
  assert.is((await failure(node.client.order('1'))).code, 'CLIENT_ANSWER');
});

test('paths and queries are encoded', async () => {
  const node = new ScriptedNode([reply(200, {}), reply(200, { products: [] }), reply(200, { orders: [] })]);
  await node.client.product('TEA 25?');
  await node.client.products({ q: 'a&b', limit: 3 });
  await node.client.orders();
  assert.equal(
    node.requests.map((request) => request.url),
    [
      'http://node/v1/products/TEA%2025%3F',
      'http://node/v1/products?q=a%26b&limit=3',
      'http://node/v1/orders',
    ],
  );
});

test('quotes, promotions, duplicates, merges and prices of a branch have a call each', async () => {
  const node = new ScriptedNode([
    reply(200, { totalMinor: 5 }),
    reply(200, { promotions: [] }),
    reply(200, { groups: [] }),
    reply(200, {}),
    reply(200, {}),
  ]);
  const { client } = node;
  assert.is((await client.quoteOrder({ lines: order.lines })).totalMinor, 5);
  assert.equal(await client.promotions(), []);
  assert.equal(await client.customerDuplicates(), []);
  await client.mergeCustomers('anna', { from: 'anna2', reason: 'the same phone' });
  await client.overrideProduct('TEA 25', { priceMinor: 5 });
  assert.equal(
    node.requests.map(({ method, url, headers }) => [
      method,
      url.replace('http://node/v1', ''),
      'Idempotency-Key' in headers,
    ]),
    [
      ['POST', '/quotes', false],
      ['GET', '/promotions', false],
      ['GET', '/customer-duplicates', false],
      ['POST', '/customers/anna/merge', true],
      ['PUT', '/products/TEA%2025/override', true],
    ],
  );
});

test('codes of gift cards and coupons travel in bodies; a question has no key, a write has one', async () => {
  const node = new ScriptedNode(Array.from({ length: 6 }, () => reply(200, {})));
  const { client } = node;
  await client.redeemQuote('anna', { lines: order.lines, points: 5 });
  await client.giftCard('GIFT-0001');
  await client.coupon('COUPON-01');
  await client.issueGiftCard({ code: 'GIFT-0001', amountMinor: 5 });
  await client.topUpGiftCard({ code: 'GIFT-0001', amountMinor: 5 });
  await client.issueCoupon({ code: 'COUPON-01', discountMinor: 5 });
  assert.equal(
    node.requests.map(({ url, headers }) => [
      url.replace('http://node/v1', ''),
      'Idempotency-Key' in headers,
    ]),
    [
      ['/customers/anna/points/redeem-quote', false],
      ['/gift-cards/balance', false],
      ['/coupons/check', false],
      ['/gift-cards/issue', true],
      ['/gift-cards/top-up', true],
      ['/coupons/issue', true],
    ],
  );
});

test('the README lists every error code', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  for (const code of ['CLIENT_UNREACHABLE', 'CLIENT_TIMEOUT', 'CLIENT_ANSWER']) {
    assert.match(readme, `\`${code}\``);
  }
});

test.run();
