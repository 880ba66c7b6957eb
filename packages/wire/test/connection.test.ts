import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TRANSPORT_BUFFERED_MAX } from '../src/connection.ts';
import { CREDIT_WINDOW_BYTES, KEEPALIVE_MS, OVERDRAFT_BYTES } from '../src/connection-state.ts';
import type { MessageFrame, Transport } from '../src/index.ts';
import { SEND_QUEUE_BYTES_MAX } from '../src/send-queue.ts';
import { ack, codeOf, device, entriesFrame, openSide, settle, type World, world } from './support.ts';

const test = suite('connection');

async function connected(options: Parameters<typeof world>[0] = {}): Promise<World> {
  const w = world(options);
  await w.connect();
  assert.is(w.branch.error, undefined);
  assert.is(w.relay.error, undefined);
  return w;
}

/** A receiver that holds each message until told to go on. */
function gate(): {
  attach: () => (frame: MessageFrame) => Promise<void>;
  taken: MessageFrame[];
  open: () => void;
} {
  const taken: MessageFrame[] = [];
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const receive = async (frame: MessageFrame): Promise<void> => {
    taken.push(frame);
    await opened;
  };
  return { attach: () => receive, taken, open };
}

/** Incompressible bulk of about `bytes`. */
function bulk(bytes: number): MessageFrame {
  return {
    type: 'checkpoint',
    collection: 'catalog',
    id: 'c',
    part: 0,
    parts: 1,
    bytes: new Uint8Array(bytes),
  };
}

test('two admitted devices open a connection and exchange messages in order', async () => {
  const w = await connected();
  assert.equal(w.relay.connection!.peer.key, w.branch.options.identity!.publicKey);
  assert.is(w.branch.connection!.info, 'known');
  await w.branch.connection!.send(entriesFrame(3));
  await w.branch.connection!.send(ack(1));
  await w.relay.connection!.send(ack(2));
  await settle(w.clock);
  assert.equal(w.relay.received, [entriesFrame(3), ack(1)]);
  assert.equal(w.branch.received, [ack(2)]);
});

test('a listener may prove another of its keys to a dialer that does not know the newest', async () => {
  const former = device();
  let asked: Uint8Array | undefined;
  const identityFor = (peerKey: Uint8Array) => {
    asked = peerKey;
    return former;
  };
  const w = await connected({ relay: { identityFor } });
  assert.equal(asked, w.branch.options.identity!.publicKey);
  assert.equal(w.branch.connection!.peer.key, former.publicKey);
});

test('the receiver is attached before the first message, even one sent with the proof', async () => {
  const w = world({
    branch: {
      attach: (connection) => {
        void connection.send(ack(1));
        return () => undefined;
      },
    },
  });
  await w.connect();
  assert.equal(w.relay.received, [ack(1)]);
});

test('counters count every frame and byte, the handshake included', async () => {
  const w = await connected();
  await w.branch.connection!.send(ack(1));
  await settle(w.clock);
  const branch = w.branch.connection!.counters;
  const relay = w.relay.connection!.counters;
  assert.is(branch.framesOut, 3);
  assert.equal([relay.framesIn, relay.bytesIn], [branch.framesOut, branch.bytesOut]);
  assert.equal([relay.framesOut, relay.bytesOut], [branch.framesIn, branch.bytesIn]);
});

test('a receiver takes one message at a time and slows the sender down to its pace', async () => {
  const slow = gate();
  const w = await connected({ relay: { attach: slow.attach } });
  const { connection } = w.branch;
  const sent: number[] = [];
  const sends = [0, 1, 2, 3].map((index) =>
    connection!.send(bulk(900_000)).then(() => {
      sent.push(index);
    }),
  );
  await settle(w.clock);
  assert.equal(sent, [0, 1], 'two fit into the window');
  assert.is(slow.taken.length, 1, 'the receiver has one');
  assert.ok(connection!.bufferedBytes > 1_800_000 && connection!.bufferedBytes < SEND_QUEUE_BYTES_MAX);
  slow.open();
  await settle(w.clock);
  await Promise.all(sends);
  assert.equal(sent, [0, 1, 2, 3]);
  assert.is(connection!.bufferedBytes, 0);
});

