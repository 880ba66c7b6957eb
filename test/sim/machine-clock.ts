/**
 * The clock of one machine in one life: the world's time with an error of its own. When the machine dies its timers die with
 * it, and whatever of its code still runs waits for ever: that is how a process ends here.
 */
import type { Clock, ManualClock, SleepOptions, Timer } from 'hlc-ts';

export class MachineClock implements Clock {
  readonly #world: ManualClock;
  readonly #timers = new Set<Timer>();
  #offsetMs: number;
  #isDead = false;

  constructor(world: ManualClock, offsetMs: number) {
    this.#world = world;
    this.#offsetMs = offsetMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  nowMs(): number {
    return this.#world.nowMs() + this.#offsetMs;
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  sleep(ms: number, options: SleepOptions = {}): Promise<void> {
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
      const timer = this.setTimer(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    if (this.#isDead) {
      return { cancel: () => undefined };
    }
    const timer = this.#world.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  yield(): Promise<void> {
    return this.#isDead ? new Promise(() => undefined) : this.#world.yield();
  }

  /** Steps the wall clock alone. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  die(): void {
    this.#isDead = true;
    for (const timer of this.#timers) {
      timer.cancel();
    }
    this.#timers.clear();
  }
}
