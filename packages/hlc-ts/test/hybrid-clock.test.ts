/**
 * The guarantees of the hybrid clock, and one named test for each fault that published clocks have had.
 */

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BLOCK_MS,
  type ClockWarning,
  compareStamps,
  HlcError,
  HybridClock,
  MAX_STAMP,
  ManualClock,
  makeStamp,
  memoryBound,
  RENEW_BELOW_MS,
  type Stamp,
  stampCounter,
  stampMs,
  WARNINGS_MAX,
  ZERO_STAMP,
} from '../src/index.ts';
import { HangingBound } from './support/hanging-bound.ts';

const DAY_MS = 86_400_000;
const START_MS = 1_735_689_600_000;

const test = suite('hybrid clock');

const open = (clock: ManualClock, bound = memoryBound()): Promise<HybridClock> =>
  HybridClock.open({ clock, bound });

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof HlcError ? error.code : `not an HlcError: ${error}`;
};

const assertIncreasing = (stamps: readonly Stamp[]): void => {
  for (const [index, stamp] of stamps.entries()) {
    if (index > 0) assert.is(compareStamps(stamps[index - 1]!, stamp), -1, `stamp ${index}`);
  }
};

test('stamps follow the wall clock and count within a millisecond', async () => {
  const clock = new ManualClock(START_MS);
  const hybrid = await open(clock);
  assert.is(hybrid.now(), makeStamp(START_MS, 0));
  assert.is(hybrid.now(), makeStamp(START_MS, 1));
  await clock.advance(5);
  assert.is(hybrid.now(), makeStamp(START_MS + 5, 0));
  assert.is(hybrid.last, makeStamp(START_MS + 5, 0));
  assert.is(hybrid.aheadOfWallMs, 0);
});

test('an observed stamp is in the past of every later one', async () => {
  const clock = new ManualClock(START_MS);
  const hybrid = await open(clock);
  const remote = makeStamp(START_MS + 20_000, 7);
  assert.is(hybrid.observe(remote), 'observed');
  assert.is(hybrid.now(), makeStamp(START_MS + 20_000, 8));
  assert.is(hybrid.aheadOfWallMs, 20_000);
});

test('an observed stamp above the bound waits for the bound and then counts', async () => {
  const clock = new ManualClock(START_MS);
  const hybrid = await open(clock);
  const remote = makeStamp(START_MS + 2 * BLOCK_MS, 0);
  assert.is(hybrid.observe(remote), 'observed');
  assert.is(hybrid.now(), makeStamp(START_MS, 0));
  await hybrid.settled();
  assert.is(hybrid.now(), makeStamp(START_MS + 2 * BLOCK_MS, 1));
});

test('known bug: the counter does not advance on equal physical time', async () => {
  const hybrid = await open(new ManualClock(START_MS));
  assertIncreasing(Array.from({ length: 1_000 }, () => hybrid.now()));
});

test('known bug: the counter is reset although the remote time is greater', async () => {
  const clock = new ManualClock(START_MS);
  const hybrid = await open(clock);
  hybrid.observe(makeStamp(START_MS + 1_000, 40));
  await clock.advance(10);
  const next = hybrid.now();
  assert.is(stampMs(next), START_MS + 1_000);
  assert.is(stampCounter(next), 41);
});

test('known bug: drift taken by absolute value refuses old stamps', async () => {
  const hybrid = await open(new ManualClock(START_MS));
  assert.is(hybrid.observe(makeStamp(START_MS - 400 * DAY_MS, 0)), 'observed');
  assert.is(hybrid.observe(ZERO_STAMP), 'observed');
  assert.is(hybrid.now(), makeStamp(START_MS, 0));
});

test('known bug: the first stamp after eight hours of sleep is refused', async () => {
  const clock = new ManualClock(START_MS);
  const bound = new HangingBound();
  const hybrid = await HybridClock.open({ clock, bound });
  const before = hybrid.now();
  bound.hang();
  clock.jumpWall(8 * 3_600_000);
  const atWaking = hybrid.now();
  assert.ok(atWaking > before && atWaking <= bound.saved, 'it waits at the bound, which the wall has passed');
  assert.is(hybrid.now(), atWaking + 1n, 'by counter');
  bound.release();
  await hybrid.settled();
  assert.is(hybrid.now(), makeStamp(START_MS + 8 * 3_600_000, 0), 'the save is done: it steps');
});

test('known bug: one poisonous stamp ratchets the whole fleet into the future', async () => {
  const clock = new ManualClock(START_MS);
  const warnings: ClockWarning[] = [];
  const hybrid = await HybridClock.open({ clock, bound: memoryBound(), onWarning: (w) => warnings.push(w) });
  assert.is(hybrid.observe(MAX_STAMP), 'ahead');
  assert.is(hybrid.observe(makeStamp(START_MS + 40 * DAY_MS, 0)), 'ahead');
  await hybrid.settled();
  assert.is(hybrid.now(), makeStamp(START_MS, 0));
  assert.equal(warnings.at(-1), { kind: 'remote-ahead', aheadMs: 40 * DAY_MS });
  assert.is(hybrid.warningCounts['remote-ahead'], 2);
});

