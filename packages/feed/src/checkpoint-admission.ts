/**
 * May a checkpoint stand in for entries here? Asked before a document is opened or a feed adopted.
 *
 * The signature says that somebody who may vouch made it. That is not enough: a relay may vouch, and still nobody may replace
 * what was sold, admit a device, speak for a feed beyond its revocation, or know more of our own feed than we do.
 *
 * Guarantees: `CHECKPOINT_INVALID` and nothing changed, or the feeds in which it is ahead of what is held. Where it is not
 * ahead, its hashes are ours.
 */
import type { Checkpoint } from './checkpoint-transfer.ts';
import { FeedError } from './errors.ts';
import { collectionOf, parseFeedName, writerOf } from './feed-name.ts';
import { isPrunable } from './prune.ts';
import type { Registry } from './registry.ts';
import type { FeedName, FeedStore, Head, WriterId } from './types.ts';

export interface AdmissionContext {
  readonly store: FeedStore;
  readonly registry: Pick<Registry, 'mayWrite'>;
  readonly self: WriterId;
  readonly isForked: (feed: FeedName) => boolean;
}

/** The feeds it would take further than they are. */
export async function feedsAhead(
  context: AdmissionContext,
  checkpoint: Pick<Checkpoint, 'collection' | 'id' | 'vector'>,
): Promise<[FeedName, Head][]> {
  const { store } = context;
  const { collection, vector } = checkpoint;
  if (!isPrunable(collection)) throw invalid(checkpoint, 'stands in for what is never pruned');
  const ahead: [FeedName, Head][] = [];
  for (const [feed, head] of vector) {
    const fault = feedFault(context, collection, feed, head);
    if (fault !== undefined) throw invalid(checkpoint, fault);
    if (head.seq > (store.feeds().get(feed)?.head.seq ?? 0)) ahead.push([feed, head]);
  }
  const behind = [...vector].filter(([feed, { seq }]) => seq > 0 && !ahead.some(([each]) => each === feed));
  for (const [feed, head] of behind) {
    // Adopting what is held changes nothing and compares the hash.
    await store.adopt(feed, head).catch((cause: unknown) => {
      throw cause instanceof FeedError && cause.code === 'FEED_FORK'
        ? invalid(checkpoint, `knows another history of ${feed}`, cause)
        : cause;
    });
  }
  return ahead;
}

function feedFault(
  { store, registry, self, isForked }: AdmissionContext,
  collection: string,
  feed: FeedName,
  head: Head,
): string | undefined {
  try {
    parseFeedName(feed);
  } catch {
    return `speaks of ${JSON.stringify(feed)}, which is no feed`;
  }
  if (collectionOf(feed) !== collection) return `speaks about ${feed}, of another collection`;
  const held = store.feeds().get(feed)?.head.seq ?? 0;
  if (head.seq <= held) return undefined;
  const writer = writerOf(feed);
  if (writer === self) return `knows ${head.seq} entries of our own feed, we wrote ${held}`;
  if (isForked(feed)) return `goes on with ${feed}, which was written twice`;
  return registry.mayWrite(writer, feed, head.seq)
    ? undefined
    : `counts entry ${head.seq} of ${feed}, which its writer may not have written`;
}

function invalid(
  checkpoint: Pick<Checkpoint, 'collection' | 'id'>,
  fault: string,
  cause?: unknown,
): FeedError {
  const words = `checkpoint ${checkpoint.id} of ${checkpoint.collection} ${fault}`;
  return new FeedError('CHECKPOINT_INVALID', words, cause === undefined ? {} : { cause });
}
