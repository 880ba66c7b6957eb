/** The pump with a storage in memory: over a link in memory with hours in milliseconds, and over real TCP to the mock operator. */
import { Backoff, ManualClock, randomInteger, seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, within } from '../../../test/support/within.ts';
import {
  decodeContainer,
  decodeSession,
  FiscalError,
  MockOfd,
  type MockOfdOptions,
  type OfdBehaviour,
  type OfdLink,
  OfdPump,
  type PumpReport,
  tcpOfdLink,
} from '../src/index.ts';
import { acknowledge } from '../src/ofd/mock-operator.ts';
import { EVENTS_MAX, EXCHANGE_LIMIT_MS, LINE_LIMIT_MS } from '../src/ofd/pump.ts';
import { HOLDS_MAX } from '../src/ofd/pump-state.ts';
import { MemoryFn, receiptMessage } from './support/memory-fn.ts';

const test = suite('pump');

const CAP_MS = 300_000;

interface World {
  readonly clock: ManualClock;
  readonly fn: MemoryFn;
  readonly pump: OfdPump;
  readonly reports: PumpReport[];
  readonly stop: () => Promise<void>;
}

function world(link: OfdLink, fn = new MemoryFn(), clock = new ManualClock()): World {
  const reports: PumpReport[] = [];
  const pump = new OfdPump({
    port: fn,
    link,
    clock,
    random: seededRandom(1),
    backoff: new Backoff({ baseMs: 1_000, capMs: CAP_MS }),
    onEvent: (report) => reports.push(report),
  });
  const shutdown = new AbortController();
  const running = pump.run(shutdown.signal);
  const stop = async (): Promise<void> => {
    shutdown.abort();
    await running;
  };
  return { clock, fn, pump, reports, stop };
}

/** Many turns of the loop without any time passing. */
async function settle(clock: ManualClock): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await clock.advance(0);
}

function answering(behave: (fd: number) => OfdBehaviour | Error = () => ({ kind: 'accept' })): OfdLink {
  return {
    exchange: async (message) => {
      const { session, body } = decodeSession(message);
      const container = decodeContainer(body);
      const behaviour = behave(container.header.fd);
      if (behaviour instanceof Error) throw behaviour;
      return acknowledge(session, container, behaviour, 1_700_000_000);
    },
  };
}

const delivered = (reports: readonly PumpReport[]): number[] =>
  reports.flatMap((report) => (report.type === 'delivered' ? [report.key.fd] : []));
const alarms = (reports: readonly PumpReport[]): string[] =>
  reports.flatMap((report) => (report.type === 'alarm' ? [report.code] : []));

test('G7: documents are delivered in order, each once, and again after more are made', async () => {
  const { clock, fn, pump, reports, stop } = world(answering());
  fn.store(3);
  await settle(clock);
  assert.equal(delivered(reports), [1, 2, 3]);
  fn.store(2);
  pump.wake();
  await settle(clock);
  assert.equal(delivered(reports), [1, 2, 3, 4, 5]);
  assert.equal(fn.accepted, [1, 2, 3, 4, 5]);
  assert.is(pump.status.phase, 'idle');
  assert.is(pump.status.delivered, 5);
  await stop();
  assert.is(clock.pendingTimers, 0);
});

test('a link that fails is tried again by backoff, with no document lost or doubled', async () => {
  const random = seededRandom(3);
  const { clock, fn, pump, reports, stop } = world(
    answering(() => (random() < 0.3 ? new Error('no route') : { kind: 'accept' })),
  );
  fn.store(200);
  pump.wake();
  await settle(clock);
  for (let hour = 0; hour < 200 && fn.waiting > 0; hour += 1) {
    await clock.advance(60_000);
    await settle(clock);
  }
  assert.equal(fn.accepted, range(200));
  assert.equal(delivered(reports), range(200));
  assert.equal([fn.refusals, alarms(reports)], [[], []]);
  await stop();
});

