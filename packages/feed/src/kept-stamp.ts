/**
 * What a store proves about the stamps of its device: where a clock goes on that was not closed in order.
 *
 *     lastStamp   the greatest stamp in the feeds of some writers: cover for a lost clock bound
 *     keptStamp   the greatest stamp of all that they have written, or taken for the time from others
 *
 * Guarantees: `keptStamp` is undefined where the store proves nothing, because a checkpoint stands in for the end of an own feed.
 * Does not: know that a store was put back from a backup. Then it proves nothing either, and whoever knows must not ask.
 */
import { type Stamp, stampMs, ZERO_STAMP } from 'hlc-ts';
import { decodeEntry } from './entry.ts';
import { writerOf } from './feed-name.ts';
import type { FeedState, FeedStore, WriterId } from './types.ts';

export async function lastStamp(store: FeedStore, writers: readonly WriterId[]): Promise<Stamp> {
  return await greatest(store, feedsOf(store, writers));
}

/** Called once, after a crash. Stamps of others beyond `latestMs` were never taken for the time. */
export async function keptStamp(
  store: FeedStore,
  writers: readonly WriterId[],
  latestMs: number,
): Promise<Stamp | undefined> {
  const own = feedsOf(store, writers);
  if (own.length === 0 || own.some(({ head, base }) => head.seq === base.seq)) {
    return undefined;
  }
  const [ours, all] = [await greatest(store, own), await greatest(store, store.feeds().values(), latestMs)];
  return ours > all ? ours : all;
}

function feedsOf(store: FeedStore, writers: readonly WriterId[]): FeedState[] {
  return [...store.feeds().values()].filter(({ feed }) => writers.includes(writerOf(feed)));
}

async function greatest(
  store: FeedStore,
  feeds: Iterable<FeedState>,
  latestMs = Number.POSITIVE_INFINITY,
): Promise<Stamp> {
  let last: Stamp = ZERO_STAMP;
  for (const { feed, head, base } of feeds) {
    const run = head.seq > base.seq ? await store.read(feed, head.seq, 1) : undefined;
    const bytes = run?.entries.at(-1);
    const stamp = bytes === undefined ? last : decodeEntry(feed, head.seq, bytes).hlc;
    last = stamp > last && stampMs(stamp) <= latestMs ? stamp : last;
  }
  return last;
}