test('small messages get through while bulk waits for credit', async () => {
  const slow = gate();
  const w = await connected({ relay: { attach: slow.attach } });
  const { connection } = w.branch;
  const bulks = [1, 2, 3].map(() => connection!.send(bulk(900_000)));
  await connection!.send(ack(7));
  slow.open();
  await settle(w.clock);
  await Promise.all(bulks);
  assert.equal(
    slow.taken.map((frame) => frame.type),
    ['checkpoint', 'checkpoint', 'ack', 'checkpoint'],
  );
});

test('two peers full of bulk for each other, each answering from its receiver, both finish', async () => {
  const answering = {
    attach: (connection: { send(frame: MessageFrame): Promise<void> }) => async (frame: MessageFrame) => {
      if (frame.type === 'checkpoint') await connection.send(ack(1));
    },
  };
  const w = await connected({ branch: answering, relay: answering });
  w.network.setFaults('branch', 'relay', { delayMs: 50 });
  w.network.setFaults('relay', 'branch', { delayMs: 50 });
  let done = 0;
  for (const end of [w.branch, w.relay]) {
    for (let index = 0; index < 4; index += 1) {
      void end.connection!.send(bulk(1_000_000)).then(() => {
        done += 1;
      });
    }
  }
  await settle(w.clock, 5_000);
  assert.is(done, 8);
});

test('what waits for credit has a limit: SEND_QUEUE_FULL, and the connection lives on', async () => {
  const w = await connected({ relay: { attach: gate().attach } });
  const { connection } = w.branch;
  const codes: string[] = [];
  for (let index = 0; index < 9; index += 1) {
    connection!.send(bulk(1_000_000)).catch((error) => codes.push(codeOf(error)));
  }
  await settle(w.clock);
  assert.equal(codes, ['SEND_QUEUE_FULL', 'SEND_QUEUE_FULL', 'SEND_QUEUE_FULL']);
  connection!.close();
  await settle(w.clock);
  assert.is(codes.filter((code) => code === 'CONNECTION_CLOSED').length, 4, 'what waited was told');
});

test('small messages wait as well once the overdraft is spent', async () => {
  const slow = gate();
  const w = await connected({ relay: { attach: slow.attach } });
  const { connection } = w.branch;
  await connection!.send(bulk(1_000_000));
  await connection!.send(bulk(1_000_000));
  await connection!.send(bulk(CREDIT_WINDOW_BYTES - 2_001_000));
  const report = { text: 'x'.repeat(16_000) };
  let sent = 0;
  const sends = Array.from({ length: 20 }, () =>
    connection!.send({ type: 'status', report }).then(() => {
      sent += 1;
    }),
  );
  await settle(w.clock);
  assert.is(sent, Math.floor(OVERDRAFT_BYTES / 16_030));
  slow.open();
  await settle(w.clock);
  await Promise.all(sends);
  assert.is(sent, 20);
});

test('a receiver that throws closes the connection and says why here only: LOCAL_FAILURE', async () => {
  const boom = new Error('disk on fire');
  const w = await connected({
    relay: {
      attach: () => async () => {
        throw boom;
      },
    },
  });
  await w.branch.connection!.send(ack(1));
  await settle(w.clock);
  const closed = await w.relay.connection!.closed;
  assert.equal([closed.code, closed.by, closed.cause], ['LOCAL_FAILURE', 'us', boom]);
  const there = await w.branch.connection!.closed;
  assert.equal([there.code, there.by, there.cause], ['LOCAL_FAILURE', 'peer', undefined]);
});

