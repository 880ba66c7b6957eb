/**
 * Checkpoints of one session: whether to send one instead of entries, what a keeper is sent, and taking one in.
 *
 * The sender picks what is fewer bytes for this peer: the entries it lacks, as the index measures them, or the checkpoint's
 * documents. When the entries are pruned there is nothing to pick. Each collection is considered once per session, unless
 * pruning asks. A peer that does not say it takes checkpoints, or that refused this one before, gets entries.
 *
 * A keeper (a relay) gets the entries all the same: others will ask it for a few of them. It says what is on its shelf and is sent what is newer, when nothing else is left
 * to send.
 *
 * Guarantees: one incoming checkpoint at a time per peer; nothing is changed by one that is refused; its documents are durable
 * with the sink before a feed is adopted; a feed that is already further here is left alone.
 */
import { type AdmissionContext, feedsAhead } from './checkpoint-admission.ts';
import { CheckpointAssembly, type CheckpointOffer, checkpointParts } from './checkpoint-transfer.ts';
import { FeedError } from './errors.ts';
import { isPrunable } from './prune.ts';
import type { ReplicationContext } from './replication-context.ts';
import type { CheckpointMessage, ShelfMessage } from './replication-messages.ts';
import type { Collection, FeedName, Head } from './types.ts';

/**
 * Bytes on the wire per byte of entries, deflated in batches: measured on price edits. Imports, whose changes are deflated
 * already, come nearer to 1, so an estimate by this errs towards entries.
 */
export const ENTRY_WIRE_SHARE = 0.35;
/** Checkpoints a keeper names in one message. */
export const SHELF_HELD_MAX = 4096;

type TalkContext = Pick<ReplicationContext, 'registry' | 'tenant' | 'source' | 'sink'> & AdmissionContext;

export interface TalkPeer {
  /** True when the peer said that it takes checkpoints. */
  readonly takes: boolean;
  /** True when it forwards entries and checkpoints to others. */
  readonly keeps: boolean;
  /** True for a checkpoint this peer has refused before. */
  hasDeclined(id: string): boolean;
}

export interface ChosenCheckpoint {
  readonly id: string;
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
  readonly #peer: TalkPeer;
  readonly #considered = new Set<Collection>();
  /** Ids sent in this session. */
  readonly sent = new Set<string>();
  #shelf: Map<string, number> | undefined;
  #assembly: CheckpointAssembly | undefined;

  constructor(context: TalkContext, peer: TalkPeer) {
    this.#context = context;
    this.#peer = peer;
  }

  /** A checkpoint to send before `feed` goes on at `from`, or undefined when entries are the better way. */
  async choose(
    collection: Collection,
    from: number,
    feed: FeedName,
    sent: (feed: FeedName) => number,
  ): Promise<ChosenCheckpoint | undefined> {
    const { source, store } = this.#context;
    if (!source || !this.#peer.takes || !isPrunable(collection)) return undefined;
    const pruned = from <= (store.feeds().get(feed)?.base.seq ?? 0);
    if (this.#considered.has(collection) && !pruned) return undefined;
    this.#considered.add(collection);
    if (this.#peer.keeps && !pruned) return undefined;
    const offer = await source.offer(collection, pruned ? { feed, from } : undefined);
    if (!offer) return undefined;
    // The whole collection is weighed, whichever of its feeds comes first; a pruned one must be in it.
    const helps = pruned ? (offer.vector.get(feed)?.seq ?? 0) >= from : await this.#isCheaper(offer, sent);
    if (!helps) return undefined;
    return this.#load(collection, offer.id);
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
    const ahead = await feedsAhead(this.#context, checkpoint);
    if (ahead.length > 0 || sink.held) await sink.apply(checkpoint);
    for (const [feed, head] of ahead) await store.adopt(feed, head);
    const covered = [...checkpoint.vector].map(([feed, head]) => [feed, head.seq] as const);
    return { collection, bytes: assembly.bytes, covered };
  }

  /** What is kept here, for a peer that may hold newer ones; undefined when this device keeps none for others. */
  announcement(shared: (collection: Collection) => boolean): ShelfMessage | undefined {
    const { sink } = this.#context;
    if (!sink?.held || !this.#peer.takes) return undefined;
    const held = sink.held().filter(({ collection }) => shared(collection));
    return {
      type: 'shelf',
      held: held.slice(0, SHELF_HELD_MAX).map(({ collection, id, entries }) => [collection, id, entries]),
    };
  }

  /** The peer is a keeper and holds this. */
  heard({ held }: ShelfMessage): void {
    this.#shelf = new Map(
      held.slice(0, SHELF_HELD_MAX).map(([collection, , entries]) => [collection, entries]),
    );
  }

  /** Collections of which the peer, a keeper, would have something newer from here. */
  newerThanShelf(): Collection[] {
    const shelf = this.#shelf;
    if (shelf === undefined || !this.#peer.takes) return [];
    const marks = this.#context.source?.marks?.() ?? [];
    const newer = marks.filter(({ collection, entries }) => entries > (shelf.get(collection) ?? 0));
    return [...new Set(newer.map(({ collection }) => collection))];
  }

  async forShelf(collection: Collection): Promise<ChosenCheckpoint | undefined> {
    const offer = await this.#context.source?.offer(collection);
    if (!offer) return undefined;
    let entries = 0;
    for (const { seq } of offer.vector.values()) entries += seq;
    if (entries <= (this.#shelf?.get(collection) ?? 0)) return undefined;
    this.#shelf?.set(collection, entries);
    return this.#load(collection, offer.id);
  }

  async #load(collection: Collection, id: string): Promise<ChosenCheckpoint | undefined> {
    if (this.#peer.hasDeclined(id)) return undefined;
    const checkpoint = await this.#context.source?.load(collection, id);
    if (!checkpoint) return undefined;
    this.sent.add(id);
    return { id, vector: checkpoint.vector, parts: checkpointParts(checkpoint) };
  }

  async #isCheaper(offer: CheckpointOffer, sent: (feed: FeedName) => number): Promise<boolean> {
    const enough = offer.bytes / ENTRY_WIRE_SHARE;
    let bytes = 0;
    for (const [feed, head] of offer.vector) {
      const from = sent(feed) + 1;
      bytes += await this.#context.store.bytesOf(feed, from, head.seq, enough - bytes);
      if (bytes > enough) return true;
    }
    return false;
  }
}
