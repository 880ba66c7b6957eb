/**
 * One peer, while its connection lives: the shell around replication-state.ts.
 *
 *     receive ──> inbox.ts ──> state, reception.ts, fork-talk.ts, checkpoint-talk.ts
 *                                │
 *     channel.send <── outflow.ts┘   small messages, acks, slices of feeds
 *
 * Guarantees: messages take effect in order; an ack leaves only after the entries are on disk; the two loops never wait for each
 * other. Memory per peer: INBOX_BYTES_MAX unread, HELD_BYTES_MAX held for the registry, OUTBOX_MAX small messages, FEEDS_MAX
 * positions, one slice on its way, one checkpoint.
 *
 * Whoever has to drop something ends the session: the next one starts from exact vectors.
 *
 * Does not: dial, authenticate or compress.
 */
import { CheckpointTalk } from './checkpoint-talk.ts';
import { CHECKPOINTS_FEATURE, KEEPER_FEATURE } from './checkpoint-transfer.ts';
import { familyOf } from './collections.ts';
import { FeedError } from './errors.ts';
import { collectionOf, parseFeedName, writerOf } from './feed-name.ts';
import { HASH_PREFIX_BYTES } from './feed-summary.ts';
import { ForkTalk } from './fork-talk.ts';
import { Inbox, type SmallMessage } from './inbox.ts';
import { Outflow } from './outflow.ts';
import { type FeedProgress, mayShare, type PeerProgress, sumOf } from './peer-progress.ts';
import { Reception, type Taken } from './reception.ts';
import type { ReplicationContext } from './replication-context.ts';
import type {
  EntriesMessage,
  PeerChannel,
  ReplicationMessage,
  SuccessorMessage,
} from './replication-messages.ts';
import {
  idle,
  type ReplicationEffect,
  type ReplicationEvent,
  type ReplicationPhase,
  type ReplicationState,
  reachOf,
  type Summary,
  step,
} from './replication-state.ts';
import type { Collection, FeedName, Head, Run, WriterId } from './types.ts';

/** Feeds of one peer whose position is remembered. */
export const FEEDS_MAX = 32_768;
/** Messages no honest peer sends, before the session ends. */
export const STRIKES_MAX = 16;
/** What the disk did not give back: no fault of the peer. */
const DAMAGE: ReadonlySet<string> = new Set(['STORE_CORRUPT', 'EIO']);

