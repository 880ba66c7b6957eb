/**
 * A hybrid logical clock: stamps that follow the wall clock when it behaves and stay ordered when it does not.
 *
 *     now      last' = max(last + 1, wall . 0)                 a full counter carries into the milliseconds
 *     observe  last' = max(last, remote)                       unless remote is more than maxAheadMs ahead of the wall
 *
 * Guarantees
 *   I1  Every stamp of `now` is greater than every earlier one, over restarts, crashes and clock jumps either way.
 *   I2  No stamp is above the saved bound: the bound is saved ahead, a block at a time, before it is needed.
 *   I3  `now` is synchronous, never refuses and never throws while the clock is open.
 *   I4  A stamp too far in the future is data, not time: it never moves this clock.
 *   I5  A clock whose stamps are kept in a journal starts after a crash at the last one kept, not at the bound: a stamp that
 *       was given out and not kept counts for nobody, and I1 holds for all that do.
 *
 * I2 and I3 pull apart when the wall outruns the bound, after sleep or a step, or while the disk hangs. Then stamps
 * wait near the bound by counter and step to the wall once the save is done. The wall may use the bound up
 * only to a reserve of RESERVE_MS, which leaves counters room for 65 million stamps; past that I1 and I3 win over
 * I2, with a `bound-exceeded` warning. A clock that runs ahead of the wall moves its bound by that reserve alone,
 * so that a program that crashes again and again does not climb into the future a block at a time.
 *
 * Does not: correct the wall clock, agree with other clocks, or know what a stamp was used for.
 */
import { Backoff } from './backoff.ts';
import type { Clock, Timer } from './clock.ts';
import { HlcError } from './errors.ts';
import { makeStamp, STAMP_MS_MAX, type Stamp, stampMs } from './stamp.ts';
import type { UpperBoundStore } from './upper-bound.ts';

/** How far ahead of need a bound is saved: also how far ahead of the wall a clock may start after a crash that nothing was `kept` of. */
export const BLOCK_MS = 60_000;
/** The next block is saved when the wall has less than this left of the present one. */
export const RENEW_BELOW_MS = 30_000;
/** The end of a block kept for counters, and the step of a bound that counters alone use up. */
export const RESERVE_MS = 1_000;
export const MAX_AHEAD_MS_DEFAULT = 300_000;
/** A difference between wall and monotonic time above this is a step, not drift. */
export const STEP_MS = 1_000;
/** Warnings kept for reading; older ones are dropped, the counters are not. */
export const WARNINGS_MAX = 32;

/** A wall clock beyond this is nonsense, and leaves room above for counters until the end of the format. */
const WALL_MS_MAX = STAMP_MS_MAX - 2 ** 40;
const COUNTER_SPAN = 1n << 16n;
const BLOCK = BigInt(BLOCK_MS) * COUNTER_SPAN;
const RENEW_BELOW = BigInt(RENEW_BELOW_MS) * COUNTER_SPAN;
const RESERVE = BigInt(RESERVE_MS) * COUNTER_SPAN;
/** No stamp that a saved bound or a feed can hold honestly is above this; one that is would leave no room to go on. */
const LAST_MAX = BigInt(STAMP_MS_MAX - 2 ** 39) * COUNTER_SPAN;
const SAVE_BACKOFF = new Backoff({ baseMs: 200, capMs: 10_000 });

export type ClockWarning =
  /** A remote stamp was this far ahead of our wall clock: theirs is fast or ours is slow. */
  | { readonly kind: 'remote-ahead'; readonly aheadMs: number }
  /** The wall clock moved by this much more (or less) than time passed. */
  | { readonly kind: 'wall-stepped'; readonly stepMs: number }
  | { readonly kind: 'bound-save-failed'; readonly cause: unknown }
  | { readonly kind: 'bound-exceeded' };

export interface HybridClockOptions {
  readonly clock: Clock;
  readonly bound: UpperBoundStore;
  readonly maxAheadMs?: number;
  /** The greatest stamp this writer is known to have used: cover for a lost bound. */
  readonly atLeast?: Stamp;
  /**
   * Called when the saved bound is ahead of the wall, as after a crash: the greatest stamp that was given out or observed and
   * outlived it, when a journal proves that there is no other; undefined when it cannot.
   */
  readonly kept?: () => Promise<Stamp | undefined>;
  readonly onWarning?: (warning: ClockWarning) => void;
}

