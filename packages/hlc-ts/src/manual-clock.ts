/**
 * A clock that stands still until told to move: tests and simulations run hours in milliseconds.
 *
 * Guarantees: timers fire in order of their due time, those due together in the order they were set; between two of
 * them everything that became runnable has run (promises settled, immediates done); a timer set by a callback and
 * due within the same `advance` fires in that `advance`.
 *
 * Does not: wait for real I/O. A callback that starts a file read is answered when the disk answers.
 */
import { type Clock, type SleepOptions, sleepOn, type Timer } from './clock.ts';

/** 2025-01-01T00:00:00Z: recognisable in output, far from zero so that subtraction does not go negative. */
const START_MS = 1_735_689_600_000;

interface Pending {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  /** Kept in order of due time; insertion keeps the order of setting among equals. */
  readonly #pending: Pending[] = [];

  constructor(startMs = START_MS) {
    this.#wallOffsetMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.#monotonicMs + this.#wallOffsetMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** How many timers wait: a test that ends with more than it began has leaked one. */
  get pendingTimers(): number {
    return this.#pending.length;
  }

  sleep(ms: number, options?: SleepOptions): Promise<void> {
    return sleepOn(this, ms, options);
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const pending: Pending = { dueMs: this.#monotonicMs + Math.max(0, delayMs), callback };
    let at = this.#pending.length;
    while (at > 0 && this.#pending[at - 1]!.dueMs > pending.dueMs) at -= 1;
    this.#pending.splice(at, 0, pending);
    return {
      cancel: () => {
        const index = this.#pending.indexOf(pending);
        if (index >= 0) this.#pending.splice(index, 1);
      },
    };
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets `ms` pass on both the wall clock and the monotonic one, firing what falls due on the way. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#monotonicMs + ms;
    await this.yield();
    for (let next = this.#pending[0]; next !== undefined && next.dueMs <= targetMs; next = this.#pending[0]) {
      this.#pending.shift();
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs);
      next.callback();
      await this.yield();
    }
    this.#monotonicMs = Math.max(this.#monotonicMs, targetMs);
    await this.yield();
  }

  /** Steps the wall clock alone, either way, as an operator or a time server would. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}
