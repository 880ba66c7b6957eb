/**
 * How far apart this store and one peer are, per feed, and how that changes while the peer is away.
 *
 * Guarantees: what nobody heard the peer confirm counts as missing there, also when it was written after the peer left; what
 * the peer said it had counts as missing here until it arrives, whoever brings it.
 */
import { familyOf, LOCAL_COLLECTION, REGISTRY_COLLECTION } from './collections.ts';
import { writerOf } from './feed-name.ts';
import type { Registry } from './registry.ts';
import type { ReplicationContext } from './replication-context.ts';
import type { ReplicationPhase } from './replication-state.ts';
import type { Collection, FeedName, WriterId } from './types.ts';

export interface FeedProgress {
  readonly feed: FeedName;
  readonly here: number;
  /** Entries the peer holds and we do not. */
  readonly missingHere: number;
  /** Entries we hold and the peer has not confirmed. */
  readonly missingThere: number;
  /** Confirmed by the peer, on its disk. */
  readonly ackedUpTo: number;
}

export interface PeerProgress {
  readonly peer: WriterId;
  readonly phase: ReplicationPhase;
  /** Wall clock at the last message of the peer. */
  readonly lastContactMs: number;
  readonly missingHere: number;
  readonly missingThere: number;
  /** What the peer sent that was refused. */
  readonly refused: number;
  readonly feeds: readonly FeedProgress[];
}

/** Only what both may read is compared, sent and accepted. */
export function mayShare(
  registry: Registry,
  one: WriterId,
  other: WriterId,
  collection: Collection,
): boolean {
  return (
    familyOf(collection) !== LOCAL_COLLECTION &&
    (collection === REGISTRY_COLLECTION ||
      (registry.mayRead(one, collection) && registry.mayRead(other, collection)))
  );
}

/** The sums go over all feeds, listed or not. */
export function sumOf(feeds: readonly FeedProgress[]): Pick<PeerProgress, 'missingHere' | 'missingThere'> {
  let missingHere = 0;
  let missingThere = 0;
  for (const feed of feeds) {
    missingHere += feed.missingHere;
    missingThere += feed.missingThere;
  }
  return { missingHere, missingThere };
}

/** How it is now with a peer that left: the store went on growing. */
export function sinceLeft(
  left: PeerProgress,
  { summary, registry, self }: Pick<ReplicationContext, 'summary' | 'registry' | 'self'>,
): PeerProgress {
  const known = new Map(left.feeds.map((feed) => [feed.feed, feed]));
  const names = new Set(known.keys());
  for (const collection of summary.collections()) {
    if (!mayShare(registry, self, left.peer, collection)) continue;
    for (const feed of summary.feedsOf(collection)) names.add(feed);
  }
  const feeds = [...names].map((feed): FeedProgress => {
    const before = known.get(feed);
    const here = summary.head(feed)?.seq ?? 0;
    const has = before === undefined ? 0 : before.ackedUpTo + before.missingHere;
    return {
      feed,
      here,
      missingHere: Math.max(0, has - here),
      missingThere: writerOf(feed) === left.peer ? 0 : Math.max(0, here - has),
      ackedUpTo: Math.min(has, here),
    };
  });
  return { ...left, ...sumOf(feeds), feeds };
}
