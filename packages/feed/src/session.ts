/**
 * One peer, while its connection lives: the shell around replication-state.ts.
 *
 *     receive ──> inbox ──(one loop)──> state, reception, forks, checkpoints ──> outbox, acks, feed queue
 *                                                                                        │
 *     channel.send <──────────────────(one loop, the pump)──────────────────────────────┘
 *
 * Guarantees: the loops never wait for each other, so two peers that both have much to say cannot lock up; messages take
 * effect in order; an ack leaves only after the entries are on disk; each slice asks again whether the peer may read the
 * feed; between slices the event loop gets its turn. Memory per peer: INBOX_BYTES_MAX unread, HELD_BYTES_MAX held for the
 * registry, OUTBOX_MAX small messages, one slice on its way, one checkpoint.
 *
 * Whoever has to drop something ends the session: the next one starts from exact vectors.
 *
 * Does not: dial, authenticate or compress.
 */
import { CheckpointTalk } from './checkpoint-talk.ts';
import { familyOf, LOCAL_COLLECTION, REGISTRY_COLLECTION } from './collections.ts';
import { FeedError } from './errors.ts';
import { collectionOf, parseFeedName, writerOf } from './feed-name.ts';
import { FeedQueue } from './feed-queue.ts';
import { HASH_PREFIX_BYTES } from './feed-summary.ts';
import { ForkTalk } from './fork-talk.ts';
import { Reception, RUN_BYTES_MAX, type Taken } from './reception.ts';
import type { ReplicationContext } from './replication-context.ts';
import type {
  EntriesMessage,
  PeerChannel,
  ReplicationMessage,
  SuccessorMessage,
} from './replication-messages.ts';
import {
  idle,
  isSettled,
  type ReplicationEffect,
  type ReplicationEvent,
  type ReplicationPhase,
  type ReplicationState,
  reachOf,
  type Summary,
  step,
} from './replication-state.ts';
import type { Collection, FeedName, Head, Run, WriterId } from './types.ts';

/** Unread messages of one peer; beyond it `receive` makes the connection wait. */
export const INBOX_BYTES_MAX = 2 * 1024 * 1024;
/** Messages ours to send besides entries, acks and checkpoints. */
export const OUTBOX_MAX = 256;
/** Entries sent before another feed has its turn. */
export const SLICE_BYTES = 64 * 1024;
/** Entries taken into one commit. */
export const BATCH_BYTES_MAX = 1024 * 1024;
export const BATCH_MESSAGES_MAX = 256;
/** Messages no honest peer sends, before the session ends. */
export const STRIKES_MAX = 16;
/** Feeds of one peer whose position is remembered. */
export const FEEDS_MAX = 32_768;
/** Entries in one message: what a frame takes. */
export const MESSAGE_ENTRIES_MAX = 4096;

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

export class Session {
  readonly peer: WriterId;
  /** Resolves with a code when the session is over. */
  readonly done: Promise<string>;
  readonly #context: ReplicationContext;
  readonly #channel: PeerChannel;
  readonly #reception: Reception;
  readonly #forks: ForkTalk;
  readonly #checkpoints: CheckpointTalk;
  readonly #inbox: ReplicationMessage[] = [];
  readonly #outbox: ReplicationMessage[] = [];
  readonly #acks = new Map<FeedName, number>();
  readonly #queue = new FeedQueue();
  readonly #sharing = new Map<Collection, boolean>();
  #state: ReplicationState;
  #inboxBytes = 0;
  #lastContactMs: number;
  #refused = 0;
  #strikes = 0;
  #inboxBusy = false;
  #pumpBusy = false;
  #room: (() => void)[] = [];
  /** How things stood when the session ended. */
  #final: PeerProgress | undefined;
  #cause: unknown;
  #finish: (code: string) => void = () => undefined;