test('known bug: a clock that is not persisted repeats its stamps after a restart with the wall set back', async () => {
  const clock = new ManualClock(START_MS);
  const bound = memoryBound();
  const before = await open(clock, bound);
  const last = [before.now(), before.now()].at(-1)!;
  clock.jumpWall(-40 * DAY_MS);
  // `before` is never closed: a crash.
  const after = await open(clock, bound);
  assert.is(compareStamps(last, after.now()), -1);
});

test('known bug: a clock said to be monotonic that starts its counter anew when the wall steps back', async () => {
  const clock = new ManualClock(START_MS);
  const hybrid = await open(clock);
  const stamps = [hybrid.now(), hybrid.now()];
  clock.jumpWall(-1_500);
  stamps.push(hybrid.now(), hybrid.now());
  await clock.advance(3_000);
  stamps.push(hybrid.now());
  assertIncreasing(stamps);
  assert.is(hybrid.warningCounts['wall-stepped'], 1);
  assert.equal(hybrid.offsetWarnings, [{ kind: 'wall-stepped', stepMs: -1_500 }]);
});

test('known bug: two clones of one device give out the same stamps - the clock cannot tell, the feed must', async () => {
  const disk = makeStamp(START_MS, 0);
  const [one, two] = await Promise.all([
    open(new ManualClock(START_MS), memoryBound(disk)),
    open(new ManualClock(START_MS), memoryBound(disk)),
  ]);
  assert.is(one.now(), two.now(), 'HAZARD: uniqueness comes from (writer, seq, hash), never from a stamp');
});

test('a full counter carries into the milliseconds', async () => {
  const clock = new ManualClock(START_MS);
  const hybrid = await open(clock);
  hybrid.observe(makeStamp(START_MS, 0xffff));
  assert.is(hybrid.now(), makeStamp(START_MS + 1, 0));
});

test('a burst of 200,000 stamps in one millisecond stays ordered and saves its way ahead', async () => {
  const clock = new ManualClock(START_MS);
  const bound = new HangingBound();
  const hybrid = await HybridClock.open({ clock, bound });
  let last = hybrid.now();
  for (let count = 0; count < 200_000; count += 1) {
    const next = hybrid.now();
    if (next <= last) assert.unreachable(`stamp ${count} does not follow`);
    last = next;
  }
  assert.is(stampMs(last), START_MS + 3);
  assert.ok(last <= bound.saved);
});

test('bound: nothing above the saved bound is given out while the disk hangs', async () => {
  const clock = new ManualClock(START_MS);
  const bound = new HangingBound();
  const hybrid = await HybridClock.open({ clock, bound });
  bound.hang();
  for (let minute = 0; minute < 60; minute += 1) {
    await clock.advance(60_000);
    assert.ok(hybrid.now() <= bound.saved, `minute ${minute}`);
  }
  bound.release();
  await hybrid.settled();
  assert.is(hybrid.now(), makeStamp(START_MS + 3_600_000, 0));
});

test('bound: a failing save is reported, retried with backoff, and refuses no stamp', async () => {
  const clock = new ManualClock(START_MS);
  const bound = new HangingBound();
  const hybrid = await HybridClock.open({ clock, bound });
  bound.failWith(new Error('ENOSPC'));
  const stamps: Stamp[] = [];
  for (let minute = 0; minute < 10; minute += 1) {
    await clock.advance(60_000);
    for (let sale = 0; sale < 50; sale += 1) stamps.push(hybrid.now());
  }
  assertIncreasing(stamps);
  assert.ok(stamps.at(-1)! <= bound.saved);
  const failures = hybrid.warningCounts['bound-save-failed'];
  assert.ok(failures >= 10 && failures <= 80, `${failures} attempts in ten minutes`);
  bound.failWith(undefined);
  await clock.advance(10_000);
  assert.is(hybrid.now(), makeStamp(clock.nowMs(), 0));
  assert.ok(hybrid.offsetWarnings.length <= WARNINGS_MAX);
});

test('bound: a wall that stepped back does not lower the bound under stamps already given out', async () => {
  const clock = new ManualClock(START_MS);
  const bound = new HangingBound();
  const hybrid = await HybridClock.open({ clock, bound });
  clock.jumpWall(-50_000);
  bound.hang();
  await clock.advance(RENEW_BELOW_MS); // a save begins while the wall is behind
  clock.jumpWall(100_000);
  const atTheBound = hybrid.now();
  bound.release();
  await hybrid.settled();
  for (const saved of bound.history) assert.ok(saved >= atTheBound);
});

