/**
 * What the edge refuses, over real sockets: malformed, oversized, foreign, unauthenticated, too much. Each refusal is a problem
 * document with a stable code, changes nothing and leaves the node serving.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { BODY_BYTES_MAX, problem } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import {
  CONNECTIONS_MAX,
  DISCARDED_BYTES_MAX,
  HEADER_BYTES_MAX,
  RATED_TILLS_MAX,
  REQUESTS_IN_FLIGHT_MAX,
} from '../../src/http/limits.ts';
import { COMPLAINTS_MAX } from '../../src/http/problem-answer.ts';
import { RateLimit } from '../../src/http/rate-limit.ts';
import { adminToken, cashierToken, managerToken } from './fake-node.ts';
import { Loopback, type Reply, sale } from './loopback.ts';

const test = suite('http refusals');
const key = { 'idempotency-key': 'k' };

function refused(reply: Reply, status: number, code: string): void {
  assert.is(reply.json?.code, code, `${reply.status} ${reply.text}`);
  assert.is(reply.status, status);
  problem.parse(reply.json);
  assert.not.match(reply.text, /\bat .*\.(ts|js):\d+/);
}

test('malformed bodies: not JSON, not UTF-8, empty, a raw NUL, a number too large', async () => {
  await using shop = await Loopback.open();
  const post = (body: string | Buffer) => shop.call('POST', '/v1/orders', { headers: key, body });
  refused(await post('{"till":'), 400, 'MALFORMED_JSON');
  refused(await post(Buffer.from([0x7b, 0xff, 0x7d])), 400, 'MALFORMED_JSON');
  refused(await post(''), 400, 'MALFORMED_JSON');
  refused(await post('{"till":"T\u00001"}'), 400, 'MALFORMED_JSON');
  refused(await post(JSON.stringify({ ...sale, till: 'T\u00001' })), 400, 'INVALID_REQUEST');
  refused(await post(JSON.stringify(sale).replace('30000', '1e400')), 400, 'INVALID_REQUEST');
  refused(await post(JSON.stringify(sale).replace('30000', '9007199254740993')), 400, 'INVALID_REQUEST');
  refused(await post(JSON.stringify(sale).replace('30000', '-1')), 400, 'INVALID_REQUEST');
  refused(await post(`${'['.repeat(50_000)}${']'.repeat(50_000)}`), 400, 'INVALID_REQUEST');
  refused(await post('null'), 400, 'INVALID_REQUEST');
  assert.is(shop.node.written.length, 0);
  assert.is((await post(JSON.stringify(sale))).status, 201);
});

test('unknown fields and query values are refused by name', async () => {
  await using shop = await Loopback.open();
  const body = { ...sale, totalMinor: 1, lines: [{ ...sale.lines[0], price: 2 }] };
  const reply = await shop.call('POST', '/v1/orders', { headers: key, body });
  refused(reply, 400, 'UNKNOWN_FIELD');
  assert.equal(reply.json.errors.map((error: { path: string }) => error.path).sort(), [
    '/body/lines/0/price',
    '/body/totalMinor',
  ]);
  refused(await shop.call('GET', '/v1/orders?limt=3'), 400, 'UNKNOWN_FIELD');
  refused(await shop.call('GET', '/v1/sync?x=1'), 400, 'UNKNOWN_FIELD');
  refused(await shop.call('GET', '/v1/orders?limit=0'), 400, 'INVALID_REQUEST');
  refused(await shop.call('GET', '/v1/orders?limit=1&limit=2'), 400, 'INVALID_REQUEST');
  refused(await shop.call('GET', '/v1/products/%E0%A4%A'), 400, 'INVALID_REQUEST');
});

test('a body of BODY_BYTES_MAX is read, one byte more is not, declared or not', async () => {
  await using shop = await Loopback.open();
  const json = JSON.stringify(sale);
  const full = json + ' '.repeat(BODY_BYTES_MAX - json.length);
  assert.is((await shop.call('POST', '/v1/orders', { headers: key, body: full })).status, 201);
  refused(await shop.call('POST', '/v1/orders', { headers: key, body: `${full} ` }), 413, 'BODY_TOO_LARGE');
  const chunk = `${full.length.toString(16)}\r\n${full}\r\n1\r\n \r\n0\r\n\r\n`;
  const head =
    `POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1:${shop.port}\r\nAuthorization: Bearer ${cashierToken}\r\n` +
    'Idempotency-Key: k2\r\nContent-Type: application/json\r\n';
  const answer = await shop.raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`);
  assert.match(answer, 'HTTP/1.1 413');
  assert.match(answer, 'BODY_TOO_LARGE');
});

test('a declared gigabyte is refused at once and cut off after DISCARDED_BYTES_MAX', async () => {
  await using shop = await Loopback.open();
  const head =
    `POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1:${shop.port}\r\nAuthorization: Bearer ${cashierToken}\r\n` +
    'Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n';
  const answer = await shop.raw(
    Buffer.concat([Buffer.from(head), Buffer.alloc(DISCARDED_BYTES_MAX + 100_000)]),
  );
  // The socket is gone although most of the gigabyte was never sent.
  assert.ok(answer === '' || answer.includes('BODY_TOO_LARGE'), answer);
  assert.is((await shop.call('GET', '/healthz')).status, 200);
});

test('only plain JSON is understood', async () => {
  await using shop = await Loopback.open();
  const post = (headers: Record<string, string>) =>
    shop.call('POST', '/v1/orders', { headers: { ...key, ...headers }, body: sale });
  refused(await post({ 'content-type': 'text/plain' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  refused(await post({ 'content-type': 'application/x-www-form-urlencoded' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  refused(await post({ 'content-type': 'application/json; charset=utf-16' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  refused(await post({ 'content-encoding': 'gzip' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  assert.is((await post({ 'content-type': 'application/json; charset=UTF-8' })).status, 201);
});

test('G11 no token, a wrong one, a revoked one: 401; a role too low: 403', async () => {
  await using shop = await Loopback.open({ controlToken: 'control-token' });
  const nobody = await shop.call('GET', '/v1/orders', { token: null });
  refused(nobody, 401, 'UNAUTHENTICATED');
  assert.match(nobody.headers['www-authenticate']!, 'Bearer');
  refused(await shop.call('GET', '/v1/orders', { token: 'wrong' }), 401, 'UNAUTHENTICATED');
  refused(await shop.call('GET', '/v1/orders', { token: 'x'.repeat(5000) }), 401, 'UNAUTHENTICATED');
  const put = (token: string) =>
    shop.call('PUT', '/v1/products/a', {
      token,
      headers: { 'idempotency-key': token },
      body: { priceMinor: 1 },
    });
  refused(await put(cashierToken), 403, 'FORBIDDEN');
  assert.is((await put(managerToken)).status, 201);
  refused(await shop.call('GET', '/v1/tills', { token: managerToken }), 403, 'FORBIDDEN');
  assert.is((await shop.call('GET', '/v1/tills', { token: 'control-token' })).json.tills.length, 3);
  const self = await shop.call('GET', '/v1/till', { token: managerToken });
  assert.is(self.json.role, 'manager');
  const added = await shop.call('POST', '/v1/tills', {
    token: adminToken,
    body: { till: 'T9', role: 'cashier' },
  });
  assert.is(added.status, 201);
  const { token } = added.json;
  assert.is((await shop.call('GET', '/v1/sync', { token })).json.unsentEntries, 3);
  assert.is((await shop.call('POST', '/v1/tills/T9/revoke', { token: adminToken })).json.revoked, true);
  refused(await shop.call('GET', '/v1/sync', { token }), 401, 'UNAUTHENTICATED');
  refused(await shop.call('POST', '/v1/tills/T9/revoke', { token: adminToken }), 404, 'TILL_UNKNOWN');
});

test('G11 files of this machine: only the control token, no till however high', async () => {
  const asked: unknown[] = [];
  const control = {
    exportBundle: async (to: string, since: object) => ({ entries: asked.push([to, since]) }),
    importBundle: async (from: string) => ({ entries: asked.push(from) }),
  };
  await using shop = await Loopback.open({ controlToken: 'control-token', control });
  const body = { to: '/tmp/bundle' };
  refused(await shop.call('POST', '/v1/control/export', { token: adminToken, body }), 403, 'FORBIDDEN');
  const done = await shop.call('POST', '/v1/control/export', { token: 'control-token', body });
  assert.equal(done.json, { entries: 1 });
  await shop.call('POST', '/v1/control/import', { token: 'control-token', body: { from: '/tmp/bundle' } });
  assert.equal(asked, [['/tmp/bundle', {}], '/tmp/bundle']);
});

test('a foreign Host is refused for every path; loopback under any port, and an allowed one, are served', async () => {
  await using shop = await Loopback.open({ allowedHosts: ['shop.example', 'other.example:99'] });
  const get = (host: string, path = '/v1/sync') => shop.call('GET', path, { headers: { host } });
  for (const host of [
    'evil.example',
    `evil.example:${shop.port}`,
    'localhost.evil.example',
    '127.0.0.1.evil.example:80',
    'localhost:evil.example',
    'localhost@evil.example',
    'other.example',
    '10.0.0.1',
    '[::2]',
  ]) {
    refused(await get(host), 421, 'HOST_REFUSED');
    refused(await get(host, '/healthz'), 421, 'HOST_REFUSED');
  }
  for (const host of [
    `localhost:${shop.port}`,
    `127.0.0.1:${shop.port}`,
    'localhost',
    'LOCALHOST:9000',
    '127.0.0.1',
    '127.0.0.1:1',
    '[::1]',
    '[::1]:9000',
    'shop.example',
    'other.example:99',
  ]) {
    assert.is((await get(host)).status, 200, host);
  }
});

test('a page of another site is refused; a followed link to a page is not', async () => {
  await using shop = await Loopback.open();
  const get = (headers: Record<string, string>, path = '/v1/sync') => shop.call('GET', path, { headers });
  refused(await get({ origin: 'https://evil.example' }), 403, 'ORIGIN_REFUSED');
  refused(await get({ origin: 'null' }), 403, 'ORIGIN_REFUSED');
  refused(await get({ 'sec-fetch-site': 'cross-site' }), 403, 'ORIGIN_REFUSED');
  refused(await get({ 'sec-fetch-site': 'same-site' }), 403, 'ORIGIN_REFUSED');
  refused(await get({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }), 403, 'ORIGIN_REFUSED');
  assert.is(
    (await get({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, '/docs')).status,
    200,
  );
  assert.is((await get({ origin: shop.url, 'sec-fetch-site': 'same-origin' })).status, 200);
});

test('no other site is allowed anything: a preflight gets no leave, an answer no header of it', async () => {
  await using shop = await Loopback.open();
  const asked = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  const answers = [
    await shop.call('OPTIONS', '/v1/orders', { headers: asked }),
    await shop.call('GET', '/v1/sync', { headers: { origin: 'https://evil.example' } }),
    await shop.call('GET', '/v1/sync', { headers: { origin: shop.url } }),
  ];
  for (const { headers } of answers) {
    assert.equal(
      Object.keys(headers).filter((name) => name.startsWith('access-control-')),
      [],
    );
  }
  assert.is(answers[0]!.status, 403);
});

test('a wrong method is 405 and names the right ones', async () => {
  await using shop = await Loopback.open();
  const reply = await shop.call('DELETE', '/v1/orders');
  refused(reply, 405, 'METHOD_NOT_ALLOWED');
  assert.is(reply.headers.allow, 'POST, GET');
  refused(await shop.call('OPTIONS', '/v1/orders'), 405, 'METHOD_NOT_ALLOWED');
});

test('a till over its rate waits as long as it is told; others do not notice', async () => {
  await using shop = await Loopback.open({ tillRequests: { perSecond: 2, burst: 3 } });
  const get = (token?: string) => shop.call('GET', '/v1/sync', token === undefined ? {} : { token });
  for (let i = 0; i < 3; i++) {
    assert.is((await get()).status, 200);
  }
  const reply = await get();
  refused(reply, 429, 'RATE_LIMITED');
  assert.is(reply.headers['retry-after'], '1');
  assert.is((await get(managerToken)).status, 200);
  await shop.clock.advance(500);
  assert.is((await get()).status, 200);
  refused(await get(), 429, 'RATE_LIMITED');
});

test('G12 rates of at most RATED_TILLS_MAX tills are remembered', () => {
  const rate = new RateLimit(1, 1);
  for (let i = 0; i < RATED_TILLS_MAX + 10; i++) {
    rate.take(`T${i}`, 0);
  }
  assert.is(rate.remembered, RATED_TILLS_MAX);
});

test('G12 REQUESTS_IN_FLIGHT_MAX requests are served at once, one more is told to come back', async () => {
  await using shop = await Loopback.open();
  let release = () => {};
  shop.node.hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  const held = Array.from({ length: REQUESTS_IN_FLIGHT_MAX }, () =>
    shop.call('POST', '/v1/sync/now', { body: {} }),
  );
  await until(30_000, 'all requests arrived', () => shop.node.held === REQUESTS_IN_FLIGHT_MAX);
  const reply = await shop.call('GET', '/healthz');
  refused(reply, 503, 'OVERLOADED');
  assert.is(reply.headers['retry-after'], '1');
  release();
  const statuses = (await Promise.all(held)).map(({ status }) => status);
  assert.ok(statuses.every((status) => status === 200));
  assert.is((await shop.call('GET', '/healthz')).status, 200);
});

test('G12 CONNECTIONS_MAX connections are taken, one more is hung up on', async () => {
  await using shop = await Loopback.open();
  const sockets = Array.from({ length: CONNECTIONS_MAX }, () => connect(shop.port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await until(30_000, 'all connections taken', () => shop.connections().then((n) => n === CONNECTIONS_MAX));
  assert.is(await shop.raw('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'), '');
  for (const socket of sockets) {
    socket.destroy();
  }
});

test('G12 at most COMPLAINTS_MAX wrong fields are listed', async () => {
  await using shop = await Loopback.open();
  const body = Object.fromEntries(Array.from({ length: COMPLAINTS_MAX + 5 }, (_, i) => [`x${i}`, i]));
  const reply = await shop.call('PUT', '/v1/customers/c1', { headers: key, body });
  refused(reply, 400, 'INVALID_REQUEST');
  assert.is(reply.json.errors.length, COMPLAINTS_MAX);
});

test('a failure inside the node says INTERNAL and nothing of its cause; the log gets it', async () => {
  await using shop = await Loopback.open();
  shop.node.failure = new Error('secret path /var/lib/branchline');
  const reply = await shop.call('POST', '/v1/orders', { headers: key, body: sale });
  refused(reply, 500, 'INTERNAL');
  assert.not.match(reply.text, 'secret');
  assert.match(String(shop.incidents.at(-1)?.cause), 'secret');
  shop.node.failure = Object.assign(new Error('journal /data/x failed'), { code: 'STORE_POISONED' });
  const poisoned = await shop.call('POST', '/v1/orders', { headers: key, body: sale });
  refused(poisoned, 503, 'STORE_POISONED');
  assert.not.match(poisoned.text, '/data/x');
  assert.is(poisoned.json.retryable, true);
});

test('a refusal keeps the connection, unless a body was left unread', async () => {
  await using shop = await Loopback.open();
  const keep = { connection: 'keep-alive' };
  const missing = await shop.call('GET', '/v1/orders/nope', { headers: keep });
  assert.is(missing.headers.connection, 'keep-alive');
  const stranger = await shop.call('POST', '/v1/orders', {
    token: null,
    headers: { ...key, ...keep },
    body: sale,
  });
  refused(stranger, 401, 'UNAUTHENTICATED');
  assert.is(stranger.headers.connection, 'close');
});

test('HEAD of the event stream opens no stream', async () => {
  await using shop = await Loopback.open();
  assert.is((await shop.call('HEAD', '/v1/events')).status, 200);
  assert.is(shop.app.streams, 0);
});

test('headers over HEADER_BYTES_MAX and broken HTTP get a problem document and a closed socket', async () => {
  await using shop = await Loopback.open();
  const large = await shop.raw(`GET / HTTP/1.1\r\nX: ${'a'.repeat(HEADER_BYTES_MAX)}\r\n\r\n`);
  assert.match(large, 'HTTP/1.1 431');
  assert.match(large, 'HEADERS_TOO_LARGE');
  const broken = await shop.raw('\u0000\u0001 nonsense\r\n\r\n');
  assert.match(broken, 'HTTP/1.1 400');
  assert.match(broken, 'INVALID_REQUEST');
});

test.run();