export class HybridClock {
  readonly #clock: Clock;
  readonly #store: UpperBoundStore;
  readonly #maxAheadMs: number;
  readonly #onWarning: (warning: ClockWarning) => void;
  readonly #warnings: ClockWarning[] = [];
  readonly #counts: Record<ClockWarning['kind'], number> = {
    'remote-ahead': 0,
    'wall-stepped': 0,
    'bound-save-failed': 0,
    'bound-exceeded': 0,
  };
  /** The greatest stamp given out or ratcheted to. */
  #last: bigint;
  /** Saved: nothing above it is given out. */
  #bound: bigint;
  /** Observed but not yet under the bound: joins `last` when it is. */
  #floor = 0n;
  #saving: Promise<void> | undefined;
  #backoff = SAVE_BACKOFF;
  #retryAtMs = 0;
  #lastFailure: unknown;
  #timer: Timer | undefined;
  #wallMs: number;
  #monotonicMs: number;
  #closed = false;

  private constructor(options: HybridClockOptions, last: bigint) {
    this.#clock = options.clock;
    this.#store = options.bound;
    this.#maxAheadMs = options.maxAheadMs ?? MAX_AHEAD_MS_DEFAULT;
    this.#onWarning = options.onWarning ?? (() => {});
    this.#last = last;
    this.#bound = last;
    this.#wallMs = options.clock.nowMs();
    this.#monotonicMs = options.clock.monotonicMs();
  }

  /** Loads the bound, saves the next one, and only then can stamps be had. */
  static async open(options: HybridClockOptions): Promise<HybridClock> {
    const { maxAheadMs = MAX_AHEAD_MS_DEFAULT } = options;
    if (!(maxAheadMs >= BLOCK_MS)) {
      throw new HlcError('CLOCK_OPTIONS', `maxAheadMs must be at least ${BLOCK_MS}, got ${maxAheadMs}`, {
        hint: 'A clock that restarts after a crash may be a block ahead; peers must not take that for a fault.',
      });
    }
    try {
      const saved = await options.bound.load();
      const atLeast = options.atLeast ?? 0n;
      const isAhead = stampMs(saved) > options.clock.nowMs();
      const start = (isAhead ? await options.kept?.() : undefined) ?? saved;
      const self = new HybridClock(options, checkRoom(start > atLeast ? start : atLeast));
      const bound = self.#nextBound();
      await self.#store.save(bound as Stamp);
      self.#bound = bound;
      self.#scheduleRenewal(RENEW_BELOW_MS);
      return self;
    } catch (cause) {
      if (cause instanceof HlcError) throw cause;
      throw boundError('the clock bound could not be loaded and saved', cause);
    }
  }

  now(): Stamp {
    if (this.#closed) throw new HlcError('CLOCK_CLOSED', 'the clock was closed');
    const wall = this.#readWall();
    const next = this.#last + 1n;
    const usable = this.#bound - RESERVE;
    const reached = wall < usable ? wall : usable;
    this.#last = reached > next ? reached : next;
    if (this.#isBoundNear(wall)) this.#renew();
    if (this.#last > this.#bound) this.#warn({ kind: 'bound-exceeded' });
    return this.#last as Stamp;
  }

  /**
   * Tells the clock of a stamp received. `ahead` means: keep the data, flag it, distrust the clock; later stamps of
   * ours may sort before it. However old a stamp is, it is fine.
   */
  observe(remote: Stamp): 'observed' | 'ahead' {
    const aheadMs = stampMs(remote) - stampMs(this.#readWall() as Stamp);
    if (aheadMs > this.#maxAheadMs) {
      this.#warn({ kind: 'remote-ahead', aheadMs });
      return 'ahead';
    }
    this.#ratchet(remote);
    return 'observed';
  }

  /**
   * Makes every later stamp greater than `own`, however far ahead of the wall it is: for the writer's own past found
   * in its feeds after a restore. Resolves when that is so; rejects when the bound cannot be saved.
   */
  async resume(own: Stamp): Promise<void> {
    this.#ratchet(checkRoom(own));
    await this.settled();
    if (this.#floor === 0n) return;
    // The save that was under way had been started without this stamp, or had failed: one more, now.
    this.#retryAtMs = 0;
    await this.#renew();
    if (this.#floor !== 0n) throw boundError('the clock bound could not be saved', this.#lastFailure);
  }

  /** The greatest stamp given out or observed, without taking one. */
  get last(): Stamp {
    return this.#last as Stamp;
  }

  /** How far stamps run ahead of the wall clock, 0 when they do not. */
  get aheadOfWallMs(): number {
    return Math.max(0, stampMs(this.#last as Stamp) - stampMs(this.#readWall() as Stamp));
  }

  /** The latest warnings, oldest first, at most `WARNINGS_MAX`. */
  get offsetWarnings(): readonly ClockWarning[] {
    return [...this.#warnings];
  }

  /** How many of each kind there have been since the clock was opened. */
  get warningCounts(): Readonly<Record<ClockWarning['kind'], number>> {
    return { ...this.#counts };
  }

  /** Resolves when no save is under way. */
  async settled(): Promise<void> {
    while (this.#saving !== undefined) await this.#saving;
  }

  /** Gives the unused rest of the block back, so that an orderly restart continues where the wall is. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.settled();
    if (this.#last < this.#bound) await this.#store.save(this.#last as Stamp);
  }

  #ratchet(stamp: bigint): void {
    if (stamp <= this.#last) return;
    if (stamp <= this.#bound - RESERVE) {
      this.#last = stamp;
      return;
    }
    if (stamp > this.#floor) this.#floor = stamp;
    this.#renew();
  }

  #readWall(): bigint {
    const wallMs = this.#clock.nowMs();
    const monotonicMs = this.#clock.monotonicMs();
    const stepMs = wallMs - this.#wallMs - (monotonicMs - this.#monotonicMs);
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
    if (Math.abs(stepMs) > STEP_MS) this.#warn({ kind: 'wall-stepped', stepMs: Math.round(stepMs) });
    // A wall clock that is no time at all counts as "long ago": stamps go on by counter.
    if (!(wallMs > 0)) return 0n;
    return makeStamp(Math.floor(Math.min(wallMs, WALL_MS_MAX)), 0);
  }

  /**
   * A block above the wall, but no more than the reserve above a clock that runs ahead of it. Never below the present
   * bound: were it lowered for a wall that stepped back, stamps given out while the save is under way would be above.
   */
  #nextBound(): bigint {
    let bound = this.#bound;
    for (const wanted of [this.#readWall() + BLOCK, this.#last + 2n * RESERVE, this.#floor + 2n * RESERVE]) {
      if (wanted > bound) bound = wanted;
    }
    return bound;
  }

  #isBoundNear(wall: bigint): boolean {
    return wall + RENEW_BELOW > this.#bound || this.#last + RESERVE / 2n > this.#bound || this.#floor !== 0n;
  }

  /** One save at a time, and none before the backoff after a failed one is over. */
  #renew(): Promise<void> {
    if (this.#saving !== undefined) return this.#saving;
    if (this.#closed || this.#clock.monotonicMs() < this.#retryAtMs) return Promise.resolve();
    const bound = this.#nextBound();
    if (bound === this.#bound) {
      this.#scheduleRenewal(RENEW_BELOW_MS);
      return Promise.resolve();
    }
    this.#saving = this.#save(bound);
    return this.#saving;
  }

  async #save(bound: bigint): Promise<void> {
    let nextMs = RENEW_BELOW_MS;
    try {
      await this.#store.save(bound as Stamp);
      this.#bound = bound;
      this.#backoff = this.#backoff.reset();
      if (this.#floor !== 0n && this.#floor <= bound - RESERVE) {
        if (this.#floor > this.#last) this.#last = this.#floor;
        this.#floor = 0n;
      }
    } catch (cause) {
      // A loop's catch: counted, reported, retried. Stamps go on meanwhile.
      this.#lastFailure = cause;
      this.#warn({ kind: 'bound-save-failed', cause });
      // Jitter spreads many clients of one server; this store is ours alone, so the whole delay is taken.
      const { delayMs, backoff } = this.#backoff.next(() => 1);
      this.#backoff = backoff;
      this.#retryAtMs = this.#clock.monotonicMs() + delayMs;
      nextMs = delayMs;
    } finally {
      this.#saving = undefined;
      this.#scheduleRenewal(nextMs);
      // A save that took long, or began before a step or an observation, may be behind already.
      if (this.#isBoundNear(this.#readWall())) this.#renew();
    }
  }

  /** Idle clocks renew too, or the first stamp after a quiet hour would be an hour old. */
  #scheduleRenewal(delayMs: number): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(delayMs, () => void this.#renew());
  }

  #warn(warning: ClockWarning): void {
    this.#counts[warning.kind] += 1;
    this.#warnings.push(warning);
    if (this.#warnings.length > WARNINGS_MAX) this.#warnings.shift();
    this.#onWarning(warning);
  }
}

function checkRoom(stamp: bigint): bigint {
  if (stamp <= LAST_MAX) return stamp;
  throw new HlcError(
    'STAMP_RANGE',
    `a clock cannot go on from ${stamp.toString(16)}: no stamps are left above it`,
  );
}

function boundError(message: string, cause: unknown): HlcError {
  return new HlcError('CLOCK_BOUND', message, {
    cause,
    hint: 'Check that the data directory is readable and writable and has free space.',
    retryable: true,
  });
}
