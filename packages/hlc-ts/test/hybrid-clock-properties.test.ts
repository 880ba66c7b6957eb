/**
 * Any history of stamping, observing, clock jumps of a second to forty days, slow and failing disks, crashes and orderly
 * restarts keeps the numbered guarantees of the clock. Prints the seed and the shrunk history on failure.
 */

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  HybridClock,
  MAX_AHEAD_MS_DEFAULT,
  ManualClock,
  makeStamp,
  type Stamp,
  stampMs,
  ZERO_STAMP,
} from '../src/index.ts';
import { HangingBound } from './support/hanging-bound.ts';

const DAY_MS = 86_400_000;
const START_MS = 1_735_689_600_000;

type Step =
  | { do: 'stamp'; count: number }
  | { do: 'pass'; ms: number }
  | { do: 'jump'; ms: number }
  | { do: 'observe'; offsetMs: number; counter: number }
  | { do: 'hang' | 'release' | 'fail' | 'heal' | 'crash' | 'restart' };

const jumps = fc
  .tuple(fc.integer({ min: 1_000, max: 40 * DAY_MS }), fc.boolean())
  .map(([ms, back]) => (back ? -ms : ms));

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('stamp' as const), count: fc.integer({ min: 1, max: 20 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 90_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('jump' as const), ms: jumps }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('observe' as const),
      offsetMs: fc.oneof(jumps, fc.integer({ min: -400_000, max: 400_000 })),
      counter: fc.integer({ min: 0, max: 0xffff }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom<'hang' | 'release' | 'fail' | 'heal' | 'crash' | 'restart'>(
        'hang',
        'release',
        'fail',
        'heal',
        'crash',
        'restart',
      ),
    }),
  },
);

/** One device over its life: several clocks on one disk, and everything they promised. */
class Device {
  readonly clock = new ManualClock(START_MS);
  readonly bound = new HangingBound();
  hybrid!: HybridClock;
  crash: () => void = () => {};
  last: Stamp = ZERO_STAMP;
  lowered = false;
  readonly #journal: boolean;
  /** The greatest stamp on disk; those given out since are on their way. */
  kept: Stamp = ZERO_STAMP;

  constructor(journal = false) {
    this.#journal = journal;
  }

  async open(): Promise<void> {
    this.bound.failWith(undefined);
    this.bound.release();
    this.crash();
    const { store, crash } = this.bound.opened();
    this.crash = crash;
    this.hybrid = await HybridClock.open({
      clock: this.clock,
      bound: { ...store, save: this.watched(store.save) },
      ...(this.#journal ? { kept: async () => this.kept } : {}),
    });
  }

  /** I2 also holds for stamps given out before a save and during it: a crash right after it must repeat nothing. */
  watched(save: (bound: Stamp) => Promise<void>): (bound: Stamp) => Promise<void> {
    return async (bound) => {
      await save(bound);
      if (this.bound.saved < this.last) this.lowered = true;
    };
  }

  stamp(): void {
    assert.not(this.lowered, 'I2: a save lowered the bound below stamps already given out');
    const next = this.hybrid.now();
    assert.ok(next > this.last, `I1: ${next.toString(16)} after ${this.last.toString(16)}`);
    assert.ok(next <= this.bound.saved, `I2: ${next.toString(16)} above ${this.bound.saved.toString(16)}`);
    this.last = next;
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'stamp':
        for (let count = 0; count < step.count; count += 1) this.stamp();
        return;
      case 'pass':
        return this.clock.advance(step.ms);
      case 'jump':
        return this.clock.jumpWall(step.ms);
      case 'observe':
        return this.observe(step.offsetMs, step.counter);
      case 'hang':
        return this.bound.hang();
      case 'release':
        return this.bound.release();
      case 'fail':
        return this.bound.failWith(new Error('EIO'));
      case 'heal':
        return this.bound.failWith(undefined);
      case 'crash':
        return this.open();
      case 'restart':
        this.bound.failWith(undefined);
        this.bound.release();
        await this.hybrid.close();
        return this.open();
    }
  }

  observe(offsetMs: number, counter: number): void {
    const remote = makeStamp(this.clock.nowMs() + offsetMs, counter);
    const before = this.hybrid.last;
    const verdict = this.hybrid.observe(remote);
    assert.is(verdict, offsetMs > MAX_AHEAD_MS_DEFAULT ? 'ahead' : 'observed');
    if (verdict === 'ahead') assert.is(this.hybrid.last, before, 'I4: data is not time');
  }
}

const test = suite('hybrid clock, any history');

test('I1-I4 hold over jumps, slow and failing disks, crashes and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 60 }), async (history) => {
      const device = new Device();
      await device.open();
      for (const step of history) await device.take(step);
      device.stamp();
      device.bound.release();
      await device.hybrid.close().catch(() => {});
    }),
    { numRuns: 1_000 },
  );
});

const kept: fc.Arbitrary<Step | { do: 'sync' }> = fc.oneof(
  { weight: 4, arbitrary: steps },
  { weight: 1, arbitrary: fc.constant({ do: 'sync' as const }) },
);

test('I5: with a journal every stamp is greater than every one kept before, whatever a crash takes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(kept, { minLength: 5, maxLength: 60 }), async (history) => {
      const device = new Device(true);
      await device.open();
      for (const step of history) {
        if (step.do === 'sync') {
          device.kept = device.last;
          continue;
        }
        if (step.do === 'restart') device.kept = device.last;
        if (step.do === 'crash') device.last = device.kept;
        await device.take(step);
      }
      device.last = device.last > device.kept ? device.last : device.kept;
      device.stamp();
    }),
    { numRuns: 1_000 },
  );
});

test('I5: after a crash stamps are of now as soon as the wall has passed the last one kept', async () => {
  const device = new Device(true);
  await device.open();
  for (let crashes = 0; crashes < 5; crashes += 1) {
    device.stamp();
    device.kept = device.last;
    await device.clock.advance(5);
    await device.open();
    device.stamp();
    assert.is(stampMs(device.last), device.clock.nowMs());
  }
});

test('once the disk works and the wall is right, stamps are of now again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: -DAY_MS, max: 0 }), { maxLength: 8 }), async (backJumps) => {
      const device = new Device();
      await device.open();
      for (const ms of backJumps) {
        device.clock.jumpWall(ms);
        device.stamp();
        await device.open();
        device.clock.jumpWall(-ms);
      }
      await device.clock.advance(300_000);
      device.stamp();
      assert.is(stampMs(device.last), device.clock.nowMs());
    }),
    { numRuns: 100 },
  );
});

test.run();
