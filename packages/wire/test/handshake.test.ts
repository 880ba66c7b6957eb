/**
 * What a stranger, a thief and a mirror get: a code and a closed socket. The attacker here speaks the protocol by hand over a
 * bare transport.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bodyOf, decodeFrame, encodeFrame, stampSequence } from '../src/codec.ts';
import type { Frame, HelloFrame } from '../src/frames.ts';
import { HANDSHAKE_BYTES_MAX } from '../src/frames.ts';
import { handshakeBytes, judgeHello } from '../src/handshake.ts';
import type { Identity, Transport } from '../src/index.ts';
import { ack, admitAll, codeOf, device, refusing, settle, TENANT, type World, world } from './support.ts';

const test = suite('handshake');

/** A hand-driven end: sends any frame, keeps what it gets as frames and as bytes. */
interface Attacker {
  readonly frames: Frame[];
  readonly bodies: Uint8Array[];
  readonly transport: Transport;
  isClosed: boolean;
  send(frame: Frame, sequence?: number): Uint8Array;
  sendBytes(message: Uint8Array): void;
}

async function attack(w: World): Promise<Attacker> {
  const dialed = w.network.dial('attacker', 'relay');
  await settle(w.clock);
  return attackOver(await dialed);
}

function attackOver(transport: Transport): Attacker {
  let sent = 0;
  const attacker: Attacker = {
    frames: [],
    bodies: [],
    transport,
    isClosed: false,
    send(frame, sequence = sent) {
      const { message } = encodeFrame(frame);
      stampSequence(message, sequence);
      sent += 1;
      transport.send(message);
      return bodyOf(message).slice();
    },
    sendBytes: (message) => transport.send(message),
  };
  transport.start({
    onMessage: (message) => {
      const { frame, body } = decodeFrame(message);
      attacker.frames.push(frame);
      attacker.bodies.push(body);
    },
    onClose: () => {
      attacker.isClosed = true;
    },
  });
  return attacker;
}

function hello(identity: Identity, overrides: Partial<HelloFrame> = {}): HelloFrame {
  const nonce = new Uint8Array(32).fill(42);
  return {
    type: 'hello',
    version: 1,
    tenant: TENANT,
    nonce,
    key: identity.publicKey,
    software: 'x',
    features: [],
    ...overrides,
  };
}

/** The last frame said why; then the socket closed; and nobody was let in. */
async function assertRefused(w: World, attacker: Attacker, code: string): Promise<void> {
  await settle(w.clock);
  const last = attacker.frames.at(-1)!;
  assert.ok(last.type === 'reject' || last.type === 'bye', last.type);
  assert.is((last as { code: string }).code, code);
  assert.ok(attacker.isClosed);
  assert.is(w.relay.connection, undefined);
  assert.equal(w.relay.received, []);
  assert.is(w.clock.pendingTimers, 0);
}

test('another version: VERSION_MISMATCH, with a hint for the operator', async () => {
  const w = world();
  const attacker = await attack(w);
  attacker.send(hello(device(), { version: 99 }));
  await assertRefused(w, attacker, 'VERSION_MISMATCH');
  assert.match((attacker.frames.at(-1) as { hint: string }).hint, 'Update');
});

test('another company: TENANT_MISMATCH', async () => {
  const w = world({ branch: { tenant: 'chai' } });
  await w.connect();
  assert.is(codeOf(w.branch.error), 'REFUSED_BY_PEER');
  assert.is((w.branch.error as { refusal: string }).refusal, 'TENANT_MISMATCH');
  assert.is(codeOf(w.relay.error), 'PEER_REFUSED');
});

test('an unknown or revoked device is refused at its first frame, before anything is signed for it (G11)', async () => {
  for (const code of ['DEVICE_UNKNOWN', 'DEVICE_REVOKED']) {
    const w = world({ relay: { admit: refusing(code) } });
    const attacker = await attack(w);
    attacker.send(hello(device()));
    await assertRefused(w, attacker, code);
    assert.equal(
      attacker.frames.map((frame) => frame.type),
      ['reject'],
    );
  }
});

test('a dialer refuses a listener it does not know, and proves nothing to it', async () => {
  const w = world({ branch: { admit: refusing('DEVICE_UNKNOWN') } });
  await w.connect();
  assert.is(codeOf(w.branch.error), 'PEER_REFUSED');
  assert.is((w.relay.error as { refusal: string }).refusal, 'DEVICE_UNKNOWN');
});

test('a key somebody else holds: SIGNATURE_INVALID', async () => {
  const w = world();
  const attacker = await attack(w);
  const thief = device();
  const dialHello = attacker.send(hello(w.branch.options.identity!));
  await settle(w.clock);
  const listenHello = attacker.bodies[0]!;
  const signed = handshakeBytes('dial', { dialHello, listenHello, channel: 'memory/relay' });
  attacker.send({ type: 'auth', signature: thief.sign(signed) });
  await assertRefused(w, attacker, 'SIGNATURE_INVALID');
});

test('a key that is no point of the curve: SIGNATURE_INVALID', async () => {
  const w = world();
  const attacker = await attack(w);
  attacker.send(hello({ publicKey: new Uint8Array(32).fill(255), sign: () => new Uint8Array(64) }));
  attacker.send({ type: 'auth', signature: new Uint8Array(64) });
  await assertRefused(w, attacker, 'SIGNATURE_INVALID');
});