test('close says goodbye with a code, is idempotent, and later sends are told: CONNECTION_CLOSED', async () => {
  const w = await connected();
  const { connection } = w.relay;
  connection!.close('DEVICE_REVOKED');
  connection!.close('AGAIN');
  await settle(w.clock);
  assert.equal(await connection!.closed, { code: 'DEVICE_REVOKED', by: 'us', refused: false });
  assert.equal(await w.branch.connection!.closed, { code: 'DEVICE_REVOKED', by: 'peer', refused: false });
  assert.is(await connection!.send(ack(1)).catch(codeOf), 'CONNECTION_CLOSED');
  assert.is(w.network.streams, 0);
  assert.is(w.clock.pendingTimers, 0);
});

test('messages sent before close reach a receiver that keeps up', async () => {
  const w = await connected();
  await w.branch.connection!.send(ack(1));
  w.branch.connection!.close();
  await settle(w.clock);
  assert.equal(w.relay.received, [ack(1)]);
});

test('a peer that never answers the goodbye is dropped after two seconds', async () => {
  const w = await connected();
  w.network.vanish('branch');
  w.relay.connection!.close();
  await settle(w.clock, 1_999);
  let isClosed = false;
  void w.relay.connection!.closed.then(() => {
    isClosed = true;
  });
  await settle(w.clock);
  assert.not(isClosed);
  await settle(w.clock, 1);
  assert.ok(isClosed);
});

test('an aborted signal closes an open connection with GOING_AWAY', async () => {
  const controller = new AbortController();
  const w = await connected({ branch: { signal: controller.signal } });
  controller.abort();
  await settle(w.clock);
  assert.is((await w.relay.connection!.closed).code, 'GOING_AWAY');
});

test('await using closes and waits', async () => {
  const w = await connected();
  const disposed = w.branch.connection![Symbol.asyncDispose]();
  await settle(w.clock);
  await disposed;
  assert.is((await w.relay.connection!.closed).code, 'CLOSED');
});

test('an idle connection is kept alive for hours and measures the round trip', async () => {
  const w = await connected();
  w.network.setFaults('branch', 'relay', { delayMs: 30 });
  w.network.setFaults('relay', 'branch', { delayMs: 50 });
  await settle(w.clock, 3_600_000);
  assert.is(w.branch.connection!.roundTripMs, 80);
  await w.branch.connection!.send(ack(1));
  await settle(w.clock, 100);
  assert.equal(w.relay.received, [ack(1)]);
});

test('a half-open connection is noticed within a minute: PEER_SILENT', async () => {
  const w = await connected();
  w.network.vanish('branch');
  await settle(w.clock, 3 * KEEPALIVE_MS + 2_000);
  assert.is((await w.relay.connection!.closed).code, 'PEER_SILENT');
});

test('a socket nobody reads is dropped before it fills memory: PEER_STUCK', async () => {
  const w = await connected();
  let buffered = 0;
  const stuck = (transport: Transport): Transport => ({
    channel: transport.channel,
    remote: transport.remote,
    get bufferedBytes() {
      return buffered;
    },
    start: (events) => transport.start(events),
    send: (message) => transport.send(message),
    admitted: () => transport.admitted(),
    end: () => transport.end(),
    terminate: () => transport.terminate(),
  });
  const dialed = w.network.dial('stuck', 'relay').then((transport) => {
    void openSide(w.branch, { transport: stuck(transport), role: 'dial' });
  });
  await settle(w.clock);
  await dialed;
  await settle(w.clock);
  buffered = TRANSPORT_BUFFERED_MAX + 1;
  await w.branch.connection!.send(ack(1)).catch(() => undefined);
  await settle(w.clock);
  assert.is((await w.branch.connection!.closed).code, 'PEER_STUCK');
});

test('a frame this side cannot send is the caller’s error, not the connection’s: FRAME_TOO_LARGE', async () => {
  const w = await connected();
  const { connection } = w.branch;
  assert.is(await connection!.send(bulk(1_048_576)).catch(codeOf), 'FRAME_TOO_LARGE');
  await connection!.send(ack(1));
  await settle(w.clock);
  assert.equal(w.relay.received, [ack(1)]);
});

test.run();
