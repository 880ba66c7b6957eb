/**
 * The real clock. The one place where the program touches the wall clock and timers.
 *
 * Guarantees: delays longer than the runtime's 2^31-1 ms are waited in full (the runtime would fire at once);
 * timers do not keep the process alive unless asked.
 */
import { type Clock, type SleepOptions, sleepOn, type Timer, type TimerOptions } from './clock.ts';

/** The longest delay the runtime's timers take. */
const TIMER_DELAY_MAX_MS = 2 ** 31 - 1;

class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  sleep(ms: number, options?: SleepOptions): Promise<void> {
    return sleepOn(this, ms, options);
  }

  setTimer(delayMs: number, callback: () => void, options: TimerOptions = {}): Timer {
    const dueMs = this.monotonicMs() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (remainingMs: number): void => {
      const last = remainingMs <= TIMER_DELAY_MAX_MS;
      handle = setTimeout(
        () => (last ? callback() : arm(dueMs - this.monotonicMs())),
        last ? Math.max(0, remainingMs) : TIMER_DELAY_MAX_MS,
      );
      if (options.keepAlive !== true) handle.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

export function systemClock(): Clock {
  return new SystemClock();
}
