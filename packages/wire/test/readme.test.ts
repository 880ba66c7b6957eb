/** What the README and the protocol page say, held against the code. */
import { readFileSync } from 'node:fs';
import { ManualClock, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as codec from '../src/cbor-gate.ts';
import * as connection from '../src/connection.ts';
import * as state from '../src/connection-state.ts';
import { REFUSAL_CODES } from '../src/errors.ts';
import * as frames from '../src/frames.ts';
import { Connection, Dialer, MemoryNetwork, type MessageFrame } from '../src/index.ts';
import * as queue from '../src/send-queue.ts';
import { examples } from './examples.ts';
import { ack, admitAll as admit, device, seededBytes, settle, TENANT } from './support.ts';

const test = suite('readme');
const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const readme = read('README.md');
const protocol = read('replication-protocol.md');

test('the example runs', async () => {
  const clock = new ManualClock();
  const received: MessageFrame[] = [];
  const log: string[] = [];
  const shutdown = new AbortController();
  const relay = { identity: device(), tenant: TENANT, clock, randomBytes: seededBytes(1) };
  const branch = { identity: device(), tenant: TENANT, clock, randomBytes: seededBytes(2) };

  const network = new MemoryNetwork({ clock, random: seededRandom(1) });
  network.listen('relay', (transport) => {
    void Connection.open({
      ...relay,
      transport,
      role: 'listen',
      admit,
      attach: () => (frame) => {
        received.push(frame);
      },
    });
  });
  const dialer = new Dialer({
    clock,
    random: seededRandom(2),
    connect: async (signal) => {
      const transport = await network.dial('branch', 'relay', { signal });
      return Connection.open({
        ...branch,
        transport,
        role: 'dial',
        admit,
        attach: () => () => undefined,
        signal,
      });
    },
    onStatus: (status) => log.push(status.state),
  });
  const stopped = dialer.run(shutdown.signal);
  await settle(clock);
  await dialer.connection?.send(ack(1));
  shutdown.abort();
  await settle(clock, 3_000);
  await stopped;
  assert.equal(received, [ack(1)]);
  assert.equal(log, ['dialing', 'connected', 'stopped']);
});

test('every error code is in the table, and no other', () => {
  const source = read('src/errors.ts').replace(/\/\*\*[\s\S]*?\*\//g, '');
  const declared = new Set([...source.matchAll(/'([A-Z]+_[A-Z_]+)'/g)].map((match) => match[1]!));
  for (const code of REFUSAL_CODES) assert.ok(declared.has(code));
  const documented = [...readme.matchAll(/^\|[ RBTS]+\| `([A-Z_]+)`/gm)].map((match) => match[1]!);
  assert.equal([...documented].sort(), [...declared].sort());
});

test('every acceptor code is named', () => {
  const codes = read('src/ws-acceptor.ts').match(/'ACCEPT_[A-Z_]+'/g)!;
  for (const code of new Set(codes)) assert.ok(readme.includes(code.replaceAll("'", '`')), code);
});

test('every frame has its byte table with every field', () => {
  for (const frame of examples) {
    const at = protocol.indexOf(`**${frame.type}**`);
    assert.ok(at >= 0, frame.type);
    const section = protocol.slice(at, at + 2_500);
    for (const field of Object.keys(frame)) {
      assert.ok(
        section.includes(`\`${field}\``) || section.includes(`\`${field}?\``),
        `${frame.type}.${field}`,
      );
    }
  }
});

test('the limits in the protocol are the limits in the code', () => {
  const number = (value: number): string => value.toLocaleString('en-US');
  for (const limit of [
    frames.FRAME_BYTES_MAX,
    frames.HANDSHAKE_BYTES_MAX,
    frames.STATUS_BYTES_MAX,
    frames.FEEDS_PER_FRAME_MAX,
    frames.CHECKPOINT_PARTS_MAX,
    state.CREDIT_WINDOW_BYTES,
    state.OVERDRAFT_BYTES,
    state.GRANT_BYTES,
    state.CONTROL_FRAMES_MAX,
    codec.ITEMS_MAX,
  ]) {
    assert.ok(protocol.includes(number(limit)), number(limit));
  }
  assert.is(queue.SEND_QUEUE_BYTES_MAX, 4 * 1024 * 1024);
  assert.is(connection.TRANSPORT_BUFFERED_MAX, 4 * 1024 * 1024);
});

test.run();