test("the listener's own proof sent back to it: SIGNATURE_INVALID (reflection)", async () => {
  const w = world();
  const attacker = await attack(w);
  attacker.send(hello(w.branch.options.identity!));
  await settle(w.clock);
  attacker.send(attacker.frames.find((frame) => frame.type === 'auth')!);
  await assertRefused(w, attacker, 'SIGNATURE_INVALID');
});

test("the listener's own hello sent back to it: SELF_CONNECTION (reflection, or a clone)", async () => {
  const w = world();
  const attacker = await attack(w);
  attacker.send(hello(w.relay.options.identity!));
  await assertRefused(w, attacker, 'SELF_CONNECTION');
});

test('a recorded handshake played again: SIGNATURE_INVALID (replay)', async () => {
  const w = world();
  const honest = await attack(w);
  const branch = w.branch.options.identity!;
  const dialHello = honest.send(hello(branch));
  await settle(w.clock);
  const transcript = { dialHello, listenHello: honest.bodies[0]!, channel: 'memory/relay' };
  const signature = branch.sign(handshakeBytes('dial', transcript));
  honest.send({ type: 'auth', signature });
  await settle(w.clock);
  assert.ok(w.relay.connection);

  const second = world({ relay: { ...w.relay.options } });
  const replayer = await attack(second);
  replayer.send(hello(branch));
  replayer.send({ type: 'auth', signature });
  await assertRefused(second, replayer, 'SIGNATURE_INVALID');
});

test('a proof passed on by a peer in the middle is bound to another channel: SIGNATURE_INVALID', async () => {
  const w = world({
    branch: { channel: 'evil.example/replicate' },
    relay: { channel: 'relay.example/replicate' },
  });
  await w.connect();
  assert.is((w.branch.error as { refusal: string }).refusal ?? codeOf(w.branch.error), 'SIGNATURE_INVALID');
  assert.is(w.relay.connection, undefined);
});

test('frames out of their place in the handshake: HANDSHAKE_ORDER', async () => {
  const identity = device();
  const cases: Frame[][] = [
    [{ type: 'auth', signature: new Uint8Array(64) }],
    [ack(1)],
    [{ type: 'ping', at: 1 }],
    [{ type: 'credit', bytes: 1 }],
    [hello(identity), hello(identity)],
    [hello(identity), ack(1)],
  ];
  for (const frames of cases) {
    const w = world();
    const attacker = await attack(w);
    for (const frame of frames) attacker.send(frame);
    await assertRefused(w, attacker, 'HANDSHAKE_ORDER');
  }
});

test('a stranger that says nothing is cut after 5 s: HANDSHAKE_TIMEOUT', async () => {
  const w = world();
  const attacker = await attack(w);
  await settle(w.clock, 4_999);
  assert.not(attacker.isClosed);
  await settle(w.clock, 1);
  await assertRefused(w, attacker, 'HANDSHAKE_TIMEOUT');
  assert.is(codeOf(w.relay.error), 'HANDSHAKE_TIMEOUT');
});

test('a stranger may send 4 KiB: FRAME_TOO_LARGE', async () => {
  const w = world();
  const attacker = await attack(w);
  attacker.sendBytes(new Uint8Array(HANDSHAKE_BYTES_MAX + 100));
  await assertRefused(w, attacker, 'FRAME_TOO_LARGE');
});

test('bytes that are no frame: FRAME_MALFORMED', async () => {
  const w = world();
  const attacker = await attack(w);
  attacker.sendBytes(new TextEncoder().encode('GET / HTTP/1.1\r\n'));
  await assertRefused(w, attacker, 'FRAME_MALFORMED');
});

test('a goodbye in the middle of the handshake ends it', async () => {
  const w = world();
  const attacker = await attack(w);
  attacker.send({ type: 'bye', code: 'CHANGED_MY_MIND' });
  await settle(w.clock);
  assert.is(codeOf(w.relay.error), 'CONNECTION_CLOSED');
});

test('a transport that goes away during the handshake: TRANSPORT_LOST', async () => {
  const w = world();
  await attack(w);
  w.network.cut('attacker', 'relay');
  await settle(w.clock);
  assert.is(codeOf(w.relay.error), 'TRANSPORT_LOST');
});

test('a listener whose registry throws refuses and lives: LOCAL_FAILURE', async () => {
  const w = world({
    relay: {
      admit: () => {
        throw new Error('registry closed');
      },
    },
  });
  const attacker = await attack(w);
  attacker.send(hello(device()));
  await assertRefused(w, attacker, 'LOCAL_FAILURE');
  assert.is((w.relay.error as { cause: Error }).cause.message, 'registry closed');
});

test('an aborted signal gives up before or during the handshake, and leaves nothing behind', async () => {
  const reason = new Error('shutting down');
  const early = world({ branch: { signal: AbortSignal.abort(reason) } });
  await early.connect();
  assert.is(early.branch.error, reason);

  const controller = new AbortController();
  const late = world({ branch: { signal: controller.signal }, faults: { delayMs: 100 } });
  await late.connect();
  await settle(late.clock, 250);
  controller.abort(reason);
  await settle(late.clock, 5_000);
  assert.is(late.branch.error, reason);
  assert.is(late.clock.pendingTimers, 0);
});

test('a hello is judged before the registry is asked', () => {
  const own = { tenant: TENANT, key: new Uint8Array(32) };
  assert.is(judgeHello(own, hello(device())), undefined);
  assert.is(judgeHello(own, hello(device(), { version: 2 }))?.code, 'VERSION_MISMATCH');
  assert.ok(admitAll().ok);
});

test.run();
