/** Sockets of strangers: who may join, in whose name, how much and how fast. */
import type { PeerId } from '@automerge/automerge-repo';
import { ManualClock, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import { FRAME_DEPTH_MAX, FRAME_ITEMS_MAX, isPlainFrame } from '../src/frame-guard.ts';
import { encodeFrame, FRAME_BYTES_MAX, NAME_CHARS_MAX } from '../src/frames.ts';
import {
  BYTES_RATE,
  FRAMES_RATE,
  HEARTBEAT_MS,
  JOIN_TIMEOUT_MS,
  SOCKET_BYTES_BUSY,
  SOCKET_BYTES_MAX,
} from '../src/peer-connection.ts';
import { CLIENTS_MAX, PeerTable } from '../src/peer-table.ts';
import type { RepoSocket } from '../src/repo-socket.ts';
import { EARLY_SOCKETS_MAX, SocketServerAdapter } from '../src/server-adapter.ts';
import { Listening, RawClient } from './support/sockets.ts';

const test = suite('connections');

async function listening(clientsMax?: number) {
  const got: string[] = [];
  const table = new PeerTable(
    'server' as PeerId,
    {},
    {
      clock: systemClock(),
      onPeer: ({ peerId }) => got.push(`peer ${peerId}`),
      onMessage: (_connection, { type }) => got.push(type),
      onGone: ({ peerId }) => got.push(`gone ${peerId}`),
      ...(clientsMax === undefined ? {} : { clientsMax }),
    },
  );
  const listener = await Listening.open((socket, query) =>
    table.accept(socket, { owner: query.get('as') ?? '', mayBe: (id) => !id.startsWith('not-') }),
  );
  const url = (owner: string): string => `${listener.url}/?as=${owner}`;
  return { got, table, url, [Symbol.asyncDispose]: () => listener.close() };
}

const closing = async (client: RawClient): Promise<string> => (await client.closed).reason;
const message = {
  type: 'sync',
  senderId: 'me',
  targetId: 'server',
  documentId: 'doc',
  data: new Uint8Array([1]),
};

test('a join is answered, and the name is held', async () => {
  await using server = await listening();
  const client = await RawClient.joined(server.url('a'), 'me');
  assert.is(client.serverId, 'server');
  client.say(message);
  await until(30_000, 'a message', () => server.got.includes('sync'));
  // Another owner does not get it; the one who has it keeps it.
  const thief = await RawClient.open(server.url('b'));
  thief.say({ type: 'join', senderId: 'me', supportedProtocolVersions: ['1'] });
  assert.is(await closing(thief), 'PEER_TAKEN');
  assert.is((await thief.frame('error')).message, 'PEER_TAKEN');
  assert.is(client.socket.readyState, 1);
  // Its owner comes back while the old connection is not known to be lost.
  await RawClient.joined(server.url('a'), 'me');
  assert.is(await closing(client), 'PEER_REPLACED');
  assert.is(server.table.connections.length, 1);
});

test('nothing goes before a join, nothing in another name, no second join', async () => {
  await using server = await listening();
  const cases: [string, (client: RawClient) => void, boolean][] = [
    ['JOIN_EXPECTED', (client) => client.say(message), false],
    ['JOIN_AGAIN', (client) => client.say({ type: 'join', senderId: 'other' }), true],
    ['PEER_FORGED', (client) => client.say({ ...message, senderId: 'other' }), true],
    ['PEER_FORGED', (client) => client.say({ ...message, targetId: 'somebody' }), true],
    ['PEER_REFUSED', (client) => client.say({ type: 'join', senderId: 'not-you' }), false],
    ['PEER_REFUSED', (client) => client.say({ type: 'join', senderId: 'server' }), false],
    [
      'JOIN_VERSION',
      (client) => client.say({ type: 'join', senderId: 'a', supportedProtocolVersions: ['9'] }),
      false,
    ],
    ['FRAME_INVALID', (client) => client.socket.send('{"type":"join"}'), false],
    ['FRAME_INVALID', (client) => client.socket.send(new Uint8Array([0xf6])), true],
    ['FRAME_INVALID', (client) => client.socket.send(new Uint8Array([0x9a, 0xff, 0xff, 0xff, 0xff])), true],
    ['FRAME_INVALID', (client) => client.say({ ...message, data: new Uint8Array() }), true],
    [
      'FRAME_INVALID',
      (client) => client.say({ ...message, documentId: 'x'.repeat(NAME_CHARS_MAX + 1) }),
      true,
    ],
    ['FRAME_INVALID', (client) => client.say({ ...message, data: new Uint8Array(FRAME_BYTES_MAX) }), true],
  ];
  for (const [code, act, isJoined] of cases) {
    const client = await (isJoined
      ? RawClient.joined(server.url('a'), 'me')
      : RawClient.open(server.url('a')));
    act(client);
    assert.is(await closing(client), code);
  }
  // Null, which ends the stock server's process, was among them.
  assert.is(server.table.connections.length, 0);
});

test('a client in a loop is stopped', async () => {
  await using server = await listening();
  const many = await RawClient.joined(server.url('a'), 'me');
  for (let n = 0; n < FRAMES_RATE.burst + FRAMES_RATE.perSecond; n++) {
    many.say(message);
  }
  assert.is(await closing(many), 'RATE_EXCEEDED');
  const large = await RawClient.joined(server.url('a'), 'me');
  for (let bytes = 0; bytes <= BYTES_RATE.burst + BYTES_RATE.perSecond; bytes += 900_000) {
    large.say({ ...message, data: new Uint8Array(900_000) });
  }
  assert.is(await closing(large), 'RATE_EXCEEDED');
});

test('clients are counted, joined or not', async () => {
  await using server = await listening(2);
  await RawClient.open(server.url('a'));
  await RawClient.open(server.url('a'));
  const third = await RawClient.open(server.url('a'));
  assert.is(await closing(third), 'CLIENTS_FULL');
  assert.is(server.table.closed.get('CLIENTS_FULL'), 1);
  assert.is(CLIENTS_MAX, 64);
});

test('frames are measured before they are decoded', () => {
  const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });
  assert.ok(isPlainFrame(encodeFrame(nested(FRAME_DEPTH_MAX))));
  assert.not(isPlainFrame(encodeFrame(nested(FRAME_DEPTH_MAX + 1))));
  assert.ok(isPlainFrame(encodeFrame({ a: Array.from({ length: FRAME_ITEMS_MAX - 4 }, () => 1) })));
  assert.not(isPlainFrame(encodeFrame({ a: Array.from({ length: FRAME_ITEMS_MAX }, () => 1) })));
  for (const bytes of [
    [],
    [0xa1],
    [0xa1, 0x61, 0x61],
    [0xbf, 0xff],
    [0xa1, 0x61, 0x61, 0xc1, 0x00],
    [0xa0, 0x00],
  ]) {
    assert.not(isPlainFrame(new Uint8Array(bytes)), String(bytes));
  }
});