test('a document the operator never accepts is tried for ever, visibly, and other storages go on', async () => {
  const stuck = world(answering((fd) => (fd === 2 ? { kind: 'refuse', code: 11 } : { kind: 'accept' })));
  const other = world(answering(), new MemoryFn('9999078900001366'), stuck.clock);
  stuck.fn.store(3);
  other.fn.store(3);
  stuck.pump.wake();
  other.pump.wake();
  await settle(stuck.clock);
  await stuck.clock.advance(10 * CAP_MS);
  assert.equal(delivered(stuck.reports), [1]);
  assert.equal(delivered(other.reports), [1, 2, 3]);
  assert.is.not(alarms(stuck.reports).length, 1);
  assert.ok(alarms(stuck.reports).every((code) => code === 'OFD_REFUSED'));
  const { lastFailure, key } = stuck.pump.status;
  assert.equal([lastFailure?.code, key?.fd], ['OFD_REFUSED', 2]);
  await stuck.stop();
  await other.stop();
});

test('nothing that hangs hangs the pump: storage and operator are given up after their limits', async () => {
  let exchanges = 0;
  const { clock, fn, pump, reports, stop } = world({
    exchange: (message, options) => {
      exchanges += 1;
      return exchanges === 1 ? new Promise(() => undefined) : answering().exchange(message, options);
    },
  });
  fn.store();
  pump.wake();
  await settle(clock);
  assert.is(pump.status.phase, 'exchanging');
  await clock.advance(EXCHANGE_LIMIT_MS);
  assert.equal([pump.status.phase, pump.status.lastFailure?.code], ['resting', 'OFD_TIMEOUT']);
  await clock.advance(1_000);
  await settle(clock);
  assert.equal(delivered(reports), [1]);

  fn.begin = () => new Promise(() => undefined);
  pump.wake();
  await settle(clock);
  await clock.advance(LINE_LIMIT_MS);
  assert.is(pump.status.lastFailure?.code, 'FN_LINE_FAILED');
  await stop();
  assert.is(clock.pendingTimers, 0);
});

test('G8: a sale gets the line at the next command, and the document is carried afterwards', async () => {
  const fn = new MemoryFn(undefined, 10);
  const { clock, pump, reports, stop } = world(answering(), fn);
  await settle(clock);
  let commands = 0;
  fn.fault = () => {
    commands += 1;
    if (commands === 3) pump.hold('sale');
    return undefined;
  };
  fn.store();
  pump.wake();
  await settle(clock);
  assert.is(commands, 3);
  assert.equal([pump.status.phase, pump.status.holds, delivered(reports)], ['idle', ['sale'], []]);
  pump.release('sale');
  for (let round = 0; round < 10; round += 1) await settle(clock);
  assert.equal(delivered(reports), [1]);
  await stop();
});

test('however often the line is held, released and asked for, only the last word waits', async () => {
  const { clock, fn, pump, reports, stop } = world(answering());
  fn.store();
  for (let count = 0; count < 10 * EVENTS_MAX; count += 1) {
    pump.hold('sale');
    pump.wake();
    pump.retry();
    if (count % 2 === 0) pump.release('sale');
    pump.release('never held');
  }
  await settle(clock);
  assert.equal([pump.status.holds, delivered(reports)], [['sale'], []]);
  for (let count = 1; count < HOLDS_MAX; count += 1) pump.hold(`reason ${count}`);
  assert.throws(() => pump.hold('one more'), /more than 16 holds/);
  for (const reason of ['sale', ...pump.status.holds]) pump.release(reason);
  for (let count = 1; count < HOLDS_MAX; count += 1) pump.release(`reason ${count}`);
  await settle(clock);
  assert.equal(delivered(reports), [1]);
  await stop();
});