export class Session {
  readonly peer: WriterId;
  /** Resolves with a code when the session is over. */
  readonly done: Promise<string>;
  readonly #context: ReplicationContext;
  readonly #channel: PeerChannel;
  readonly #inbox: Inbox;
  readonly #outflow: Outflow;
  readonly #reception: Reception;
  readonly #forks: ForkTalk;
  readonly #checkpoints: CheckpointTalk;
  readonly #sharing = new Map<Collection, boolean>();
  #state: ReplicationState;
  #lastContactMs: number;
  #refused = 0;
  #strikes = 0;
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
    const said = (feature: string): boolean => channel.peer?.features.includes(feature) ?? false;
    this.#checkpoints = new CheckpointTalk(context, {
      takes: said(CHECKPOINTS_FEATURE),
      keeps: said(KEEPER_FEATURE),
      hasDeclined: (id) => context.hasDeclined(peer, id),
    });
    const fail = (error: unknown): void => this.#fail(error);
    this.#inbox = new Inbox({
      take: (message) => this.#take(message),
      takeEntries: (batch) => this.#takeEntries(batch),
      pause: () => context.clock.yield(),
      fail,
    });
    this.#outflow = new Outflow(context, {
      peer,
      channel,
      checkpoints: this.#checkpoints,
      state: () => this.#state,
      apply: (event) => this.#apply(event),
      shared,
      fail,
    });
  }

  /** Called once, by the replicator, when the session is known to it. */
  start(): void {
    this.#apply({ type: 'open', mine: this.#summary() });
  }

  /** What ended the session, where it was an error. */
  get cause(): unknown {
    return this.#cause;
  }

  /** Checkpoints the peer was sent. */
  get checkpointsSent(): ReadonlySet<string> {
    return this.#checkpoints.sent;
  }

  /** Called when a newer checkpoint may be here. */
  shelfMoved(): void {
    for (const collection of this.#checkpoints.newerThanShelf()) {
      if (this.#shared(collection)) this.#outflow.push(collection);
    }
  }

  get phase(): ReplicationPhase {
    return this.#state.phase;
  }

  /** Called by the connection with each message; a promise, to be waited for, while the inbox is full. */
  receive(message: ReplicationMessage): Promise<void> | void {
    if (this.#state.phase === 'closed') return;
    this.#lastContactMs = this.#context.clock.nowMs();
    return this.#inbox.receive(message);
  }

  /** Called to send something that is not about one feed's entries: a status, an alarm, a request. */
  say(message: ReplicationMessage): void {
    this.#outflow.say(message);
  }

  /** May both sides read this collection, as far as this session knows? */
  shares(collection: Collection): boolean {
    return this.#shared(collection);
  }

  /** Called by the replicator when a feed grew, whoever brought it, and by what run where it knows. */
  feedMoved(feed: FeedName, run?: Run): void {
    if (this.#shared(collectionOf(feed))) this.#outflow.offer(feed, run);
  }

  /** Called by the replicator after each registry change: grants may have come or gone, held entries may be known now. */
  registryMoved(rescoped: boolean): void {
    if (this.#state.phase === 'closed') return;
    if (this.#context.registry.member(this.peer)?.revocation) {
      this.close('PEER_REVOKED');
      return;
    }
    this.#inbox.putBack(this.#reception.release());
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
    return {
      peer: this.peer,
      phase: this.#state.phase,
      lastContactMs: this.#lastContactMs,
      ...sumOf(feeds),
      refused: this.#refused,
      feeds,
    };
  }

  /** How much of one feed the peer has confirmed, as `progress` says of all; cheap enough to ask for each feed. */
  confirmed(feed: FeedName): number {
    if (this.#state.phase === 'closed') {
      return this.#final?.feeds.find((each) => each.feed === feed)?.ackedUpTo ?? 0;
    }
    return this.#shared(collectionOf(feed)) ? this.#progressOf(feed).ackedUpTo : 0;
  }

  /** True once everything was compared and the peer holds nothing of this feed that is missing here. */
  isLevel(feed: FeedName): boolean {
    return this.#state.phase === 'live' && this.#progressOf(feed).missingHere === 0;
  }

  close(code: string): void {
    if (this.#state.phase === 'closed') return;
    this.#final = this.progress();
    this.#apply({ type: 'close', code });
    this.#inbox.close();
    this.#outflow.close();
    this.#channel.close(code);
    this.#finish(code);
  }

  #shared(collection: Collection): boolean {
    const known = this.#sharing.get(collection);
    if (known !== undefined) return known;
    const { registry, self } = this.#context;
    const shared = mayShare(registry, self, this.peer, collection);
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
        break;
      case 'live':
        this.#context.report({ type: 'peerLive', peer: this.peer });
        this.#forks.tellOwner();
        this.#announceShelf();
        // Families neither side had anything in when digests were exchanged are settled now as well.
        for (const collection of this.#context.summary.collections()) this.#queueCollection(collection);
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
      if (head && head.seq > (reachOf(this.#state, feed)?.sent ?? head.seq)) this.#outflow.offer(feed);
    }
  }

  async #takeEntries(batch: readonly EntriesMessage[]): Promise<void> {
    // The peer holds what it sends: known before the commit, so that the commit is not offered back to it.
    for (const { feed, from, entries } of batch) this.#held(parseFeedName(feed), from + entries.length - 1);
    for (const taken of await this.#reception.take(batch)) await this.#taken(taken);
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
        this.#outflow.ack(taken.feed, taken.seq);
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

  async #take(message: SmallMessage): Promise<void> {
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
      case 'shelf':
        this.#checkpoints.heard(message);
        this.shelfMoved();
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
    const applied = await this.#checkpoints.receive(message).catch((error: unknown) => {
      if (error instanceof FeedError && error.code === 'CHECKPOINT_INVALID') {
        const { collection } = message;
        this.#context.report({
          type: 'checkpointRefused',
          peer: this.peer,
          collection,
          detail: error.message,
        });
      }
      throw error;
    });
    if (!applied) return;
    for (const [feed, seq] of applied.covered) {
      this.#apply({ type: 'held', feed, seq });
      this.#outflow.ack(feed, seq);
      this.#context.feedMoved(feed);
    }
    const { collection, bytes } = applied;
    this.#context.report({ type: 'checkpointApplied', peer: this.peer, collection, bytes });
    this.#context.shelfMoved();
  }

  /** Only who may sign checkpoints can have newer ones that count. */
  #announceShelf(): void {
    if (!this.#context.registry.mayVouch(this.peer)) return;
    const message = this.#checkpoints.announcement((collection) => this.#shared(collection));
    if (message) this.say(message);
  }

  async #takeSuccessor(message: SuccessorMessage): Promise<void> {
    const { authority } = this.#context;
    if (!authority) {
      this.#context.passOn(this.peer, message);
      return;
    }
    try {
      const { key, proof, incarnation } = message;
      const wanted = incarnation === undefined ? {} : { incarnation };
      await authority.succeed({ predecessor: message.predecessor as WriterId, key, ...wanted, proof });
    } catch (error) {
      if (!(error instanceof FeedError) || error.code.startsWith('STORE_')) throw error;
      this.say({ type: 'alarm', code: error.code, detail: error.message });
    }
  }

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
    if (error instanceof Error && DAMAGE.has(code)) {
      this.#context.report({ type: 'storeDamaged', peer: this.peer, cause: error });
    }
    this.close(code);
  }
}

function positionsOf(heads: ReadonlyMap<FeedName, Head>): [string, number, Uint8Array][] {
  return [...heads].map(([feed, head]) => [feed, head.seq, head.hash.subarray(0, HASH_PREFIX_BYTES)]);
}