test('bound: an idle clock renews by itself, so the first stamp after a quiet hour is of now', async () => {
  const clock = new ManualClock(START_MS);
  const hybrid = await open(clock);
  hybrid.now();
  await clock.advance(3_600_000);
  assert.is(hybrid.now(), makeStamp(START_MS + 3_600_000, 0));
});

test('bound: a program that crashes a hundred times in a minute does not climb into the future', async () => {
  const clock = new ManualClock(START_MS);
  const disk = new HangingBound();
  const stamps: Stamp[] = [];
  for (let start = 0; start < 100; start += 1) {
    const { store, crash } = disk.opened();
    const hybrid = await HybridClock.open({ clock, bound: store });
    stamps.push(hybrid.now());
    await clock.advance(600);
    crash();
  }
  assertIncreasing(stamps);
  assert.ok(stampMs(stamps.at(-1)!) - clock.nowMs() < 300_000, 'peers would still accept it');
});

test('bound: an orderly close gives the block back', async () => {
  const clock = new ManualClock(START_MS);
  const bound = memoryBound();
  const first = await open(clock, bound);
  const last = first.now();
  await first.close();
  await first.close();
  assert.is(await bound.load(), last);
  await clock.advance(10);
  const second = await open(clock, bound);
  assert.is(second.now(), makeStamp(START_MS + 10, 0));
  assert.is(clock.pendingTimers, 1, 'the closed clock left no timer');
});

test('bound: a lost bound is covered by the stamps found in the own feed', async () => {
  const clock = new ManualClock(START_MS);
  const own = makeStamp(START_MS + 50 * DAY_MS, 3);
  const opened = await HybridClock.open({ clock, bound: memoryBound(), atLeast: own });
  assert.is(compareStamps(own, opened.now()), -1);

  const bound = memoryBound();
  const resumed = await open(clock, bound);
  await resumed.resume(own);
  const next = resumed.now();
  assert.is(compareStamps(own, next), -1);
  assert.ok((await bound.load()) >= next);
});

test('a wall clock that is no time at all refuses nothing', async () => {
  for (const wall of [Number.NaN, -5, 0, Number.POSITIVE_INFINITY, 8.64e15, 0.5]) {
    const clock = new ManualClock(START_MS);
    const hybrid = await open(clock);
    const before = hybrid.now();
    clock.nowMs = () => wall;
    const stamps = [before, hybrid.now(), hybrid.now()];
    await hybrid.settled();
    stamps.push(hybrid.now(), hybrid.now());
    assertIncreasing(stamps);
  }
});

test('warnings are kept to a limit; the counters are not', async () => {
  const hybrid = await open(new ManualClock(START_MS));
  for (let count = 0; count < WARNINGS_MAX + 10; count += 1) hybrid.observe(MAX_STAMP);
  assert.is(hybrid.offsetWarnings.length, WARNINGS_MAX);
  assert.is(hybrid.warningCounts['remote-ahead'], WARNINGS_MAX + 10);
});

test('CLOCK_BOUND: a clock that cannot save its bound does not open, one that is open cannot resume', async () => {
  const clock = new ManualClock(START_MS);
  const bound = new HangingBound();
  bound.failWith(new Error('EROFS'));
  assert.is(await codeOf(HybridClock.open({ clock, bound })), 'CLOCK_BOUND');
  bound.failWith(undefined);
  const hybrid = await HybridClock.open({ clock, bound });
  bound.failWith(new Error('EIO'));
  assert.is(await codeOf(hybrid.resume(makeStamp(START_MS + DAY_MS, 0))), 'CLOCK_BOUND');
});

test('CLOCK_OPTIONS: a tolerance smaller than a block would take every crashed peer for a faulty one', async () => {
  const clock = new ManualClock(START_MS);
  assert.is(
    await codeOf(HybridClock.open({ clock, bound: memoryBound(), maxAheadMs: BLOCK_MS - 1 })),
    'CLOCK_OPTIONS',
  );
});

test('STAMP_RANGE: a clock does not go on from the end of the format', async () => {
  const clock = new ManualClock(START_MS);
  assert.is(await codeOf(HybridClock.open({ clock, bound: memoryBound(MAX_STAMP) })), 'STAMP_RANGE');
  const hybrid = await open(clock);
  assert.is(await codeOf(hybrid.resume(MAX_STAMP)), 'STAMP_RANGE');
});

test('CLOCK_CLOSED: a closed clock gives no stamps, since its bound has been given back', async () => {
  const hybrid = await open(new ManualClock(START_MS));
  await hybrid.close();
  assert.is(await codeOf((async () => hybrid.now())()), 'CLOCK_CLOSED');
});

test.run();
