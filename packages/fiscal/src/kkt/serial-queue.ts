/** One thing after the other on a shared line. More than `CALLERS_MAX` waiting callers are turned away. */
import { KktError } from '../errors.ts';

export const CALLERS_MAX = 64;

export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  async run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= CALLERS_MAX) {
      throw new KktError('KKT_BUSY', `${this.#waiting} callers wait for the device`, { outcome: 'unsent' });
    }
    this.#waiting += 1;
    const turn = this.#tail.then(() => {
      signal?.throwIfAborted();
      return work();
    });
    this.#tail = turn.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Resolves when everything under way has ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
