/**
 * What a session sends: small messages, then acks, then slices of feeds, one message at a time, one loop.
 *
 * Guarantees: each slice asks again whether the peer may have it and lacks it, so a grant taken away stops the flow at once;
 * between slices other feeds and the rest of the program have their turn; an ack says what is on disk and is coalesced per
 * feed; what goes out is what the writer signed, cut at its signatures.
 *
 * A feed is never sent to its own writer: one that lacks its own entries must hear of it (fork-talk.ts), not have them back.
 */
import type { CheckpointTalk } from './checkpoint-talk.ts';
import { familyOf } from './collections.ts';
import { FeedError } from './errors.ts';
import { collectionOf, writerOf } from './feed-name.ts';
import { FeedQueue } from './feed-queue.ts';
import { RUN_BYTES_MAX } from './reception.ts';
import type { ReplicationContext } from './replication-context.ts';
import type { PeerChannel, ReplicationMessage } from './replication-messages.ts';
import { isSettled, type ReplicationEvent, type ReplicationState, reachOf } from './replication-state.ts';
import { lastSeq } from './run.ts';
import type { Collection, FeedName, Run, WriterId } from './types.ts';

/** Messages ours to send besides entries, acks and checkpoints. */
export const OUTBOX_MAX = 256;
/** Entries sent before another feed has its turn. */
export const SLICE_BYTES = 64 * 1024;
/** Entries in one message: what a frame takes. */
export const MESSAGE_ENTRIES_MAX = 4096;

export interface OutflowPorts {
  readonly peer: WriterId;
  readonly channel: PeerChannel;
  readonly checkpoints: CheckpointTalk;
  readonly state: () => ReplicationState;
  readonly apply: (event: ReplicationEvent) => void;
  readonly shared: (collection: Collection) => boolean;
  readonly fail: (error: unknown) => void;
}

export class Outflow {
  readonly #context: ReplicationContext;
  readonly #ports: OutflowPorts;
  readonly #outbox: ReplicationMessage[] = [];
  readonly #acks = new Map<FeedName, number>();
  readonly #queue = new FeedQueue();
  #busy = false;
  #closed = false;

  constructor(context: ReplicationContext, ports: OutflowPorts) {
    this.#context = context;
    this.#ports = ports;
  }

  say(message: ReplicationMessage): void {
    if (this.#closed) return;
    if (this.#outbox.length >= OUTBOX_MAX) {
      this.#ports.fail(new FeedError('FEED_LIMIT', `the peer leaves ${OUTBOX_MAX} messages unread`));
      return;
    }
    this.#outbox.push(message);
    void this.#pump();
  }

  /** Called when entries up to `seq` are on disk. */
  ack(feed: FeedName, seq: number): void {
    this.#acks.set(feed, seq);
    void this.#pump();
  }

  /** Called when the peer may lack something of this feed. */
  offer(feed: FeedName): void {
    this.#queue.add(feed);
    void this.#pump();
  }

  close(): void {
    this.#closed = true;
    this.#outbox.length = 0;
    this.#acks.clear();
    this.#queue.clear();
  }

  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (!this.#closed) {
        const message = this.#outbox.shift() ?? this.#nextAck();
        if (message) {
          await this.#ports.channel.send(message);
          continue;
        }
        const feed = this.#queue.take();
        if (!feed) break;
        if (await this.#sendSlice(feed)) await this.#context.clock.yield();
      }
    } catch (error) {
      this.#ports.fail(error);
    } finally {
      this.#busy = false;
    }
  }

  #nextAck(): ReplicationMessage | undefined {
    for (const [feed, seq] of this.#acks) {
      this.#acks.delete(feed);
      return { type: 'ack', feed, seq };
    }
    return undefined;
  }

  /** True when something was sent. */
  async #sendSlice(feed: FeedName): Promise<boolean> {
    const from = this.#nextToSend(feed);
    if (from === undefined) return false;
    if (await this.#sendCheckpoint(feed, from)) return true;
    const base = this.#context.store.feeds().get(feed)?.base.seq ?? 0;
    if (from <= base) {
      this.say({ type: 'alarm', code: 'FEED_PRUNED', detail: `${feed} begins at ${base + 1} here` });
      return false;
    }
    const run = await this.#read(feed, from);
    if (!run) return false;
    const { entries, signature } = run;
    await this.#ports.channel.send({ type: 'entries', feed, from, entries, signature });
    this.#ports.apply({ type: 'sent', feed, seq: from + entries.length - 1 });
    if (this.#nextToSend(feed) !== undefined) this.#queue.add(feed);
    return true;
  }

  /** The first entry the peer has not been sent, if there is one it may have and can use. */
  #nextToSend(feed: FeedName): number | undefined {
    const { summary, self } = this.#context;
    const collection = collectionOf(feed);
    if (!this.#ports.shared(collection) || !isSettled(this.#ports.state(), familyOf(collection)))
      return undefined;
    const writer = writerOf(feed);
    if (writer === this.#ports.peer || (writer === self && this.#context.isSuperseded())) return undefined;
    const from = (reachOf(this.#ports.state(), feed)?.sent ?? 0) + 1;
    return from <= (summary.head(feed)?.seq ?? 0) ? from : undefined;
  }

  /** A slice that ends at a signature, fits a message, and does not pass the end of a revoked feed. */
  async #read(feed: FeedName, from: number): Promise<Run | undefined> {
    const { store, summary } = this.#context;
    const end = summary.head(feed)?.seq ?? 0;
    const slice = await store.read(feed, from, SLICE_BYTES);
    if (!slice || fits(slice, end)) return slice;
    const shortest = await store.read(feed, from, 1);
    return shortest && fits(shortest, end) ? shortest : undefined;
  }

  async #sendCheckpoint(feed: FeedName, from: number): Promise<boolean> {
    const sent = (each: FeedName): number => reachOf(this.#ports.state(), each)?.sent ?? 0;
    const chosen = await this.#ports.checkpoints.choose(collectionOf(feed), from, feed, sent);
    if (!chosen) return false;
    for (const part of chosen.parts) {
      if (this.#closed) return true;
      await this.#ports.channel.send(part);
      await this.#context.clock.yield();
    }
    for (const [each, head] of chosen.vector) this.#ports.apply({ type: 'sent', feed: each, seq: head.seq });
    for (const each of this.#context.summary.feedsOf(collectionOf(feed))) this.#queue.add(each);
    return true;
  }
}

function fits(run: Run, end: number): boolean {
  if (lastSeq(run) > end || run.entries.length > MESSAGE_ENTRIES_MAX) return false;
  return run.entries.reduce((bytes, entry) => bytes + entry.byteLength, 0) <= RUN_BYTES_MAX;
}
