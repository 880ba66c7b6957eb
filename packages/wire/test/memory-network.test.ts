/** The network goes wrong in every way it can; connections notice, and what they deliver is never wrong. */
import { ManualClock, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LinkFaults, MemoryNetwork, type Transport } from '../src/index.ts';
import { IN_FLIGHT_BYTES_MAX } from '../src/memory-stream.ts';
import { ack, codeOf, settle, world } from './support.ts';

const test = suite('memory-network');

interface Line {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly a: Transport;
  readonly b: Transport;
  readonly arrived: { atMs: number; text: string }[];
  readonly closed: string[];
}

async function line(faults: Partial<LinkFaults> = {}, seed = 1): Promise<Line> {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock, random: seededRandom(seed) });
  const arrived: Line['arrived'] = [];
  const closed: string[] = [];
  let b!: Transport;
  network.listen('b', (transport) => {
    b = transport;
  });
  const dialed = network.dial('a', 'b');
  await settle(clock);
  const a = await dialed;
  const startMs = clock.monotonicMs();
  a.start({ onMessage: () => undefined, onClose: () => closed.push('a') });
  b.start({
    onMessage: (message) =>
      arrived.push({ atMs: clock.monotonicMs() - startMs, text: Buffer.from(message).toString() }),
    onClose: () => closed.push('b'),
  });
  network.setFaults('a', 'b', faults);
  return { clock, network, a, b, arrived, closed };
}

const texts = (l: Line): string => l.arrived.map((message) => message.text).join('');

async function sendAll(l: Line, text: string): Promise<void> {
  for (const letter of text) l.a.send(Buffer.from(letter));
  await settle(l.clock, 10_000);
}

test('without faults everything arrives at once and in order', async () => {
  const l = await line();
  await sendAll(l, 'abcdef');
  assert.is(texts(l), 'abcdef');
});

test('delay and jitter keep the order', async () => {
  const l = await line({ delayMs: 100, jitterMs: 400 });
  await sendAll(l, 'abcdef');
  assert.is(texts(l), 'abcdef');
  assert.ok(l.arrived.every(({ atMs }) => atMs >= 100 && atMs <= 500));
});

test('loss, duplication and reordering do what they say', async () => {
  const lossy = await line({ lossRate: 0.5 });
  await sendAll(lossy, 'abcdefghij');
  assert.ok(texts(lossy).length > 0 && texts(lossy).length < 10);
  const doubling = await line({ duplicateRate: 1 });
  await sendAll(doubling, 'ab');
  assert.is(texts(doubling), 'aabb');
  const shuffling = await line({ delayMs: 10, reorderRate: 0.5 });
  await sendAll(shuffling, 'abcdefghij');
  assert.is.not(texts(shuffling), 'abcdefghij');
  assert.is([...texts(shuffling)].sort().join(''), 'abcdefghij');
});

test('the same seed gives the same run', async () => {
  const faults = { delayMs: 5, jitterMs: 50, lossRate: 0.2, duplicateRate: 0.2, reorderRate: 0.2 };
  const runs = await Promise.all([line(faults, 3), line(faults, 3), line(faults, 4)]);
  for (const run of runs) await sendAll(run, 'abcdefghijklmnopqrstuvwxyz');
  assert.equal(runs[0]!.arrived, runs[1]!.arrived);
  assert.is.not(texts(runs[0]!), texts(runs[2]!));
});

test('a partition swallows messages one way or both, and nobody is told', async () => {
  const l = await line();
  l.network.partition('a', 'b', { oneWay: true });
  await sendAll(l, 'lost');
  l.network.heal('a', 'b');
  await sendAll(l, 'found');
  assert.is(texts(l), 'found');
  assert.ok(l.network.isBlocked('a', 'b') === false);
  l.network.partition('a', 'b');
  assert.ok(l.network.isBlocked('a', 'b') && l.network.isBlocked('b', 'a'));
  l.network.heal();
  assert.not(l.network.isBlocked('b', 'a'));
  assert.equal(l.closed, []);
});

