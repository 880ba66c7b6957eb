/** A clock that stands still until a test moves it; just the two methods the SDK asks for. */
import type { ClientClock } from '../src/index.ts';

/** Turns of the promise queue that settle everything a script can start. */
const TURNS = 50;

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

export class HandClock implements ClientClock {
  #elapsedMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  nowMs(): number {
    return 1_700_000_000_000 + this.#elapsedMs;
  }

  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper = {
        dueMs: this.#elapsedMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      signal?.addEventListener('abort', leave, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  async advance(ms: number): Promise<void> {
    await this.turn();
    const end = this.#elapsedMs + ms;
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      this.#elapsedMs = next.dueMs;
      this.#sleepers.delete(next);
      next.wake();
      await this.turn();
    }
    this.#elapsedMs = end;
  }

  /** Lets everything that waits for no time run. */
  async turn(): Promise<void> {
    for (let i = 0; i < TURNS; i++) {
      await Promise.resolve();
    }
  }

  #nextDue(endMs: number): Sleeper | undefined {
    const due = [...this.#sleepers].filter((sleeper) => sleeper.dueMs <= endMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}
