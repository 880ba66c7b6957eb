/**
 * What the documents of a collection may claim to hold: for each feed the last entry up to which every change is applied.
 *
 * A change whose predecessors have not arrived waits outside of its document. The claim stops before the first such entry of each
 * writer, or whoever takes the checkpoint would never be sent it.
 */
import {
  type Collection,
  decodeEntry,
  type FeedName,
  type FeedStore,
  feedName,
  type Head,
  headAfter,
  type WriterId,
} from '@branchline/feed';

/** Bytes read at a time while looking for a waiting change. */
const READ_BYTES = 256 * 1024;

/** A change that is stored and not in its document. */
export interface UnappliedChange {
  readonly writer: WriterId;
  readonly doc: string;
  readonly bytes: Uint8Array;
}

/** Where each feed of a collection ends now. */
export function headsOf(store: FeedStore, collection: Collection): Map<FeedName, Head> {
  const heads = new Map<FeedName, Head>();
  for (const { feed, head } of store.feeds().values()) {
    if (head.seq > 0 && feed.slice(0, feed.lastIndexOf('/')) === collection) {
      heads.set(feed, head);
    }
  }
  return heads;
}

/** `heads` without what comes from the first unapplied change of each writer on; `known` are heads applied for certain. */
export async function appliedHeads(options: {
  readonly store: FeedStore;
  readonly collection: Collection;
  readonly heads: ReadonlyMap<FeedName, Head>;
  readonly known: ReadonlyMap<FeedName, Head>;
  readonly unapplied: readonly UnappliedChange[];
}): Promise<Map<FeedName, Head>> {
  const { store, collection, known, unapplied } = options;
  const applied = new Map(options.heads);
  for (const writer of new Set(unapplied.map((change) => change.writer))) {
    const feed = feedName(collection, writer);
    const head = applied.get(feed);
    const base = store.feeds().get(feed)?.base;
    if (head === undefined || base === undefined) {
      continue;
    }
    const earlier = known.get(feed);
    const from = earlier !== undefined && earlier.seq > base.seq ? earlier : base;
    const own = unapplied.filter((change) => change.writer === writer);
    const last = await lastBefore(store, feed, from, head.seq, own);
    if (last.seq === 0) {
      applied.delete(feed);
    } else {
      applied.set(feed, last);
    }
  }
  return applied;
}

async function lastBefore(
  store: FeedStore,
  feed: FeedName,
  from: Head,
  to: number,
  unapplied: readonly UnappliedChange[],
): Promise<Head> {
  let head = from;
  while (head.seq < to) {
    const run = await store.read(feed, head.seq + 1, READ_BYTES);
    if (run === undefined) {
      break;
    }
    for (const bytes of run.entries.slice(0, to - head.seq)) {
      if (isOneOf(unapplied, decodeEntry(feed, head.seq + 1, bytes).body)) {
        return head;
      }
      head = headAfter(head, [bytes]);
    }
  }
  return head;
}

function isOneOf(unapplied: readonly UnappliedChange[], body: unknown): boolean {
  const { doc, change } = body as { doc?: unknown; change?: unknown };
  return unapplied.some(
    (each) => each.doc === doc && change instanceof Uint8Array && Buffer.compare(each.bytes, change) === 0,
  );
}
