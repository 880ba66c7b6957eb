/**
 * Checkpoints of one session: whether to send one instead of entries, and taking one in.
 *
 * The sender picks what is fewer bytes for this peer: the entries it lacks, estimated, or the checkpoint's documents. When the
 * entries are pruned there is nothing to pick. Each collection is considered once per session, unless pruning asks.
 *
 * Guarantees: one incoming checkpoint at a time per peer; its documents are durable with the sink before a feed is adopted;
 * a feed that is already further here is left alone.
 */
import { CheckpointAssembly, type CheckpointOffer, checkpointParts } from './checkpoint-transfer.ts';
import { FeedError } from './errors.ts';
import type { ReplicationContext } from './replication-context.ts';
import type { CheckpointMessage } from './replication-messages.ts';
import type { Collection, FeedName, Head } from './types.ts';

/** What one entry of a document collection costs on the wire, compressed, measured on stock and loyalty changes. */
export const ENTRY_BYTES_ESTIMATE = 130;

type TalkContext = Pick<ReplicationContext, 'store' | 'registry' | 'tenant' | 'source' | 'sink'>;

export interface ChosenCheckpoint {
  readonly vector: ReadonlyMap<FeedName, Head>;
  readonly parts: Iterable<CheckpointMessage>;
}

export interface AppliedCheckpoint {
  readonly collection: Collection;
  readonly bytes: number;
  readonly covered: readonly (readonly [FeedName, number])[];
}

export class CheckpointTalk {
  readonly #context: TalkContext;
  readonly #considered = new Set<Collection>();
  #assembly: CheckpointAssembly | undefined;

  constructor(context: TalkContext) {
    this.#context = context;
  }

  /** A checkpoint to send before `feed` goes on at `from`, or undefined when entries are the better way. */
  async choose(
    collection: Collection,
    from: number,
    feed: FeedName,
    sent: (feed: FeedName) => number,
  ): Promise<ChosenCheckpoint | undefined> {
    const { source, store } = this.#context;
    const pruned = from <= (store.feeds().get(feed)?.base.seq ?? 0);
    if (!source || (this.#considered.has(collection) && !pruned)) return undefined;
    this.#considered.add(collection);
    const offer = await source.offer(collection);
    if (!offer || (!pruned && !isCheaper(offer, sent))) return undefined;
    const checkpoint = await source.load(collection, offer.id);
    if (!checkpoint || (checkpoint.vector.get(feed)?.seq ?? 0) < from) return undefined;
    return { vector: checkpoint.vector, parts: checkpointParts(checkpoint) };
  }

  /** Undefined while parts are missing. */
  async receive(message: CheckpointMessage): Promise<AppliedCheckpoint | undefined> {
    const { registry, tenant, sink, store } = this.#context;
    if (!sink) throw new FeedError('CHECKPOINT_INVALID', 'no documents are kept here');
    if (message.part === 0) {
      this.#assembly = new CheckpointAssembly(tenant, (writer) => registry.mayVouch(writer), message);
    }
    const assembly = this.#assembly;
    if (!assembly) throw new FeedError('CHECKPOINT_INVALID', 'a checkpoint begins with its first part');
    const checkpoint = assembly.take(message);
    if (!checkpoint) return undefined;
    this.#assembly = undefined;
    const { collection } = checkpoint;
    const ahead = [...checkpoint.vector].filter(
      ([feed, head]) => head.seq > (store.feeds().get(feed)?.head.seq ?? 0),
    );
    if (ahead.some(([feed]) => !feed.startsWith(`${collection}/`))) {
      throw new FeedError('CHECKPOINT_INVALID', `the checkpoint of ${collection} speaks about other feeds`);
    }
    if (ahead.length > 0) await sink.apply(checkpoint);
    for (const [feed, head] of ahead) await store.adopt(feed, head);
    const covered = [...checkpoint.vector].map(([feed, head]) => [feed, head.seq] as const);
    return { collection, bytes: assembly.bytes, covered };
  }
}

function isCheaper(offer: CheckpointOffer, sent: (feed: FeedName) => number): boolean {
  let entries = 0;
  for (const [feed, head] of offer.vector) entries += Math.max(0, head.seq - sent(feed));
  return offer.bytes < entries * ENTRY_BYTES_ESTIMATE;
}
