/**
 * What a session sends: small messages, then acks, then slices of feeds, one message at a time, one loop.
 *
 * Guarantees: each slice asks again whether the peer may have it and lacks it, so a grant taken away stops the flow at once;
 * feeds take turns, and the rest of the program has its own after TURN_BYTES; an ack says what is on disk and is coalesced per
 * feed; what goes out is what the writer signed, cut at its signatures.
 *
 * A peer that is level is sent a commit as the store tells of it, without reading it back. Runs that have to wait for their turn
 * are kept for that, FRESH_RUNS_MAX at most; whatever is not kept is looked for among the recent runs of all peers, then read.
 *
 * An entry that cannot be read back stands in the way of its own feed only: the program and the peer are told, the other feeds go on.
 *
 * A feed is never sent to its own writer: one that lacks its own entries must hear of it (fork-talk.ts), not have them back.
 */
import type { CheckpointTalk, ChosenCheckpoint } from './checkpoint-talk.ts';
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
/** Entries sent before the rest of the program has its turn. */
export const TURN_BYTES = 16 * 1024;
/** Runs just committed that wait for their turn, each of SLICE_BYTES at most; the others are read from the store. */
export const FRESH_RUNS_MAX = 16;
/** Ranks of collections that go between two parts of a checkpoint: the registry, orders and receipts. */
const URGENT_RANKS = 2;
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
  readonly #fresh = new Map<FeedName, Run>();
  /** Feeds with an entry that cannot be read back: not tried again in this session. */
  readonly #damaged = new Set<FeedName>();
  /** Collections whose checkpoint a keeper is to have, once nothing else is left to send. */
  readonly #pushes = new Set<Collection>();
  #turnBytes = 0;
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

  /** Called when the peer may lack something of this feed; `fresh` is what was just added to it. */
  offer(feed: FeedName, fresh?: Run): void {
    this.#queue.add(feed);
    if (fresh && this.#fresh.size < FRESH_RUNS_MAX && bytesOf(fresh) <= SLICE_BYTES)
      this.#fresh.set(feed, fresh);
    void this.#pump();
  }

  /** Called when the peer keeps checkpoints and there is a newer one here. */
  push(collection: Collection): void {
    this.#pushes.add(collection);
    void this.#pump();
  }

  close(): void {
    this.#closed = true;
    this.#outbox.length = 0;
    this.#acks.clear();
    this.#queue.clear();
    this.#fresh.clear();
    this.#pushes.clear();
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
        if (feed) await this.#sendTurn(feed);
        else if (this.#pushes.size > 0) await this.#sendPushed();
        else break;
      }
    } catch (error) {
      this.#ports.fail(error);
    } finally {
      this.#busy = false;
    }
  }

  async #sendTurn(feed: FeedName): Promise<void> {
    const fresh = this.#fresh.get(feed);
    this.#fresh.delete(feed);
    this.#turnBytes += await this.#sendSlice(feed, fresh);
    if (this.#turnBytes >= TURN_BYTES) await this.#yield();
  }

  #nextAck(): ReplicationMessage | undefined {
    for (const [feed, seq] of this.#acks) {
      this.#acks.delete(feed);
      return { type: 'ack', feed, seq };
    }
    return undefined;
  }

  async #yield(): Promise<void> {
    this.#turnBytes = 0;
    await this.#context.clock.yield();
  }

  /** Bytes of the entries that were sent. */
  async #sendSlice(feed: FeedName, fresh: Run | undefined): Promise<number> {
    const from = this.#nextToSend(feed);
    if (from === undefined) return 0;
    // A peer that lacks nothing but what was just added needs no checkpoint, and no reading.
    if (fresh?.from === from && fits(fresh, this.#endOf(feed))) return this.#send(fresh);
    if (await this.#sendCheckpoint(feed, from)) return 0;
    const base = this.#context.store.feeds().get(feed)?.base.seq ?? 0;
    if (from <= base) {
      this.say({ type: 'alarm', code: 'FEED_PRUNED', detail: `${feed} begins at ${base + 1} here` });
      return 0;
    }
    const run = await this.#read(feed, from).catch((error: unknown) => this.#giveUp(feed, error));
    return run ? this.#send(run) : 0;
  }

  #giveUp(feed: FeedName, error: unknown): undefined {
    if (!(error instanceof FeedError) || error.code !== 'STORE_CORRUPT') throw error;
    this.#damaged.add(feed);
    this.#context.report({ type: 'storeDamaged', peer: this.#ports.peer, cause: error });
    this.say({ type: 'alarm', code: error.code, detail: error.message });
  }

  async #send(run: Run): Promise<number> {
    const { feed, from, entries, signature } = run;
    await this.#ports.channel.send({ type: 'entries', feed, from, entries, signature });
    this.#ports.apply({ type: 'sent', feed, seq: from + entries.length - 1 });
    if (this.#nextToSend(feed) !== undefined) this.#queue.add(feed);
    return bytesOf(run);
  }

  /** The first entry the peer has not been sent, if there is one it may have and can use. */
  #nextToSend(feed: FeedName): number | undefined {
    const { self } = this.#context;
    const collection = collectionOf(feed);
    if (this.#damaged.has(feed)) return undefined;
    if (!this.#ports.shared(collection) || !isSettled(this.#ports.state(), familyOf(collection)))
      return undefined;
    const writer = writerOf(feed);
    if (writer === this.#ports.peer || (writer === self && this.#context.isSuperseded())) return undefined;
    const from = (reachOf(this.#ports.state(), feed)?.sent ?? 0) + 1;
    return from <= this.#endOf(feed) ? from : undefined;
  }

  #endOf(feed: FeedName): number {
    return this.#context.summary.head(feed)?.seq ?? 0;
  }

  /** A slice that ends at a signature, fits a message, and does not pass the end of a revoked feed. */
  async #read(feed: FeedName, from: number): Promise<Run | undefined> {
    const { store, recent } = this.#context;
    const end = this.#endOf(feed);
    const known = recent.get(feed, from);
    // Short ones are only worth it at the end of a feed: before it, many of them make one slice.
    if (known && fits(known, end) && (lastSeq(known) === end || bytesOf(known) >= TURN_BYTES)) return known;
    const slice = await store.read(feed, from, SLICE_BYTES);
    if (slice && fits(slice, end)) recent.put(slice);
    if (!slice || fits(slice, end)) return slice;
    const shortest = await store.read(feed, from, 1);
    return shortest && fits(shortest, end) ? shortest : undefined;
  }

  async #sendCheckpoint(feed: FeedName, from: number): Promise<boolean> {
    const sent = (each: FeedName): number => reachOf(this.#ports.state(), each)?.sent ?? 0;
    const chosen = await this.#ports.checkpoints.choose(collectionOf(feed), from, feed, sent);
    if (!chosen) return false;
    await this.#sendParts(chosen);
    for (const [each, head] of chosen.vector) this.#ports.apply({ type: 'sent', feed: each, seq: head.seq });
    for (const each of this.#context.summary.feedsOf(collectionOf(feed))) this.#queue.add(each);
    return true;
  }

  async #sendPushed(): Promise<void> {
    const [collection] = this.#pushes;
    if (collection === undefined) return;
    this.#pushes.delete(collection);
    const chosen = this.#ports.shared(collection) && (await this.#ports.checkpoints.forShelf(collection));
    if (chosen) await this.#sendParts(chosen);
  }

  /** A checkpoint may be long: what is urgent goes between its parts. */
  async #sendParts({ parts }: ChosenCheckpoint): Promise<void> {
    for (const part of parts) {
      let message = this.#outbox.shift() ?? this.#nextAck();
      for (; message && !this.#closed; message = this.#outbox.shift() ?? this.#nextAck()) {
        await this.#ports.channel.send(message);
      }
      const urgent = this.#queue.take(URGENT_RANKS);
      if (urgent) await this.#sendTurn(urgent);
      if (this.#closed) return;
      await this.#ports.channel.send(part);
      await this.#yield();
    }
  }
}

function fits(run: Run, end: number): boolean {
  if (lastSeq(run) > end || run.entries.length > MESSAGE_ENTRIES_MAX) return false;
  return bytesOf(run) <= RUN_BYTES_MAX;
}

function bytesOf(run: Run): number {
  return run.entries.reduce((bytes, entry) => bytes + entry.byteLength, 0);
}