/** A socket whose client takes nothing. */
class StuckSocket implements RepoSocket {
  bufferedAmount = 0;
  readyState = 1;
  closed: string[] = [];
  sent: Uint8Array[] = [];
  pings = 0;
  readonly #listeners = new Map<string, (...args: never[]) => void>();
  #done: (() => void)[] = [];

  send(data: Uint8Array, done: () => void): void {
    this.bufferedAmount += data.length;
    this.sent.push(data);
    this.#done.push(done);
  }
  drain(): void {
    this.bufferedAmount = 0;
    for (const done of this.#done.splice(0)) {
      done();
    }
  }
  close(_code: number, reason: string): void {
    this.closed.push(reason);
  }
  terminate(): void {
    this.closed.push('terminated');
  }
  ping(): void {
    this.pings += 1;
  }
  on(event: string, listener: (...args: never[]) => void): void {
    this.#listeners.set(event, listener);
  }
  hear(event: string, ...args: unknown[]): void {
    (this.#listeners.get(event) as ((...given: unknown[]) => void) | undefined)?.(...args);
  }
}

function stuck() {
  const clock = new ManualClock(0);
  const drained: string[] = [];
  const table = new PeerTable(
    'server' as PeerId,
    {},
    {
      clock,
      onPeer: () => undefined,
      onMessage: () => undefined,
      onDrained: ({ peerId }) => drained.push(String(peerId)),
      onGone: () => undefined,
    },
  );
  const socket = new StuckSocket();
  const connection = table.accept(socket, { owner: 'a' });
  const join = (): void =>
    socket.hear(
      'message',
      encodeFrame({ type: 'join', senderId: 'me', supportedProtocolVersions: ['1'] }),
      true,
    );
  return { clock, socket, connection, drained, join };
}

test('who does not join in time is closed', async () => {
  const { clock, socket } = stuck();
  await clock.advance(JOIN_TIMEOUT_MS);
  assert.equal(socket.closed, ['JOIN_EXPECTED']);
  await clock.advance(1_000);
  assert.equal(socket.closed, ['JOIN_EXPECTED', 'terminated']);
});

test('who does not answer is closed, who answers stays', async () => {
  const { clock, socket, join } = stuck();
  join();
  await clock.advance(HEARTBEAT_MS);
  socket.hear('pong');
  await clock.advance(HEARTBEAT_MS);
  assert.is(socket.pings, 2);
  await clock.advance(HEARTBEAT_MS);
  assert.equal(socket.closed, ['CLIENT_SILENT']);
});

test('who takes nothing is waited for, then closed', async () => {
  const { clock, socket, connection, drained, join } = stuck();
  join();
  assert.not(connection.isBusy);
  connection.send({ data: new Uint8Array(SOCKET_BYTES_BUSY) });
  assert.ok(connection.isBusy);
  socket.drain();
  assert.equal(drained, ['me']);
  connection.send({ data: new Uint8Array(SOCKET_BYTES_BUSY) });
  for (let beat = 0; beat < 2; beat++) {
    socket.hear('pong');
    await clock.advance(HEARTBEAT_MS);
  }
  assert.equal(socket.closed, ['CLIENT_SLOW']);
});

test('what waits for one client is bounded', () => {
  const { socket, connection, join } = stuck();
  join();
  socket.bufferedAmount = SOCKET_BYTES_MAX;
  connection.send({ type: 'sync' });
  assert.equal(socket.closed, ['CLIENT_SLOW']);
});

test('nothing is sent on a socket that is closing', () => {
  const { socket, connection, join } = stuck();
  join();
  const before = socket.sent.length;
  socket.readyState = 2;
  connection.send({ type: 'sync' });
  assert.is(socket.sent.length, before);
});

test('sockets that come before the Repo wait, some of them', async () => {
  const adapter = new SocketServerAdapter({ clock: new ManualClock(0) });
  const sockets = Array.from({ length: EARLY_SOCKETS_MAX + 1 }, () => new StuckSocket());
  for (const socket of sockets) {
    adapter.accept(socket, { owner: 'a' });
  }
  assert.equal(sockets.at(-1)?.closed, ['terminated']);
  assert.not(adapter.isReady());
  adapter.connect('server' as PeerId);
  assert.ok(adapter.isReady());
  await adapter.whenReady();
  assert.throws(
    () => adapter.connect('server' as PeerId),
    (error: { code: string }) => error.code === 'REPO_CLOSED',
  );
  adapter.disconnect();
  assert.equal(sockets[0]?.closed, ['SERVER_CLOSED']);
});

test.run();
