import { setMaxListeners } from 'node:events';
import { seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BACKOFF_DEFAULT, DIAL_TIMEOUT_MS, Dialer, type DialerStatus, STABLE_MS } from '../src/dialer.ts';
import { Connection, type ConnectionOptions, WireError } from '../src/index.ts';
import { ack, admitAll, refusing, settle, type World, type WorldOptions, world } from './support.ts';

const test = suite('dialer');

interface Running {
  readonly w: World;
  readonly dialer: Dialer<string>;
  readonly history: DialerStatus[];
  readonly stop: () => Promise<void>;
}

/** A dialer that runs, and how its status went. `connect` replaces the memory network. */
function running(
  options: WorldOptions = {},
  connect?: (signal: AbortSignal) => Promise<Connection<string>>,
): Running {
  const w = world(options);
  const history: DialerStatus[] = [];
  const controller = new AbortController();
  const dialer = new Dialer<string>({
    clock: w.clock,
    random: seededRandom(9),
    onStatus: (status) => history.push(status),
    connect:
      connect ??
      (async (signal) =>
        Connection.open({
          ...(w.branch.options as ConnectionOptions<string>),
          admit: admitAll,
          attach: () => (frame) => void w.branch.received.push(frame),
          transport: await w.network.dial('branch', 'relay', { signal }),
          role: 'dial',
          signal,
        })),
  });
  const run = dialer.run(controller.signal);
  const stop = async (): Promise<void> => {
    controller.abort();
    await settle(w.clock, 5_000);
    await run;
  };
  return { w, dialer, history, stop };
}

function waits(history: readonly DialerStatus[]): { delayMs: number; code: string; refused: boolean }[] {
  return history.filter((status) => status.state === 'waiting');
}

test('it connects, and comes back after a cut', async () => {
  const r = running();
  await settle(r.w.clock);
  assert.is(r.dialer.status.state, 'connected');
  const first = r.dialer.connection!;
  r.w.network.cut('branch', 'relay');
  await settle(r.w.clock, 1_000);
  assert.is(r.dialer.status.state, 'connected');
  assert.is.not(r.dialer.connection, first);
  await r.w.relay.connection!.send(ack(1));
  await settle(r.w.clock);
  assert.equal(r.w.branch.received, [ack(1)]);
  await r.stop();
  assert.equal(
    r.history.map((status) => status.state),
    ['dialing', 'connected', 'waiting', 'dialing', 'connected', 'stopped'],
  );
  assert.is((await r.w.relay.connection!.closed).code, 'GOING_AWAY');
  assert.is(r.w.clock.pendingTimers, 0);
});

test('waits grow, stay random and never exceed the cap', async () => {
  const r = running({}, async () => {
    throw new WireError('DIAL_FAILED', 'no route');
  });
  await settle(r.w.clock, 3_600_000);
  await r.stop();
  const delays = waits(r.history).map(({ delayMs }) => delayMs);
  assert.ok(delays.length > 50, `${delays.length} attempts in an hour`);
  delays.forEach((delayMs, attempt) => {
    const ceilingMs = Math.min(BACKOFF_DEFAULT.capMs, BACKOFF_DEFAULT.baseMs * 2 ** attempt);
    assert.ok(delayMs <= ceilingMs, `attempt ${attempt}: ${delayMs}`);
  });
  assert.ok(Math.max(...delays) > BACKOFF_DEFAULT.capMs / 2);
  assert.ok(Math.min(...delays.slice(10)) < BACKOFF_DEFAULT.capMs / 2);
});

test('two hundred branches that lost one relay spread out over the backoff', async () => {
  const random = seededRandom(1);
  const w = world();
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const attempts: number[] = [];
  const runs = Array.from({ length: 200 }, () => {
    const dialer = new Dialer({
      clock: w.clock,
      random,
      connect: async () => {
        attempts.push(w.clock.monotonicMs());
        throw new WireError('DIAL_FAILED', 'relay is down');
      },
    });
    return dialer.run(controller.signal);
  });
  await settle(w.clock, 60_000);
  controller.abort();
  await settle(w.clock);
  await Promise.all(runs);
  const late = attempts.filter((atMs) => atMs > 10_000);
  const perSecond = new Map<number, number>();
  for (const atMs of late)
    perSecond.set(Math.floor(atMs / 1_000), (perSecond.get(Math.floor(atMs / 1_000)) ?? 0) + 1);
  assert.ok(Math.max(...perSecond.values()) < 60, `busiest second: ${Math.max(...perSecond.values())}`);
});

test('a refusal is somebody’s to act on: asked again at the cap only', async () => {
  const r = running({ relay: { admit: refusing('DEVICE_REVOKED') } });
  await settle(r.w.clock, 600_000);
  await r.stop();
  assert.ok(waits(r.history).length >= 9 && waits(r.history).length <= 21);
  for (const wait of waits(r.history)) {
    assert.equal([wait.code, wait.refused], ['DEVICE_REVOKED', true]);
    assert.ok(wait.delayMs >= BACKOFF_DEFAULT.capMs / 2);
  }
});

test('a connection that fails young does not reset the backoff, a good one does', async () => {
  const r = running();
  await settle(r.w.clock);
  for (let round = 0; round < 6; round += 1) {
    r.w.network.cut('branch', 'relay');
    await settle(r.w.clock, 70_000 * 0.4);
    while (r.dialer.status.state !== 'connected') await settle(r.w.clock, 500);
    if (round === 4) await settle(r.w.clock, STABLE_MS);
  }
  const attempts = r.history.flatMap((status) => (status.state === 'waiting' ? [status.attempt] : []));
  assert.ok(Math.max(...attempts.slice(0, 5)) > 1, `${attempts}`);
  assert.is(attempts.at(-1), 1, `${attempts}`);
  await r.stop();
});

test('an attempt that hangs is given up: DIAL_TIMEOUT', async () => {
  const r = running();
  r.w.network.partition('branch', 'relay');
  await settle(r.w.clock, DIAL_TIMEOUT_MS + 2_000);
  assert.is(waits(r.history)[0]?.code, 'DIAL_TIMEOUT');
  r.w.network.heal();
  await settle(r.w.clock, 120_000);
  assert.is(r.dialer.status.state, 'connected');
  await r.stop();
});

test('what connect throws that is no WireError counts as DIAL_FAILED', async () => {
  const r = running({}, async () => {
    throw new TypeError('oops');
  });
  await settle(r.w.clock);
  assert.is(waits(r.history)[0]?.code, 'DIAL_FAILED');
  await r.stop();
});

test('stopping while dialing, while waiting and before starting leaves nothing behind', async () => {
  const dialing = running();
  dialing.w.network.partition('branch', 'relay');
  await settle(dialing.w.clock, 1_500);
  await dialing.stop();
  await settle(dialing.w.clock, 5_000);
  assert.is(dialing.dialer.status.state, 'stopped');
  assert.is(dialing.w.clock.pendingTimers, 0);
  const aborted = new Dialer({
    clock: dialing.w.clock,
    random: seededRandom(1),
    connect: () => Promise.reject(),
  });
  await aborted.run(AbortSignal.abort());
  assert.is(aborted.status.state, 'stopped');
});

test.run();