test('closing arrives behind the data, and closes both ends', async () => {
  const l = await line({ delayMs: 100 });
  l.a.send(Buffer.from('x'));
  l.a.end();
  l.a.send(Buffer.from('too late'));
  await settle(l.clock, 10_000);
  assert.is(texts(l), 'x');
  assert.equal(l.closed, ['b', 'a']);
  assert.is(l.network.streams, 0);
});

test('a cut tells both ends; a vanished process tells nobody', async () => {
  const cut = await line();
  cut.network.cut('a', 'b');
  assert.equal(cut.closed, ['a', 'b']);
  const half = await line();
  half.network.vanish('b');
  await sendAll(half, 'hello?');
  half.a.end();
  await settle(half.clock, 10_000);
  assert.equal(half.closed, []);
  assert.equal(half.arrived, []);
});

test('the two ends share no bytes', async () => {
  const l = await line({ delayMs: 10 });
  const message = Buffer.from('x');
  l.a.send(message);
  message[0] = 0;
  await settle(l.clock, 10);
  assert.is(texts(l), 'x');
});

test('too much on the way cuts the stream', async () => {
  const l = await line({ delayMs: 10 });
  const piece = new Uint8Array(IN_FLIGHT_BYTES_MAX / 4);
  for (let sent = 0; sent < 4; sent += 1) l.a.send(piece);
  assert.is(l.a.bufferedBytes, IN_FLIGHT_BYTES_MAX);
  l.a.send(new Uint8Array(1));
  assert.equal(l.closed, ['a', 'b']);
});

test('dialing: nobody there, a partition, an abort', async () => {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock, random: seededRandom(1) });
  const refused = network.dial('a', 'nowhere').catch(codeOf);
  await settle(clock);
  assert.is(await refused, 'DIAL_FAILED');

  const stop = network.listen('b', () => undefined);
  assert.throws(() => network.listen('b', () => undefined), /taken/);
  network.partition('a', 'b');
  const controller = new AbortController();
  const aborted = network.dial('a', 'b', { signal: controller.signal }).catch((error) => error);
  const healed = network.dial('a', 'b');
  await settle(clock, 60_000);
  controller.abort('enough');
  assert.is(await aborted, 'enough');
  network.heal();
  await settle(clock, 1_000);
  assert.is((await healed).remote, 'b');
  stop();
});

for (const [fault, faults] of Object.entries({
  lost: { lossRate: 0.2 },
  doubled: { duplicateRate: 0.2 },
  overtaken: { delayMs: 10, reorderRate: 0.2 },
})) {
  test(`a frame that is ${fault} closes the connection and delivers nothing wrong: FRAME_SEQUENCE`, async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const w = world({ seed });
      await w.connect();
      w.network.setFaults('branch', 'relay', faults);
      for (let seq = 1; seq <= 100; seq += 1)
        await w.branch.connection!.send(ack(seq)).catch(() => undefined);
      await settle(w.clock, 5_000);
      const { code } = await w.relay.connection!.closed;
      assert.is(code, 'FRAME_SEQUENCE', `seed ${seed}`);
      const expected = w.relay.received.map((_, index) => ack(index + 1));
      assert.equal(w.relay.received, expected, `seed ${seed}: a prefix of what was sent`);
    }
  });
}

test('handshakes over a bad line open or fail with a code, and never hang', async () => {
  const faults = { delayMs: 20, jitterMs: 100, lossRate: 0.1, duplicateRate: 0.1, reorderRate: 0.1 };
  let opened = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const w = world({ seed, faults });
    await w.connect();
    await settle(w.clock, 200_000);
    for (const side of [w.branch, w.relay]) {
      if (side.connection !== undefined) opened += 1;
      else assert.type(codeOf(side.error), 'string', `seed ${seed}`);
      assert.ok(side.connection !== undefined || side.error !== undefined, `seed ${seed} hangs`);
    }
  }
  assert.ok(opened > 30, `${opened} of 120`);
});

test.run();
