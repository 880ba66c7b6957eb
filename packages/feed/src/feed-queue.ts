/**
 * Which feed goes next: registry first, then orders and receipts, then documents; within a class in turn.
 *
 * Guarantees: a feed waits at most once, so the queue is never longer than there are feeds; a feed that was served goes
 * behind the others of its class, so a long one cannot starve a short one.
 */
import { familyOf, RANKS, rankOf } from './collections.ts';
import { collectionOf } from './feed-name.ts';
import type { FeedName } from './types.ts';

export class FeedQueue {
  readonly #classes: readonly Set<FeedName>[] = Array.from({ length: RANKS }, () => new Set<FeedName>());

  get size(): number {
    return this.#classes.reduce((sum, feeds) => sum + feeds.size, 0);
  }

  add(feed: FeedName): void {
    this.#classes[rankOf(familyOf(collectionOf(feed)))]!.add(feed);
  }

  /** The next of the first `ranks` classes. */
  take(ranks: number = RANKS): FeedName | undefined {
    for (const feeds of this.#classes.slice(0, ranks)) {
      for (const feed of feeds) {
        feeds.delete(feed);
        return feed;
      }
    }
    return undefined;
  }

  clear(): void {
    for (const feeds of this.#classes) feeds.clear();
  }
}
