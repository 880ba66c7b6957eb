/** A wall clock that can be set, over real timers: eight hours of a shop pass as fast as its node can work. */
import type { Clock, SleepOptions, Timer, TimerOptions } from 'hlc-ts';

export class ShiftedClock implements Clock {
  readonly #real: Clock;
  #shiftMs = 0;

  constructor(real: Clock) {
    this.#real = real;
  }

  /** From now on the wall clock goes on from `nowMs`. */
  moveTo(nowMs: number): void {
    this.#shiftMs = nowMs - this.#real.nowMs();
  }

  nowMs(): number {
    return Math.round(this.#real.nowMs() + this.#shiftMs);
  }

  monotonicMs(): number {
    return this.#real.monotonicMs();
  }

  sleep(ms: number, options?: SleepOptions): Promise<void> {
    return this.#real.sleep(ms, options);
  }

  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer {
    return this.#real.setTimer(delayMs, callback, options);
  }

  yield(): Promise<void> {
    return this.#real.yield();
  }
}
