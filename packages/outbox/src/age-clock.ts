/**
 * The time ages are counted in. A wall clock that steps back must not make a document younger than it is: legal deadlines hang on it.
 *
 * Guarantees: never behind the wall clock, the newest stamp seen, or the time that has passed since the start; so it errs
 * towards alarming early.
 */
import type { Clock } from 'hlc-ts';

export class AgeClock {
  readonly #clock: Clock;
  readonly #startedMs: number;
  #anchorMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#anchorMs = clock.nowMs();
  }

  nowMs(): number {
    const passedMs = this.#clock.monotonicMs() - this.#startedMs;
    return Math.max(this.#clock.nowMs(), Math.floor(this.#anchorMs + passedMs));
  }

  /** Something happened at `stampMs`, so it is at least that late. */
  observe(stampMs: number): void {
    const passedMs = this.#clock.monotonicMs() - this.#startedMs;
    this.#anchorMs = Math.max(this.#anchorMs, stampMs - passedMs);
  }
}
