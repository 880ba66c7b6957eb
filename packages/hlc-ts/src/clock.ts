/**
 * The clock port: everything that reads time or waits does it through this interface.
 *
 * Guarantees: `monotonicMs` never steps back; `nowMs` may jump either way and callers must bear it; a wait given an
 * aborted signal rejects with the signal's reason and leaves no listener and no timer behind.
 *
 * Does not: order events. For that there is `HybridClock`.
 */

export interface Timer {
  /** Called by whoever set the timer when it is no longer wanted; calling it again, or late, does nothing. */
  cancel(): void;
}

export interface TimerOptions {
  /** True keeps the process running until the timer fires. Timers do not by default. */
  readonly keepAlive?: boolean;
}

export interface SleepOptions {
  readonly signal?: AbortSignal;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. May be wrong by years, and may jump. */
  nowMs(): number;
  /** Called to measure durations: never steps back, has no meaning across restarts, may have a fraction. */
  monotonicMs(): number;
  /** Called by loops that wait. Rejects with `signal.reason`. A sleeping loop keeps the process running. */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
  /** Called to be woken once after `delayMs` of monotonic time. */
  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer;
  /** Called between slices of long work so that other work of the event loop gets its turn. */
  yield(): Promise<void>;
}

/** `sleep` in terms of `setTimer`, for implementations of `Clock`. */
export function sleepOn(
  clock: Pick<Clock, 'setTimer'>,
  ms: number,
  options: SleepOptions = {},
): Promise<void> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(
      ms,
      () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      },
      { keepAlive: true },
    );
    signal?.addEventListener('abort', abort, { once: true });
  });
}
