/**
 * Which feed goes next: registry first, then orders and receipts, then documents; within a class in turn.
 *
 * Guarantees: a feed waits at most once, so the queue is never longer than there are feeds; a feed that was served goes
 * behind the others of its class, so a long one cannot starve a short one.
 */
import { familyOf } from './collections.ts';
import { collectionOf } from './feed-name.ts';
import type { FeedName } from './types.ts';

const CLASS_OF_FAMILY: Readonly<Record<string, number>> = { registry: 0, orders: 1, receipts: 1 };
const CLASS_OF_THE_REST = 2;

export class FeedQueue {
  readonly #classes: readonly Set<FeedName>[] = [new Set(), new Set(), new Set()];

  get size(): number {
    return this.#classes.reduce((sum, feeds) => sum + feeds.size, 0);
  }

  add(feed: FeedName): void {
    const index = CLASS_OF_FAMILY[familyOf(collectionOf(feed))] ?? CLASS_OF_THE_REST;
    this.#classes[index]!.add(feed);
  }

  take(): FeedName | undefined {
    for (const feeds of this.#classes) {
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
