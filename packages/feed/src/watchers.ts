/**
 * Those who are told about commits once they are durable, in journal order.
 *
 * A listener must not throw. If one does, the others are still told, and the first error is returned so that the store
 * stops: a projection that missed a commit would be wrong in silence.
 */
import { FeedError } from './errors.ts';
import type { Appended } from './types.ts';

export const WATCHERS_MAX = 4096;

export class Watchers {
  readonly #listeners = new Set<{ readonly notify: (appended: Appended) => void }>();

  add(listener: (appended: Appended) => void): () => void {
    if (this.#listeners.size >= WATCHERS_MAX) {
      throw new FeedError('FEED_LIMIT', `a store has at most ${WATCHERS_MAX} watchers`);
    }
    const entry = { notify: listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Undefined, or what the first listener that failed threw. */
  notify(appended: Appended): unknown {
    let failure: unknown;
    for (const listener of [...this.#listeners]) {
      try {
        listener.notify(appended);
      } catch (error) {
        failure ??= error;
      }
    }
    return failure;
  }
}
