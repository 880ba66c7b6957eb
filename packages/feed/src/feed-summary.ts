/**
 * Everything held here, summed up for comparing with a peer: per collection a digest over (feed, seq, head hash), per
 * family a digest over its collections' digests, limited to what both sides may read.
 *
 * Guarantees: two peers with equal heads in a family get equal digests whatever the order things arrived in; a feed of a
 * revoked writer counts up to its last valid entry, whatever lies beyond; a feed known to be forked counts as
 * just that, so that two peers who hold different histories of it and both know do not compare vectors for ever; a feed of
 * a writer the registry does not know yet (this device's own next key) counts as not held.
 *
 * A collection's digest is computed when asked for and kept until one of its feeds moves: a relay with 200 sessions hashes
 * each collection once, not 200 times.
 */
import { createHash } from 'node:crypto';
import { familyOf } from './collections.ts';
import { collectionOf } from './feed-name.ts';
import type { FamilySummary, Summary } from './replication-state.ts';
import type { Collection, FeedName, FeedStore, Head } from './types.ts';

export const DIGEST_BYTES = 16;
/** What vectors carry of a hash: enough to notice, never enough to prove. */
export const HASH_PREFIX_BYTES = 8;

const FORKED_MARK = Buffer.from('forked');

export interface FeedSummaryOptions {
  readonly store: FeedStore;
  /** Where a revoked writer's feed ends for good. */
  readonly ceiling: (feed: FeedName) => Head | undefined;
  /** Does the registry know the feed's writer? A peer could only hold what it was sent of others. */
  readonly known: (feed: FeedName) => boolean;
  readonly forked: (feed: FeedName) => boolean;
}

export class FeedSummary {
  readonly #options: FeedSummaryOptions;
  readonly #feeds = new Map<Collection, Set<FeedName>>();
  readonly #digests = new Map<Collection, Uint8Array>();

  constructor(options: FeedSummaryOptions) {
    this.#options = options;
    for (const feed of options.store.feeds().keys()) this.moved(feed);
  }

  /** Called after a feed grew, was adopted, or turned out to be forked. */
  moved(feed: FeedName): void {
    const collection = collectionOf(feed);
    const feeds = this.#feeds.get(collection);
    if (feeds) feeds.add(feed);
    else this.#feeds.set(collection, new Set([feed]));
    this.#digests.delete(collection);
  }

  /** Called when the registry moved a ceiling. */
  forget(): void {
    this.#digests.clear();
  }

  /** The last entry of a feed that counts; undefined when none does. */
  head(feed: FeedName): Head | undefined {
    const head = this.#options.known(feed) ? this.#options.store.feeds().get(feed)?.head : undefined;
    const ceiling = this.#options.ceiling(feed);
    const counted = head && ceiling && ceiling.seq < head.seq ? ceiling : head;
    return counted && counted.seq > 0 ? counted : undefined;
  }

  collections(): Iterable<Collection> {
    return this.#feeds.keys();
  }

  feedsOf(collection: Collection): Iterable<FeedName> {
    return this.#feeds.get(collection) ?? [];
  }

  /** Families in which something is held that `shared` lets through. */
  summary(shared: (collection: Collection) => boolean): Summary {
    const families = new Map<string, Collection[]>();
    for (const collection of this.#feeds.keys()) {
      if (!shared(collection)) continue;
      const family = familyOf(collection);
      const members = families.get(family);
      if (members) members.push(collection);
      else families.set(family, [collection]);
    }
    const summary = new Map<string, FamilySummary>();
    for (const [family, collections] of families) {
      const heads = this.#headsOf(collections);
      if (heads.size > 0) summary.set(family, { digest: this.#familyDigest(collections), heads });
    }
    return summary;
  }

  #headsOf(collections: readonly Collection[]): Map<FeedName, Head> {
    const heads = new Map<FeedName, Head>();
    for (const collection of collections) {
      for (const feed of this.feedsOf(collection)) {
        const head = this.head(feed);
        if (head) heads.set(feed, head);
      }
    }
    return heads;
  }

  #familyDigest(collections: Collection[]): Uint8Array {
    const hash = createHash('sha256');
    for (const collection of collections.sort()) {
      const digest = this.#digestOf(collection);
      if (digest.length > 0) hash.update(collection).update('\0').update(digest);
    }
    return new Uint8Array(hash.digest().subarray(0, DIGEST_BYTES));
  }

  /** Empty when nothing of the collection counts: holding a revoked writer's refused feed is like not holding it. */
  #digestOf(collection: Collection): Uint8Array {
    const known = this.#digests.get(collection);
    if (known) return known;
    const hash = createHash('sha256');
    let counted = 0;
    for (const feed of [...this.feedsOf(collection)].sort()) {
      const head = this.head(feed);
      if (!head) continue;
      counted += 1;
      hash.update(feed).update('\0');
      if (this.#options.forked(feed)) hash.update(FORKED_MARK);
      else hash.update(`${head.seq}\0`).update(head.hash);
    }
    const digest = counted > 0 ? new Uint8Array(hash.digest()) : new Uint8Array(0);
    this.#digests.set(collection, digest);
    return digest;
  }
}
