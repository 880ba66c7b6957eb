/**
 * What a restored device says once it has met a peer that knows more: where the feeds of its former key really ended.
 *
 * Its first entries under the new key name the end of the backup, because that was all it knew. When everything came back that peers
 * had beyond it, one more entry per feed names that end, so that the line from the old history to the new one is whole.
 *
 * Guarantees: said once, whatever happens in between (one key of the pipeline), and only about what is held here.
 */
import {
  collectionOf,
  decodeEntry,
  type FeedName,
  type FeedState,
  type FeedStore,
  feedName,
  INCARNATION_KIND,
  type IncarnationBody,
  type PeerProgress,
  type Registry,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { Transaction } from '../commit/transaction.ts';

/** True when a relay or head office has been compared with and holds nothing of the old feeds that is missing here. */
export function hasAllOf(
  predecessor: WriterId,
  progress: readonly PeerProgress[],
  registry: Registry,
): boolean {
  return progress.some(({ peer, phase, feeds }) => {
    const role = registry.member(peer)?.grant.role;
    const own = feeds.filter(({ feed }) => writerOf(feed) === predecessor);
    return (
      phase === 'live' && (role === 'relay' || role === 'hq') && own.every((each) => each.missingHere === 0)
    );
  });
}

/** Feeds of the former key that have grown since the first entry of the new one named their end. */
export async function grownSince(
  store: FeedStore,
  writer: WriterId,
  predecessor: WriterId,
): Promise<FeedState[]> {
  const grown: FeedState[] = [];
  for (const state of store.feeds().values()) {
    if (writerOf(state.feed) === predecessor) {
      const named = await namedEnd(store, feedName(collectionOf(state.feed), writer));
      if (named !== undefined && state.head.seq > named) {
        grown.push(state);
      }
    }
  }
  return grown;
}

export function sayLink(transaction: Transaction, predecessor: WriterId, grown: readonly FeedState[]): void {
  for (const { feed, head } of grown) {
    const body: IncarnationBody = { predecessor, feed, seq: head.seq, hash: head.hash, again: 0 };
    transaction.append(collectionOf(feed), INCARNATION_KIND, body);
  }
}

/** What the first entry of a feed says about the one before it. */
async function namedEnd(store: FeedStore, feed: FeedName): Promise<number | undefined> {
  const base = store.feeds().get(feed)?.base.seq;
  const run = base === 0 ? await store.read(feed, 1, 1) : undefined;
  const entry = run && decodeEntry(feed, run.from, run.entries[0]!);
  return entry?.kind === INCARNATION_KIND ? (entry.body as IncarnationBody).seq : undefined;
}
