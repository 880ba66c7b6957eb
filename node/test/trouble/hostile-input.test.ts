// limit: 60 s
/**
 * Bad input against the real node over real sockets: every piece is refused with a code, costs bounded memory, leaves nothing behind
 * and disturbs nobody else. After all of it the next sale has the next number.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type DeviceKey, generateDeviceKey } from '@branchline/feed';
import { BODY_BYTES_MAX, LINES_MAX, QUANTITY_MILLI_MAX } from '@branchline/model';
import { Connection, dialWebSocket, type WireError } from '@branchline/wire';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { until, within } from '../../../test/support/within.ts';
import { readConfig } from '../../src/config.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { DataDirectory, NodeProgram, REPLICATE_PATH } from '../../src/index.ts';

const TENANT = 'Superstore';
/** What a whole barrage may leave in memory. */
const MEMORY_GROWTH_MAX = 96 * 1024 * 1024;
const LIMIT_MS = 10_000;

const hostile = suite('hostile input and the real node');

const clock = systemClock();
const warned: { readonly code?: string; readonly writer?: string }[] = [];
const log = {
  debug: () => {},
  info: () => {},
  warn: (fields: object) => {
    warned.push(fields);
  },
  error: () => {},
};

let dir: TempDir;
let node: NodeProgram;
let cashier: string;
let sold = 0;

hostile.before(async () => {
  dir = await TempDir.open('hostile');
  const data = join(dir.path, 'hq');
  await mkdir(data);
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: TENANT }));
  const config = readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', data } });
  node = await NodeProgram.open({ clock, random: seededRandom(1), log }, config);
  cashier = (await node.node.services.tills.add('T1', 'cashier')).token;
});
hostile.after(async () => {
  await node.close();
  await dir[Symbol.asyncDispose]();
});