test('an operator may end a rest, and a wake does not', async () => {
  let isDown = true;
  const { clock, fn, pump, reports, stop } = world(
    answering(() => (isDown ? new FiscalError('OFD_CONNECT_FAILED', 'down') : { kind: 'accept' })),
  );
  fn.store();
  pump.wake();
  await settle(clock);
  const { restsUntilMs, lastFailure } = pump.status;
  assert.ok(restsUntilMs !== undefined && lastFailure?.code === 'OFD_CONNECT_FAILED');
  isDown = false;
  for (let count = 0; count < 2 * EVENTS_MAX; count += 1) pump.wake();
  await settle(clock);
  assert.equal(delivered(reports), []);
  pump.retry();
  await settle(clock);
  assert.equal(delivered(reports), [1]);
  assert.is(pump.status.restsUntilMs, undefined);
  await stop();
});

test('G7: any schedule of lost replies, failing links, holds and restarts delivers each document once, in order', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = seededRandom(seed);
    const fn = new MemoryFn(undefined, 60 + randomInteger(random, 200));
    const clock = new ManualClock();
    fn.fault = () => {
      const dice = random();
      return dice < 0.02 ? 'before' : dice < 0.04 ? 'after' : undefined;
    };
    const kinds: OfdBehaviour[] = [
      { kind: 'wrong-fd' },
      { kind: 'wrong-fn' },
      { kind: 'wrong-crc' },
      { kind: 'refuse', code: 14 },
    ];
    const link = answering(() => {
      if (random() < 0.2) return new Error('cut');
      return random() < 0.2 ? kinds[randomInteger(random, kinds.length)]! : { kind: 'accept' };
    });
    const reports: PumpReport[] = [];
    let run = world(link, fn, clock);
    for (let turn = 0; turn < 400; turn += 1) {
      if (turn < 40) fn.store();
      const dice = random();
      if (dice < 0.2) run.pump.hold('sale');
      else if (dice < 0.9) run.pump.release('sale');
      else if (dice < 0.92) {
        await run.stop();
        reports.push(...run.reports);
        run = world(link, fn, clock);
      }
      run.pump.wake();
      await clock.advance(randomInteger(random, 60_000));
    }
    run.pump.release('sale');
    fn.fault = () => undefined;
    for (let turn = 0; turn < 200 && fn.waiting > 0; turn += 1) await clock.advance(CAP_MS);
    await run.stop();
    reports.push(...run.reports);
    assert.equal(fn.accepted, range(40), `seed ${seed}`);
    // A restart may forget a verdict that was lost; it never invents one, nor says one twice.
    const said = delivered(reports);
    assert.equal(
      said,
      [...new Set(said)].sort((a, b) => a - b),
      `seed ${seed}`,
    );
    assert.ok(said.every((fd) => fn.accepted.includes(fd)));
  }
});

// ── over TCP ──

async function withMock(
  options: Partial<MockOfdOptions>,
  play: (mock: MockOfd, fn: MemoryFn, pump: OfdPump, reports: PumpReport[]) => Promise<void>,
): Promise<void> {
  const clock = systemClock();
  await using mock = await MockOfd.open({ clock, ...options });
  const link = tcpOfdLink({ ...mock.address, clock, connectLimitMs: 2_000, answerLimitMs: 150 });
  const fn = new MemoryFn();
  const reports: PumpReport[] = [];
  const pump = new OfdPump({
    port: fn,
    link,
    clock,
    random: seededRandom(1),
    backoff: new Backoff({ baseMs: 5, capMs: 20 }),
    onEvent: (report) => reports.push(report),
  });
  const shutdown = new AbortController();
  const running = pump.run(shutdown.signal);
  try {
    await play(mock, fn, pump, reports);
  } finally {
    shutdown.abort();
    await within(30_000, 'the pump stops', running);
  }
}

