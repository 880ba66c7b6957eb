import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ManualClock, systemClock } from '../src/index.ts';

const manual = suite('manual clock');

manual('timers fire in order of their due time, equals in the order they were set', async () => {
  const clock = new ManualClock(0);
  const fired: string[] = [];
  clock.setTimer(20, () => fired.push(`b at ${clock.nowMs()}`));
  clock.setTimer(10, () => fired.push(`a at ${clock.nowMs()}`));
  clock.setTimer(20, () => fired.push(`c at ${clock.nowMs()}`));
  await clock.advance(19);
  assert.equal(fired, ['a at 10']);
  await clock.advance(1);
  assert.equal(fired, ['a at 10', 'b at 20', 'c at 20']);
  assert.is(clock.pendingTimers, 0);
});

manual('a loop of sleeps runs as often as time allows within one advance', async () => {
  const clock = new ManualClock(0);
  const beats: number[] = [];
  const stop = new AbortController();
  const loop = (async () => {
    while (true) {
      await clock.sleep(1_000, { signal: stop.signal });
      beats.push(clock.nowMs());
    }
  })();
  await clock.advance(3_500);
  assert.equal(beats, [1_000, 2_000, 3_000]);
  const reason = new Error('stopped');
  stop.abort(reason);
  await loop.then(
    () => assert.unreachable(),
    (error) => assert.is(error, reason),
  );
  assert.is(clock.pendingTimers, 0);
});

manual('a sleep given an aborted signal rejects with its reason and sets no timer', async () => {
  const clock = new ManualClock();
  const reason = new Error('too late');
  await clock.sleep(1, { signal: AbortSignal.abort(reason) }).then(
    () => assert.unreachable(),
    (e) => assert.is(e, reason),
  );
  assert.is(clock.pendingTimers, 0);
});

manual('a cancelled timer does not fire; cancelling late or twice does nothing', async () => {
  const clock = new ManualClock();
  let fired = 0;
  const kept = clock.setTimer(5, () => {
    fired += 1;
  });
  const dropped = clock.setTimer(5, assert.unreachable);
  dropped.cancel();
  dropped.cancel();
  await clock.advance(5);
  kept.cancel();
  assert.is(fired, 1);
});

manual('a wall jump moves neither monotonic time nor timers', async () => {
  const clock = new ManualClock(1_000_000);
  let fired = false;
  clock.setTimer(10, () => {
    fired = true;
  });
  clock.jumpWall(-500_000);
  assert.is(clock.nowMs(), 500_000);
  assert.is(clock.monotonicMs(), 0);
  await clock.advance(10);
  assert.ok(fired);
  assert.is(clock.nowMs(), 500_010);
});

manual('yield lets what was already runnable run first, on either clock', async () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  const other = Promise.resolve().then(() => ran.push('a promise'));
  const earlier = systemClock()
    .yield()
    .then(() => ran.push('other work'));
  await clock.yield();
  ran.push('the one who yielded');
  await Promise.all([other, earlier]);
  assert.equal(ran, ['a promise', 'other work', 'the one who yielded']);
});

manual.run();

const system = suite('system clock');

system('monotonic time never steps back and the wall clock is a time', () => {
  const clock = systemClock();
  const before = clock.monotonicMs();
  assert.ok(clock.monotonicMs() >= before);
  assert.ok(clock.nowMs() > 1_600_000_000_000);
});

system('a timer fires, a cancelled one does not, a sleep can be aborted', async () => {
  const clock = systemClock();
  clock.setTimer(0, assert.unreachable).cancel();
  await new Promise<void>((resolve) => clock.setTimer(1, resolve, { keepAlive: true }));
  const stop = new AbortController();
  const asleep = clock.sleep(60_000, { signal: stop.signal });
  stop.abort(new Error('enough'));
  await asleep.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'enough'),
  );
  await clock.yield();
});

system('a delay of 40 days is not taken for zero', async () => {
  const clock = systemClock();
  let fired = false;
  const timer = clock.setTimer(40 * 86_400_000, () => {
    fired = true;
  });
  await clock.sleep(5);
  timer.cancel();
  assert.not(fired);
});

system.run();