const line = { sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' };
const order = { lines: [line], payments: [{ kind: 'cash', amountMinor: 500 }] };

let keys = 0;

async function call(
  method: string,
  path: string,
  body: string | Uint8Array | undefined,
  headers: Record<string, string> = {},
): Promise<{ status: number; code: string; number: string | undefined }> {
  keys += 1;
  const sent = {
    authorization: `Bearer ${cashier}`,
    'content-type': 'application/json',
    'idempotency-key': `hostile-${keys}`,
    ...headers,
  };
  const { hostname, port } = new URL(node.url);
  const answer = new Promise<{ status: number; text: string }>((resolve, reject) => {
    const request = httpRequest({ hostname, port, method, path, headers: sent, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      reply.on('end', () => resolve({ status: reply.statusCode!, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
  const { status, text } = await within(LIMIT_MS, `${method} ${path}`, answer);
  const json = JSON.parse(text) as { code?: string; number?: string };
  return { status, code: json.code ?? '', number: json.number };
}

const post = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
  call('POST', '/v1/orders', body, headers);

/** Whoever came before has left no number, no order and no stock behind. */
async function nothingHappened(): Promise<void> {
  const { status, number } = await post(JSON.stringify(order));
  sold += 1;
  assert.is(status, 201);
  assert.is(number, `HQ-${String(sold).padStart(6, '0')}`);
  assert.is((await node.node.services.stock.get('CHAIR'))?.onHandMilli, -1000 * sold);
  const { orders } = await node.node.services.orders.list({ limit: 100 });
  assert.is(orders.length, sold);
}

const withLine = (change: object) => JSON.stringify({ ...order, lines: [{ ...line, ...change }] });

const bodies: readonly [name: string, body: string | Uint8Array, status: number, code: string][] = [
  ['cut off', '{"lines":[', 400, 'MALFORMED_JSON'],
  ['not JSON', 'lines=1', 400, 'MALFORMED_JSON'],
  ['not UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), 400, 'MALFORMED_JSON'],
  ['a raw NUL', '{"lines":\u0000}', 400, 'MALFORMED_JSON'],
  ['arrays in arrays', '['.repeat(BODY_BYTES_MAX - 1), 400, 'MALFORMED_JSON'],
  [
    'closed arrays in arrays',
    `{"lines":${'['.repeat(40_000)}${']'.repeat(40_000)},"payments":[]}`,
    400,
    'INVALID_REQUEST',
  ],
  ['null', 'null', 400, 'INVALID_REQUEST'],
  ['a list', '[]', 400, 'INVALID_REQUEST'],
  ['a NUL in an SKU', withLine({ sku: 'CHAIR\u0000' }), 400, 'INVALID_REQUEST'],
  ['half a surrogate pair', withLine({ sku: 'CHAIR\ud800' }), 400, 'INVALID_REQUEST'],
  ['a negative quantity', withLine({ quantityMilli: -1000 }), 400, 'INVALID_REQUEST'],
  ['no quantity', withLine({ quantityMilli: 0 }), 400, 'INVALID_REQUEST'],
  ['half a thousandth', withLine({ quantityMilli: 0.5 }), 400, 'INVALID_REQUEST'],
  ['too much', withLine({ quantityMilli: QUANTITY_MILLI_MAX + 1 }), 400, 'INVALID_REQUEST'],
  ['more than any number', JSON.stringify(order).replace('1000', '1e999'), 400, 'INVALID_REQUEST'],
  ['beyond safe integers', JSON.stringify(order).replace('500', '9007199254740993'), 400, 'INVALID_REQUEST'],
  ['a negative price', withLine({ unitPriceMinor: -1 }), 400, 'INVALID_REQUEST'],
  [
    'a negative payment',
    JSON.stringify({ ...order, payments: [{ kind: 'cash', amountMinor: -500 }] }),
    400,
    'INVALID_REQUEST',
  ],
  ['text for a number', withLine({ quantityMilli: '1000' }), 400, 'INVALID_REQUEST'],
  [
    'a product of limits',
    withLine({ quantityMilli: QUANTITY_MILLI_MAX, unitPriceMinor: 2 ** 40 - 1 }),
    422,
    'AMOUNT_TOO_LARGE',
  ],
  ['a total the till decided', JSON.stringify({ ...order, totalMinor: 1 }), 400, 'UNKNOWN_FIELD'],
  ['a prototype', JSON.stringify(order).replace('{', '{"__proto__":{"admin":true},'), 400, 'UNKNOWN_FIELD'],
  ['no lines', JSON.stringify({ ...order, lines: [] }), 400, 'INVALID_REQUEST'],
  [
    'one line too many',
    JSON.stringify({ ...order, lines: Array(LINES_MAX + 1).fill({ sku: 'C', quantityMilli: 1 }) }),
    400,
    'INVALID_REQUEST',
  ],
  ['a million lines', `{"lines":[${`${JSON.stringify(line)},`.repeat(1_000_000)}0]}`, 413, 'BODY_TOO_LARGE'],
];

hostile(
  'a body that is no order is refused with a code, and leaves no order, number or stock behind',
  async () => {
    await nothingHappened();
    for (const [name, body, status, code] of bodies) {
      const answer = await post(body).catch((error: NodeJS.ErrnoException) => ({
        status: 413,
        code: error.code,
      }));
      // A client that writes on after the refusal may find the socket closed before it has read the answer.
      const isCut = code === 'BODY_TOO_LARGE' && /EPIPE|ECONNRESET/.test(answer.code ?? '');
      assert.equal(isCut ? [413, code] : [answer.status, answer.code], [status, code], name);
    }
    await nothingHappened();
  },
);

hostile(
  'keys and tokens out of place are refused: no key, a long key, no token, a cashier who would set prices',
  async () => {
    const body = JSON.stringify(order);
    assert.is((await post(body, { 'idempotency-key': '' })).code, 'IDEMPOTENCY_KEY_REQUIRED');
    assert.is((await post(body, { 'idempotency-key': 'k'.repeat(300) })).code, 'INVALID_REQUEST');
    assert.is((await post(body, { authorization: 'Bearer nobody' })).code, 'UNAUTHENTICATED');
    assert.is((await post(body, { authorization: `Bearer ${'x'.repeat(8_000)}` })).code, 'UNAUTHENTICATED');
    const price = JSON.stringify({ name: 'Chair', priceMinor: 1, vat: 'vat22', barcodes: [] });
    assert.equal((await call('PUT', '/v1/products/CHAIR', price)).code, 'FORBIDDEN');
    assert.is((await call('GET', '/v1/tills', undefined)).code, 'FORBIDDEN');
    const admin = (await node.node.services.tills.add('ADMIN', 'admin')).token;
    const asked = JSON.stringify({ to: join(dir.path, 'stolen') });
    const authorization = `Bearer ${admin}`;
    // Files of this machine are not even an admin's business.
    assert.is((await call('POST', '/v1/control/export', asked, { authorization })).code, 'FORBIDDEN');
    await node.node.services.tills.revoke('ADMIN');
    assert.is((await call('GET', '/v1/tills', undefined, { authorization })).code, 'UNAUTHENTICATED');
    await nothingHappened();
  },
);

hostile('a name rebound to this address, and a page of another site, are refused on every path', async () => {
  const { port } = new URL(node.url);
  const body = JSON.stringify(order);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1.evil.example',
    `localhost.evil.example:${port}`,
  ]) {
    assert.equal(
      await post(body, { host }).then(({ status, code }) => [status, code]),
      [421, 'HOST_REFUSED'],
      host,
    );
    assert.is((await call('GET', '/openapi.json', undefined, { host })).code, 'HOST_REFUSED', host);
  }
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' },
  ]) {
    const { status, code } = await post(body, headers as unknown as Record<string, string>);
    assert.equal([status, code], [403, 'ORIGIN_REFUSED'], JSON.stringify(headers));
  }
  await nothingHappened();
});

/** A socket on which anything can be said; resolves to what came back when the node hung up. */
function raw(words: readonly (string | Uint8Array)[]): { socket: Socket; closed: Promise<string> } {
  const { hostname, port } = new URL(node.url);
  const socket = connect({ host: hostname, port: Number(port) });
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  const closed = new Promise<string>((resolve) => {
    socket.on('error', () => {});
    socket.once('close', () => resolve(heard));
  });
  for (const word of words) {
    socket.write(word);
  }
  return { socket, closed };
}

const upgrade = (headers = '') =>
  `GET ${REPLICATE_PATH} HTTP/1.1\r\nHost: ${new URL(node.url).host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: branchline.v1\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`;

/** A masked binary WebSocket frame with a zero mask. */
function frame(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(0x82, 0);
  head.writeUInt8(0xfe, 1);
  head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

hostile(
  'a gigabyte announced, a CBOR bomb, nonsense and a browser at the peers’ door end in a closed socket',
  async () => {
    const gigabyte = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]);
    // [[[[…: one byte per level; and a map that says it has four billion entries.
    const nested = frame(Buffer.concat([Buffer.alloc(8), Buffer.alloc(3_000, 0x81)]));
    const wide = frame(Buffer.concat([Buffer.alloc(8), Buffer.from([0xba, 0xff, 0xff, 0xff, 0xff, 0x61])]));
    const before = process.memoryUsage().rss;
    const huge = [[gigabyte], [gigabyte, Buffer.alloc(64 * 1024)]];
    const unreadable = [[nested], [wide], [frame(Buffer.alloc(2_000, 0xff))]];
    const hangUp = (words: readonly Uint8Array[]) =>
      within(LIMIT_MS, 'the node hanging up', raw([upgrade(), ...words]).closed);
    const [, told] = await Promise.all([Promise.all(huge.map(hangUp)), Promise.all(unreadable.map(hangUp))]);
    for (const words of told) {
      assert.match(words, /FRAME_MALFORMED/);
    }
    const browser = await within(LIMIT_MS, 'the answer', raw([upgrade(`Origin: ${node.url}\r\n`)]).closed);
    assert.match(browser, /^HTTP\/1\.1 403 /);
    const elsewhere = upgrade().replace(REPLICATE_PATH, '/v1/orders');
    assert.is(await within(LIMIT_MS, 'the end', raw([elsewhere]).closed), '');
    assert.ok(process.memoryUsage().rss - before < MEMORY_GROWTH_MAX);
    await nothingHappened();
  },
);

hostile('broken HTTP is answered with a problem document and a closed socket', async () => {
  const host = `Host: ${new URL(node.url).host}\r\n`;
  const smuggled = `POST /v1/orders HTTP/1.1\r\n${host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  const cases: [name: string, words: string, answer: RegExp][] = [
    ['two lengths', smuggled, /^HTTP\/1\.1 400 /],
    ['no request', '\u0000\u0001\u0002\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['long headers', `GET / HTTP/1.1\r\n${host}X: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['no host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 4/],
  ];
  for (const [name, words, answer] of cases) {
    assert.match(await within(LIMIT_MS, name, raw([words]).closed), answer, name);
  }
  await nothingHappened();
});

hostile(
  'a client that sends its request letter by letter is cut off; the others are served meanwhile',
  async () => {
    const server = await HttpServer.open({
      handler: (_request, response) => response.end('served'),
      host: '127.0.0.1',
      port: 0,
      clock,
      timeouts: { headersMs: 150, requestMs: 300, checkedMs: 50 },
    });
    const { port } = server;
    const slow = (words: string) =>
      new Promise<string>((resolve) => {
        let heard = '';
        const socket = connect({ host: '127.0.0.1', port }, () => socket.write(words));
        socket.on('data', (chunk) => {
          heard += chunk;
        });
        socket.on('error', () => {});
        socket.once('close', () => resolve(heard));
      });
    const all = Promise.all([
      slow('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '),
      slow('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{'),
    ]);
    assert.is(await (await fetch(server.url)).text(), 'served');
    for (const heard of await within(LIMIT_MS, 'slow clients cut off', all)) {
      assert.ok(heard === '' || /^HTTP\/1\.1 (400|408|200) /.test(heard), heard);
    }
    await server.close();
  },
);

/** What a peer with this key and tenant is told at the door. */
async function knock(key: DeviceKey, tenant: string): Promise<string> {
  const transport = await dialWebSocket(`${node.url.replace('http', 'ws')}${REPLICATE_PATH}`);
  const { randomBytes } = await import('node:crypto');
  const opened = Connection.open({
    transport,
    role: 'dial',
    identity: key,
    tenant,
    clock,
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    admit: () => ({ ok: true, info: undefined }),
    attach: () => () => {},
  });
  return await within(
    LIMIT_MS,
    'an answer at the door',
    opened.then(
      (connection) => {
        connection.close('DONE');
        return 'admitted';
      },
      (error: WireError) => error.refusal ?? error.code,
    ),
  );
}

hostile(
  'G11: an unknown device and one of another company are refused at the first frame, logged and counted',
  async () => {
    const before = node.node.services
      .metrics()
      .find(({ name }) => name === 'branchline_peers_refused_total')!.value;
    const stranger = generateDeviceKey();
    assert.is(await knock(stranger, TENANT), 'PEER_UNKNOWN');
    assert.is(await knock(stranger, 'Megastore'), 'TENANT_MISMATCH');
    const refused = () =>
      node.node.services.metrics().find(({ name }) => name === 'branchline_peers_refused_total')!.value;
    await until(LIMIT_MS, 'both to be counted', () => refused() === before + 2);
    assert.ok(warned.some(({ code, writer }) => code === 'PEER_UNKNOWN' && writer === stranger.writer));
    await nothingHappened();
  },
);

hostile.run();
