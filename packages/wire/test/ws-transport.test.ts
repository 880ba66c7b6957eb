/** The same connection over real sockets, and what a stranger at a real port gets. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { ManualClock, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import {
  type Acceptor,
  type AcceptorOptions,
  acceptWebSockets,
  Connection,
  dialWebSocket,
  type MessageFrame,
  SUBPROTOCOL,
} from '../src/index.ts';
import { ack, admitAll, codeOf, device, entriesFrame, TENANT } from './support.ts';

const test = suite('ws-transport');
const PATH = '/replicate';

interface Relay {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  readonly acceptor: Acceptor;
  readonly clock: ManualClock;
  readonly received: MessageFrame[];
  readonly connections: Connection<string>[];
  readonly errors: unknown[];
  close(): Promise<void>;
}

async function relay(options: Partial<AcceptorOptions> = {}): Promise<Relay> {
  const clock = new ManualClock();
  const server = createServer();
  const received: MessageFrame[] = [];
  const connections: Connection<string>[] = [];
  const errors: unknown[] = [];
  const identity = device();
  const acceptor = acceptWebSockets({
    path: PATH,
    clock,
    onTransport: (transport) => {
      Connection.open({
        transport,
        role: 'listen',
        identity,
        tenant: TENANT,
        clock,
        randomBytes: (length) => new Uint8Array(randomBytes(length)),
        admit: admitAll,
        attach: (connection) => {
          connections.push(connection);
          return (frame) => {
            received.push(frame);
            return connection.send(ack(received.length));
          };
        },
      }).catch((error) => errors.push(error));
    },
    ...options,
  });
  server.on('upgrade', (request, socket, head) => {
    if (!acceptor.upgrade(request, socket, head)) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    acceptor.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return {
    url: `ws://127.0.0.1:${port}${PATH}`,
    port,
    server,
    acceptor,
    clock,
    received,
    connections,
    errors,
    close,
  };
}

async function branch(url: string, received: MessageFrame[] = []): Promise<Connection<string>> {
  return Connection.open({
    transport: await dialWebSocket(url),
    role: 'dial',
    identity: device(),
    tenant: TENANT,
    clock: systemClock(),
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    admit: admitAll,
    attach: () => (frame) => {
      received.push(frame);
    },
  });
}

async function until(condition: () => boolean): Promise<void> {
  const clock = systemClock();
  for (let turn = 0; turn < 2_000 && !condition(); turn += 1) await clock.sleep(1);
  assert.ok(condition(), 'it never came true');
}

/** A raw upgrade request; resolves with the status line. */
async function request(port: number, headers: Record<string, string>, path = PATH): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const all: Record<string, string> = {
    Host: `127.0.0.1:${port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
    'Sec-WebSocket-Protocol': SUBPROTOCOL,
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  const closed = once(socket, 'close').then(() => ['closed']);
  const [data] = await Promise.race([once(socket, 'data'), closed]);
  socket.destroy();
  return String(data).split('\r\n', 1)[0]!;
}

/** A socket that upgraded and then says whatever it is told. */
async function stranger(r: Relay): Promise<{ socket: WebSocket; raw: Socket; closed: Promise<unknown> }> {
  const socket = new WebSocket(r.url, SUBPROTOCOL);
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'open');
  return { socket, raw: (socket as unknown as { _socket: Socket })._socket, closed };
}

test('two programs speak over a real WebSocket and part in order', async () => {
  const r = await relay();
  const received: MessageFrame[] = [];
  const connection = await branch(r.url, received);
  await connection.send(entriesFrame(2));
  await until(() => received.length === 1);
  assert.equal(r.received, [entriesFrame(2)]);
  assert.equal(received, [ack(1)]);
  assert.equal([r.acceptor.connections, r.acceptor.halfOpen], [1, 0]);
  connection.close('DONE');
  assert.is((await connection.closed).code, 'DONE');
  assert.equal(await r.connections[0]!.closed, { code: 'DONE', by: 'peer', refused: false });
  await until(() => r.acceptor.connections === 0);
  await r.close();
});

test('three megabytes in large frames arrive whole', async () => {
  const r = await relay();
  const connection = await branch(r.url);
  const bytes = new Uint8Array(randomBytes(900_000));
  const frame: MessageFrame = {
    type: 'checkpoint',
    collection: 'catalog',
    id: 'c',
    part: 0,
    parts: 1,
    bytes,
  };
  for (let part = 0; part < 4; part += 1) await connection.send(frame);
  await until(() => r.received.length === 4);
  assert.equal(r.received[3], frame);
  connection.close();
  await connection.closed;
  await r.close();
});

test('a browser is refused: its Origin gives it away', async () => {
  const r = await relay();
  assert.is(await request(r.port, { Origin: 'https://shop.example' }), 'HTTP/1.1 403 Forbidden');
  assert.is(r.acceptor.refusals.get('ACCEPT_ORIGIN'), 1);
  await r.close();
});

test('another subprotocol is refused, another path is not ours', async () => {
  const r = await relay();
  assert.is(await request(r.port, { 'Sec-WebSocket-Protocol': 'chat' }), 'HTTP/1.1 400 Bad Request');
  assert.is(r.acceptor.refusals.get('ACCEPT_PROTOCOL'), 1);
  assert.is(await request(r.port, {}, '/elsewhere'), 'closed');
  assert.is(r.acceptor.refusals.size, 1);
  await r.close();
});

test('compression of the socket is not to be had: bombs cannot hide in it', async () => {
  const r = await relay();
  const socket = new WebSocket(r.url, SUBPROTOCOL, { perMessageDeflate: true });
  await once(socket, 'open');
  assert.is(socket.extensions, '');
  socket.terminate();
  await r.close();
});

test('places are limited: in all, half-open, and per address', async () => {
  for (const [limits, code, status] of [
    [{ connectionsMax: 1 }, 'ACCEPT_FULL', 503],
    [{ halfOpenMax: 1 }, 'ACCEPT_HALF_OPEN', 503],
    [{ halfOpenPerAddressMax: 1 }, 'ACCEPT_ADDRESS', 429],
  ] as const) {
    const r = await relay({ limits });
    const first = await stranger(r);
    const refusal = await dialWebSocket(r.url).catch((error) => error);
    assert.is(codeOf(refusal), 'DIAL_FAILED');
    assert.match(refusal.message, String(status));
    assert.is(r.acceptor.refusals.get(code), 1, code);
    first.socket.terminate();
    await until(() => r.acceptor.connections === 0 && r.acceptor.halfOpen === 0);
    const connection = await branch(r.url);
    connection.close();
    await connection.closed;
    await r.close();
  }
});

test('a stranger that proves nothing is cut after the deadline', async () => {
  const r = await relay({ limits: { handshakeMs: 4_000 } });
  const { closed } = await stranger(r);
  await r.clock.advance(4_000);
  await closed;
  assert.is(r.acceptor.refusals.get('ACCEPT_TIMEOUT'), 1);
  await until(() => r.acceptor.halfOpen === 0);
  await r.close();
});

test('a stranger that sends a large frame is cut after 4 KiB of it, not after all', async () => {
  const r = await relay();
  const { raw, closed } = await stranger(r);
  // The header of a masked binary frame of 1 MiB, then the beginning of it.
  raw.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]));
  raw.write(Buffer.alloc(8_192));
  await closed;
  assert.is(r.acceptor.refusals.get('ACCEPT_BYTES'), 1);
  await r.close();
});

test('text, and a frame over the limit, close the socket and nothing else', async () => {
  const r = await relay();
  const honest = await branch(r.url);
  const chatty = await stranger(r);
  chatty.socket.send('hello');
  await chatty.closed;
  const huge = await stranger(r);
  huge.raw.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]));
  await huge.closed;
  await honest.send(ack(1));
  await until(() => r.received.length === 1);
  honest.close();
  await honest.closed;
  await r.close();
});

test('the handshake is bound to the host the dialer meant', async () => {
  const r = await relay({ host: 'relay.example' });
  const error = await branch(r.url).catch((reason) => reason);
  assert.is(error.refusal, 'SIGNATURE_INVALID');
  await r.close();
});

test('a closed acceptor refuses and ends what it has', async () => {
  const r = await relay();
  const connection = await branch(r.url);
  r.acceptor.close();
  assert.is((await connection.closed).by, 'transport');
  assert.is(codeOf(await dialWebSocket(r.url).catch((error) => error)), 'DIAL_FAILED');
  assert.is(r.acceptor.refusals.get('ACCEPT_CLOSED'), 1);
  await r.close();
});

test('dialing nowhere, nonsense, or with an aborted signal', async () => {
  assert.is(await dialWebSocket('ws://127.0.0.1:1/replicate').catch(codeOf), 'DIAL_FAILED');
  assert.is(await dialWebSocket('not a url').catch(codeOf), 'DIAL_FAILED');
  assert.is(await dialWebSocket('ws://127.0.0.1:1', { signal: AbortSignal.abort('no') }).catch(String), 'no');
  const controller = new AbortController();
  const silent = createServer().on('upgrade', () => undefined);
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const dialed = dialWebSocket(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}/`, {
    signal: controller.signal,
  });
  controller.abort('enough');
  assert.is(await dialed.catch(String), 'enough');
  silent.closeAllConnections();
  silent.close();
});

test.run();
