/**
 * The life of one start of a node: what it was handed stops working for it when the power goes, and for nobody else.
 *
 * Without it a node that "crashed" would go on living in the test, follow every commit of its heirs and try its closed line for
 * ever: a hundred crashes later a hundred nodes do the work of one.
 */
import type { FeedStore } from '@branchline/feed';
import type { Clock, Timer } from 'hlc-ts';

export class Life {
  readonly clock: Clock;
  readonly store: FeedStore;
  readonly #endings = new Set<() => void>();
  #isOver = false;

  constructor(clock: Clock, store: FeedStore) {
    this.clock = this.#clockOf(clock);
    this.store = this.#storeOf(store);
  }

  /** Nothing that waits goes on, nothing that happens is heard, nothing is written any more. */
  end(): void {
    this.#isOver = true;
    for (const end of this.#endings) {
      end();
    }
    this.#endings.clear();
  }

  #clockOf(clock: Clock): Clock {
    const setTimer: Clock['setTimer'] = (delayMs, callback) => this.#timer(clock, delayMs, callback);
    return {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      setTimer,
      sleep: (ms, { signal } = {}) =>
        new Promise((resolve, reject) => {
          signal?.throwIfAborted();
          const over = (): void => {
            signal?.removeEventListener('abort', abort);
            resolve();
          };
          const timer = setTimer(ms, over);
          const abort = (): void => {
            timer.cancel();
            reject(signal?.reason);
          };
          signal?.addEventListener('abort', abort, { once: true });
        }),
      yield: async () => {
        await clock.yield();
        await (this.#isOver ? never() : undefined);
      },
    };
  }

  #timer(clock: Clock, delayMs: number, callback: () => void): Timer {
    if (this.#isOver) {
      return { cancel: () => {} };
    }
    const cancel = (): void => {
      this.#endings.delete(cancel);
      timer.cancel();
    };
    const timer = clock.setTimer(delayMs, () => {
      this.#endings.delete(cancel);
      callback();
    });
    this.#endings.add(cancel);
    return { cancel };
  }

  #storeOf(store: FeedStore): FeedStore {
    const mine: Partial<FeedStore> = {
      append: (...args) => (this.#isOver ? never() : store.append(...args)),
      watch: (...args) => {
        const unwatch = store.watch(...args);
        this.#endings.add(unwatch);
        return () => {
          this.#endings.delete(unwatch);
          unwatch();
        };
      },
    };
    return new Proxy(store, {
      get: (of, name) => {
        const own = Reflect.get(mine, name);
        if (own !== undefined) {
          return own;
        }
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === 'function' ? value.bind(of) : value;
      },
    });
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