test('over TCP: every fault of the operator delays a document and loses none', async () => {
  const faults: OfdBehaviour[] = [
    { kind: 'hang' },
    { kind: 'drop', at: 'connect' },
    { kind: 'drop', at: 'message' },
    { kind: 'drop', at: 'answer' },
    { kind: 'garbage' },
    { kind: 'truncate' },
    { kind: 'slow', delayMs: 20 },
    { kind: 'slow', delayMs: 400 },
    { kind: 'split' },
    { kind: 'duplicate' },
    { kind: 'wrong-fn' },
    { kind: 'wrong-fd' },
    { kind: 'wrong-crc' },
    { kind: 'refuse', code: 14 },
    { kind: 'refuse', code: 11 },
  ];
  const rules = faults.map((behaviour) => ({ behaviour, times: 1 }));
  await withMock({ rules }, async (mock, fn, pump, reports) => {
    fn.store(faults.length);
    pump.wake();
    await until(
      8_000,
      'all are delivered',
      () => fn.waiting === 0 && delivered(reports).length === faults.length,
    );
    assert.equal(fn.accepted, range(faults.length));
    assert.equal(delivered(reports), range(faults.length));
    assert.equal(alarms(reports), ['OFD_REFUSED']);
    const { conflicts, disordered, documents, malformed } = mock.state;
    assert.equal([conflicts, disordered, documents, malformed], [0, 0, faults.length, 0]);
    for (const { acknowledged } of mock.ledger) assert.ok(acknowledged >= 1);
    assert.equal(mock.state.rules, []);
  });
});

test('over TCP: an operator that fails three times out of ten acknowledges everything in the end', async () => {
  const random = seededRandom(11);
  const otherwise = (): OfdBehaviour => {
    if (random() >= 0.3) return { kind: 'accept' };
    return random() < 0.5 ? { kind: 'drop', at: 'answer' } : { kind: 'garbage' };
  };
  await withMock({ otherwise }, async (mock, fn, pump, reports) => {
    fn.store(150);
    pump.wake();
    await until(30_000, 'all are delivered', () => delivered(reports).length === 150);
    assert.equal(fn.accepted, range(150));
    assert.is(mock.state.conflicts, 0);
    assert.equal(
      mock.ledger.map(({ fd }) => fd),
      range(150),
    );
  });
});

test('over TCP: an old firmware that mistakes its format version is corrected on the way', async () => {
  await withMock({}, async (mock, fn, pump, reports) => {
    const slip = receiptMessage(fn.fn, 1, '0120').slice();
    slip.set([0x01, 0x02], 6);
    fn.store();
    fn.begin = async () => (fn.waiting === 0 ? undefined : { sizeBytes: slip.length, blockBytes: 1_000 });
    fn.read = async () => slip;
    pump.wake();
    await until(30_000, 'it is delivered', () => delivered(reports).length === 1);
    assert.is(mock.entry(fn.fn, 1)?.acknowledged, 1);
  });
});

test('over TCP: each way an operator fails has its code, and all may be tried again', async () => {
  const clock = systemClock();
  const codeWith = async (rule: OfdBehaviour | undefined, signal = new AbortController().signal) => {
    const mock = await MockOfd.open({ clock, rules: rule === undefined ? [] : [{ behaviour: rule }] });
    const { host, port } = mock.address;
    // Without a rule nobody listens: the port was free a moment ago.
    if (rule === undefined) await mock.close();
    const link = tcpOfdLink({ host, port, clock, answerLimitMs: 100 });
    try {
      await link.exchange(receiptMessage('9999078900005488', 1), { signal });
      return 'answered';
    } catch (error) {
      if (!(error instanceof FiscalError)) return error;
      assert.ok(error.retryable === (error.code !== 'OFD_SIGNATURE_INVALID'));
      return error.code;
    } finally {
      await mock.close();
    }
  };
  assert.is(await codeWith(undefined), 'OFD_CONNECT_FAILED');
  assert.is(await codeWith({ kind: 'hang' }), 'OFD_TIMEOUT');
  assert.is(await codeWith({ kind: 'drop', at: 'message' }), 'OFD_CLOSED_EARLY');
  assert.is(await codeWith({ kind: 'truncate' }), 'OFD_CLOSED_EARLY');
  assert.is(await codeWith({ kind: 'garbage' }), 'OFD_SIGNATURE_INVALID');
  assert.is(await codeWith({ kind: 'duplicate' }), 'answered');
  assert.is(await codeWith({ kind: 'accept' }, AbortSignal.abort('gone')), 'gone');
});

function range(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

test.run();