  constructor(context: ReplicationContext, channel: PeerChannel, peer: WriterId) {
    this.peer = peer;
    this.#context = context;
    this.#channel = channel;
    this.#state = idle(peer);
    this.#lastContactMs = context.clock.nowMs();
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const shared = (collection: Collection): boolean => this.#shared(collection);
    this.#reception = new Reception(context, shared);
    this.#forks = new ForkTalk(context, {
      peer,
      shared,
      say: (message) => this.say(message),
      strike: (feed, code) => this.#strike(feed, code),
    });
    this.#checkpoints = new CheckpointTalk(context);
  }

  /** Called once, by the replicator, when the session is known to it. */
  start(): void {
    this.#apply({ type: 'open', mine: this.#summary() });
  }

  /** What ended the session, where it was an error. */
  get cause(): unknown {
    return this.#cause;
  }

  get phase(): ReplicationPhase {
    return this.#state.phase;
  }

  /** Called by the connection with each message; waits while the inbox is full. */
  async receive(message: ReplicationMessage): Promise<void> {
    if (this.#state.phase === 'closed') return;
    this.#lastContactMs = this.#context.clock.nowMs();
    if (this.#inboxBytes > 2 * INBOX_BYTES_MAX) {
      this.close('FEED_LIMIT');
      return;
    }
    this.#inbox.push(message);
    this.#inboxBytes += sizeOf(message);
    void this.#drain();
    if (this.#inboxBytes > INBOX_BYTES_MAX) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
  }

  /** Called to send something that is not about one feed's entries: a status, an alarm, a request. */
  say(message: ReplicationMessage): void {
    if (this.#state.phase === 'closed') return;
    if (this.#outbox.length >= OUTBOX_MAX) {
      this.close('FEED_LIMIT');
      return;
    }
    this.#outbox.push(message);
    void this.#pump();
  }

  /** Called by the replicator when a feed grew, whoever brought it. */
  feedMoved(feed: FeedName): void {
    if (!this.#shared(collectionOf(feed))) return;
    this.#queue.add(feed);
    void this.#pump();
  }

  /** Called by the replicator after each registry change: grants may have come or gone, held entries may be known now. */
  registryMoved(rescoped: boolean): void {
    if (this.#state.phase === 'closed') return;
    if (this.#context.registry.member(this.peer)?.revocation) {
      this.close('PEER_REVOKED');
      return;
    }
    const held = this.#reception.release();
    for (const message of held) this.#inboxBytes += sizeOf(message);
    this.#inbox.unshift(...held);
    if (held.length > 0) void this.#drain();
    if (rescoped) this.recompare();
  }

  /** Called when grants changed or an operator wants to know now. */
  recompare(): void {
    this.#sharing.clear();
    this.#apply({ type: 'rescoped', mine: this.#summary() });
  }

  progress(): PeerProgress {
    if (this.#state.phase === 'closed') return { ...this.#final!, phase: 'closed' };
    const feeds: FeedProgress[] = [];
    if (this.#state.phase !== 'idle') {
      const names = new Set<FeedName>();
      for (const known of this.#state.reaches.values()) for (const feed of known.keys()) names.add(feed);
      for (const collection of this.#context.summary.collections()) {
        if (!this.#shared(collection)) continue;
        for (const feed of this.#context.summary.feedsOf(collection)) names.add(feed);
      }
      for (const feed of names) feeds.push(this.#progressOf(feed));
    }
    const sum = (of: (feed: FeedProgress) => number): number =>
      feeds.reduce((total, feed) => total + of(feed), 0);
    return {
      peer: this.peer,
      phase: this.#state.phase,
      lastContactMs: this.#lastContactMs,
      missingHere: sum((feed) => feed.missingHere),
      missingThere: sum((feed) => feed.missingThere),
      refused: this.#refused,
      feeds,
    };
  }

  close(code: string): void {
    if (this.#state.phase === 'closed') return;
    this.#final = this.progress();
    this.#apply({ type: 'close', code });
    this.#inbox.length = 0;
    this.#inboxBytes = 0;
    this.#outbox.length = 0;
    this.#queue.clear();
    this.#letIn();
    this.#channel.close(code);
    this.#finish(code);
  }

  /** Only what both may read is compared, sent and accepted. */
  #shared(collection: Collection): boolean {
    const known = this.#sharing.get(collection);
    if (known !== undefined) return known;
    const { registry, self } = this.#context;
    const shared =
      familyOf(collection) !== LOCAL_COLLECTION &&
      (collection === REGISTRY_COLLECTION ||
        (registry.mayRead(self, collection) && registry.mayRead(this.peer, collection)));
    this.#sharing.set(collection, shared);
    return shared;
  }

  #summary(): Summary {
    return this.#context.summary.summary((collection) => this.#shared(collection));
  }

  #progressOf(feed: FeedName): FeedProgress {
    const here = this.#context.summary.head(feed)?.seq ?? 0;
    const has = reachOf(this.#state, feed)?.has ?? 0;
    return {
      feed,
      here,
      missingHere: Math.max(0, has - here),
      missingThere: writerOf(feed) === this.peer ? 0 : Math.max(0, here - has),
      ackedUpTo: Math.min(has, here),
    };
  }

  #apply(event: ReplicationEvent): void {
    const before = this.#state;
    const next = step(before, event);
    this.#state = next.state;
    this.#context.observe(before, event, next);
    for (const effect of next.effects) this.#act(effect);
  }

  #act(effect: ReplicationEffect): void {
    switch (effect.type) {
      case 'sendHave': {
        const digests = [...effect.mine].map(([family, { digest }]) => [family, digest] as const);
        this.say({ type: 'have', digests, reply: effect.reply });
        break;
      }
      case 'sendVector':
        this.say({ type: 'vector', collection: effect.family, feeds: positionsOf(effect.heads) });
        break;
      case 'settled':
        for (const family of effect.families) this.#queueFamily(family);
        void this.#pump();
        break;
      case 'live':
        this.#context.report({ type: 'peerLive', peer: this.peer });
        this.#forks.tellOwner();
        // Families neither side had anything in when digests were exchanged are settled now as well.
        for (const collection of this.#context.summary.collections()) this.#queueCollection(collection);
        void this.#pump();
        break;
      case 'diverged':
      case 'ownerBehind':
        this.#background(this.#forks.claim(effect.feed));
        break;
      default:
        effect satisfies never;
    }
  }

  #queueFamily(family: string): void {
    for (const collection of this.#context.summary.collections()) {
      if (familyOf(collection) === family) this.#queueCollection(collection);
    }
  }

  #queueCollection(collection: Collection): void {
    if (!this.#shared(collection)) return;
    for (const feed of this.#context.summary.feedsOf(collection)) {
      const head = this.#context.summary.head(feed);
      if (head && head.seq > (reachOf(this.#state, feed)?.sent ?? head.seq)) this.#queue.add(feed);
    }
  }

  // ---- what comes in -------------------------------------------------------------------------------------------

  async #drain(): Promise<void> {
    if (this.#inboxBusy) return;
    this.#inboxBusy = true;
    try {
      while (this.#inbox.length > 0 && this.#state.phase !== 'closed') {
        const message = this.#inbox[0]!;
        if (message.type === 'entries') {
          await this.#takeEntries(this.#nextBatch());
          await this.#context.clock.yield();
        } else {
          this.#inbox.shift();
          this.#consumed(message);
          await this.#take(message);
        }
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#inboxBusy = false;
    }
  }

  /** Entries that arrived one after another share a commit. */
  #nextBatch(): EntriesMessage[] {
    const batch: EntriesMessage[] = [];
    let bytes = 0;
    while (batch.length < BATCH_MESSAGES_MAX && bytes < BATCH_BYTES_MAX) {
      const message = this.#inbox[0];
      if (message?.type !== 'entries') break;
      this.#inbox.shift();
      this.#consumed(message);
      bytes += sizeOf(message);
      batch.push(message);
    }
    return batch;
  }

  #consumed(message: ReplicationMessage): void {
    this.#inboxBytes = Math.max(0, this.#inboxBytes - sizeOf(message));
    if (this.#inboxBytes <= INBOX_BYTES_MAX) this.#letIn();
  }

  #letIn(): void {
    for (const resolve of this.#room.splice(0)) resolve();
  }

  async #takeEntries(batch: readonly EntriesMessage[]): Promise<void> {
    // The peer holds what it sends: known before the commit, so that the commit is not offered back to it.
    for (const { feed, from, entries } of batch) this.#held(parseFeedName(feed), from + entries.length - 1);
    for (const taken of await this.#reception.take(batch)) await this.#taken(taken);
    void this.#pump();
  }

  /** The peer holds this much of a feed. Names that nobody may write are not worth remembering. */
  #held(feed: FeedName, seq: number): void {
    const { registry, store } = this.#context;
    if (!this.#shared(collectionOf(feed))) return;
    if (!store.feeds().has(feed) && !registry.mayWrite(writerOf(feed), feed)) return;
    this.#apply({ type: 'held', feed, seq });
  }

  #feedsKnown(): number {
    let feeds = 0;
    if ('reaches' in this.#state) for (const known of this.#state.reaches.values()) feeds += known.size;
    return feeds;
  }

  async #taken(taken: Taken): Promise<void> {
    switch (taken.type) {
      case 'taken':
        this.#acks.set(taken.feed, taken.seq);
        break;
      case 'refused':
        this.#refused += 1;
        this.#context.report({
          type: 'entriesRefused',
          peer: this.peer,
          feed: taken.feed,
          code: taken.code,
        });
        this.#strike(taken.feed, taken.code);
        break;
      case 'unproven':
      case 'ownAhead':
        await this.#forks.claim(taken.feed);
        break;
      case 'quarantined':
        this.#forks.tellOwner();
        break;
      case 'forked':
        await this.#context.forkFound(this.peer, taken.evidence);
        await this.#forks.claim(taken.evidence.feed);
        break;
      default:
        taken satisfies never;
    }
  }

  async #take(message: Exclude<ReplicationMessage, EntriesMessage>): Promise<void> {
    switch (message.type) {
      case 'have': {
        const digests = new Map(message.digests);
        this.#apply({ type: 'have', digests, reply: message.reply, mine: this.#summary() });
        break;
      }
      case 'vector':
        this.#apply({
          type: 'vector',
          family: message.collection,
          positions: message.feeds
            .map(([feed, seq, hashPrefix]) => ({ feed: parseFeedName(feed), seq, hashPrefix }))
            .filter(
              ({ feed }) =>
                familyOf(collectionOf(feed)) === message.collection && this.#shared(collectionOf(feed)),
            ),
          mine: this.#summary(),
        });
        if (this.#feedsKnown() > FEEDS_MAX) throw new FeedError('FEED_LIMIT', `more than ${FEEDS_MAX} feeds`);
        break;
      case 'ack':
        this.#held(parseFeedName(message.feed), message.seq);
        break;
      case 'fork':
        await this.#forks.receive(message);
        break;
      case 'checkpoint':
        await this.#takeCheckpoint(message);
        break;
      case 'successor':
        await this.#takeSuccessor(message);
        break;
      case 'alarm':
        this.#context.report({
          type: 'alarmReceived',
          peer: this.peer,
          code: message.code,
          detail: message.detail,
        });
        break;
      case 'status':
        this.#context.report({ type: 'statusReceived', peer: this.peer, report: message.report });
        break;
      default:
        message satisfies never;
    }
  }

  async #takeCheckpoint(message: ReplicationMessage & { type: 'checkpoint' }): Promise<void> {
    if (!this.#shared(message.collection as Collection)) {
      this.#strike(message.collection as FeedName, 'PEER_NOT_GRANTED');
      return;
    }
    const applied = await this.#checkpoints.receive(message);
    if (!applied) return;
    for (const [feed, seq] of applied.covered) {
      this.#apply({ type: 'held', feed, seq });
      this.#acks.set(feed, seq);
      this.#context.feedMoved(feed);
    }
    const { collection, bytes } = applied;
    this.#context.report({ type: 'checkpointApplied', peer: this.peer, collection, bytes });
    void this.#pump();
  }

  async #takeSuccessor(message: SuccessorMessage): Promise<void> {
    const { authority } = this.#context;
    if (!authority) {
      this.#context.passOn(this.peer, message);
      return;
    }
    try {
      const { key, proof } = message;
      await authority.succeed({ predecessor: message.predecessor as WriterId, key, proof });
    } catch (error) {
      if (!(error instanceof FeedError) || error.code.startsWith('STORE_')) throw error;
      this.say({ type: 'alarm', code: error.code, detail: error.message });
    }
  }

  // ---- what goes out -------------------------------------------------------------------------------------------

  async #pump(): Promise<void> {
    if (this.#pumpBusy) return;
    this.#pumpBusy = true;
    try {
      while (this.#state.phase !== 'closed') {
        const message = this.#outbox.shift() ?? this.#nextAck();
        if (message) {
          await this.#channel.send(message);
          continue;
        }
        const feed = this.#queue.take();
        if (!feed) break;
        if (await this.#sendSlice(feed)) await this.#context.clock.yield();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#pumpBusy = false;
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
    await this.#channel.send({ type: 'entries', feed, from, entries, signature });
    this.#apply({ type: 'sent', feed, seq: from + entries.length - 1 });
    if (this.#nextToSend(feed) !== undefined) this.#queue.add(feed);
    return true;
  }

  /** The first entry the peer has not been sent, if there is one it may have and can use. */
  #nextToSend(feed: FeedName): number | undefined {
    const { summary, self } = this.#context;
    const collection = collectionOf(feed);
    if (!this.#shared(collection) || !isSettled(this.#state, familyOf(collection))) return undefined;
    const writer = writerOf(feed);
    // A writer that lacks its own entries was restored or cloned. It must hear of it (ForkTalk), not have them back.
    if (writer === this.peer || (writer === self && this.#context.isSuperseded())) return undefined;
    const from = (reachOf(this.#state, feed)?.sent ?? 0) + 1;
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
    const sent = (each: FeedName): number => reachOf(this.#state, each)?.sent ?? 0;
    const chosen = await this.#checkpoints.choose(collectionOf(feed), from, feed, sent);
    if (!chosen) return false;
    for (const part of chosen.parts) {
      if (this.#state.phase === 'closed') return true;
      await this.#channel.send(part);
      await this.#context.clock.yield();
    }
    for (const [each, head] of chosen.vector) this.#apply({ type: 'sent', feed: each, seq: head.seq });
    for (const each of this.#context.summary.feedsOf(collectionOf(feed))) this.#queue.add(each);
    return true;
  }

  // ---- trouble -------------------------------------------------------------------------------------------------

  #strike(feed: FeedName, code: string): void {
    this.#strikes += 1;
    this.say({ type: 'alarm', code, detail: `${feed} from ${this.peer}` });
    if (this.#strikes >= STRIKES_MAX) this.close(code);
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#fail(error));
  }

  /** Errors of the store, of the channel and of the peer's making carry a code; anything else is our mistake. */
  #fail(error: unknown): void {
    if (this.#state.phase === 'closed') return;
    this.#cause = error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'INTERNAL';
    this.close(code);
  }
}

function fits(run: Run, end: number): boolean {
  if (run.from + run.entries.length - 1 > end || run.entries.length > MESSAGE_ENTRIES_MAX) return false;
  return run.entries.reduce((bytes, entry) => bytes + entry.byteLength, 0) <= RUN_BYTES_MAX;
}

function positionsOf(heads: ReadonlyMap<FeedName, Head>): [string, number, Uint8Array][] {
  return [...heads].map(([feed, head]) => [feed, head.seq, head.hash.subarray(0, HASH_PREFIX_BYTES)]);
}

function sizeOf(message: ReplicationMessage): number {
  switch (message.type) {
    case 'entries':
      return message.entries.reduce((bytes, entry) => bytes + entry.byteLength, 128);
    case 'checkpoint':
      return 256 + (message.bytes?.byteLength ?? 0);
    case 'vector':
      return 64 + message.feeds.length * 64;
    case 'fork':
      return message.evidence?.entries.reduce((bytes, entry) => bytes + entry.byteLength, 256) ?? 256;
    default:
      return 256;
  }
}
