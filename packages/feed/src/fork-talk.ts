/**
 * The conversation about feeds that were written twice, one per session.
 *
 *   we and the peer hold another's feed differently   each sends a claim with proof; both record it and go on without it
 *   the peer wrote the feed and knows less than we     we send our claim; the peer asks until it knows what is common
 *   we wrote the feed                                  a proven claim we cannot match starts our own search
 *
 * Guarantees: believes proofs only (fork-evidence.ts); answers a writer's questions about its own feeds, no one else's; at most
 * ANSWERS_MAX answers a session, one claim per feed a session.
 */
import { collectionOf, parseFeedName, writerOf } from './feed-name.ts';
import { claimAt, claimOf, headAt, provenBy, provesClaim } from './fork-evidence.ts';
import { answerForkSearch, type ForkSearch, type ForkSearchStep, startForkSearch } from './fork-search.ts';
import { planOf } from './incarnation.ts';
import type { ReplicationContext } from './replication-context.ts';
import type { ForkMessage, ReplicationMessage } from './replication-messages.ts';
import type { Collection, FeedName, Head, WriterId } from './types.ts';

/** Enough for 30 feeds of 2^30 entries. */
export const ANSWERS_MAX = 1024;
const NO_HASH = new Uint8Array(32);

export interface ForkTalkPorts {
  readonly peer: WriterId;
  readonly shared: (collection: Collection) => boolean;
  /** Puts a message into the session's outbox. */
  readonly say: (message: ReplicationMessage) => void;
  /** The peer said something a peer does not say. */
  readonly strike: (feed: FeedName, code: string) => void;
}

export class ForkTalk {
  readonly #context: ReplicationContext;
  readonly #ports: ForkTalkPorts;
  readonly #claimed = new Set<FeedName>();
  readonly #told = new Set<FeedName>();
  #search: ForkSearch | undefined;
  #answers = 0;

  constructor(context: ReplicationContext, ports: ForkTalkPorts) {
    this.#context = context;
    this.#ports = ports;
  }

  /** Called when the peer's copy is not what ours is, or is shorter than ours though it is the writer. */
  async claim(feed: FeedName): Promise<void> {
    const head = this.#context.store.feeds().get(feed)?.head;
    if (!head || this.#claimed.has(feed)) return;
    this.#claimed.add(feed);
    this.#ports.say(await claimAt(this.#context.store, feed, head));
  }

  /** Called when the peer may not know that its own feed was found written twice: the side it does not hold convinces it. */
  tellOwner(): void {
    // A search that a lost connection cut off begins again: nobody else would begin it.
    const own = this.#context.ownForkWith(this.#ports.peer);
    if (own !== undefined) this.#startSearch(own);
    for (const { feed, ours, theirs } of this.#context.forks()) {
      if (writerOf(feed) !== this.#ports.peer || this.#told.has(feed)) continue;
      this.#told.add(feed);
      for (const side of [ours, theirs]) this.#ports.say(claimOf(side));
    }
  }

  async receive(message: ForkMessage): Promise<void> {
    const feed = parseFeedName(message.feed);
    if (!this.#ports.shared(collectionOf(feed))) return;
    if (writerOf(feed) === this.#context.self) {
      if (message.evidence) await this.#claimAgainstUs(feed, message);
      else await this.#answered(feed, message);
    } else if (message.evidence) {
      await this.#claimAgainstOther(feed, message);
    } else if (writerOf(feed) === this.#ports.peer) {
      await this.#answer(feed, message.seq);
    }
  }

  /** Somebody says that this feed of ours is not, or not only, what we hold. */
  async #claimAgainstUs(feed: FeedName, message: ForkMessage): Promise<void> {
    const key = this.#context.registry.keyOf(this.#context.self);
    if (!key || !provesClaim(message, key)) {
      this.#ports.strike(feed, 'FORK_UNPROVEN');
      return;
    }
    const mine = await this.#headAt(feed, message.seq);
    if (mine && sameHash(mine, message)) return;
    // Ours is shorter, or other. A copy pruned below the claim cannot tell, and was vouched for.
    const base = this.#context.store.feeds().get(feed)?.base.seq ?? 0;
    if (!mine && message.seq < base) return;
    if (mine) await this.#quarantine(feed, mine, message);
    this.#context.ownForkFound(this.#ports.peer, feed);
    this.#startSearch(feed);
  }

  #startSearch(claimed: FeedName): void {
    if (this.#search) return;
    const own = [...this.#context.store.feeds().values()].filter(
      ({ feed }) => writerOf(feed) === this.#context.self && this.#ports.shared(collectionOf(feed)),
    );
    const questions = own.map(({ feed, base, head }) => ({ feed, base, ours: head.seq }));
    if (!own.some(({ feed }) => feed === claimed)) {
      questions.push({ feed: claimed, base: { seq: 0, hash: NO_HASH }, ours: 0 });
    }
    this.#advance(startForkSearch(questions));
  }

  async #answered(feed: FeedName, message: ForkMessage): Promise<void> {
    if (this.#search?.phase !== 'asking') return;
    const state = this.#context.store.feeds().get(feed);
    if (!state || message.seq > state.head.seq) {
      this.#ports.strike(feed, 'FORK_UNPROVEN');
      return;
    }
    // Below our base nothing can be compared; the search takes that as the end of the peer's copy.
    const mine = (await this.#headAt(feed, message.seq)) ?? state.base;
    const equal = message.seq === 0 || sameHash(mine, message);
    this.#advance(answerForkSearch(this.#search, { feed, seq: message.seq, equal, mine }));
  }

  #advance({ state, asks }: ForkSearchStep): void {
    const { self, store } = this.#context;
    const finished = state.phase === 'found' && this.#search?.phase !== 'found';
    this.#search = state;
    for (const { feed, seq } of asks) {
      const hash = store.feeds().get(feed)?.head.hash ?? NO_HASH;
      this.#ports.say({ type: 'fork', feed, seq, hash });
    }
    if (!finished) return;
    const ends = [...state.feeds.values()].map(({ feed, low, ours }) => ({ feed, common: low, ours }));
    this.#context.report({ type: 'incarnationNeeded', peer: this.#ports.peer, plan: planOf(self, ends) });
  }

  /** A writer asks what we hold of its feed at `seq`, or where our copy ends before that. */
  async #answer(feed: FeedName, seq: number): Promise<void> {
    this.#answers += 1;
    if (this.#answers > ANSWERS_MAX) {
      this.#ports.strike(feed, 'FEED_LIMIT');
      return;
    }
    const held = this.#context.store.feeds().get(feed);
    const end = Math.min(seq, held?.head.seq ?? 0);
    const head = await this.#headAt(feed, end);
    this.#ports.say({ type: 'fork', feed, seq: head?.seq ?? 0, hash: head?.hash ?? NO_HASH });
  }

  async #claimAgainstOther(feed: FeedName, message: ForkMessage): Promise<void> {
    const key = this.#context.registry.keyOf(writerOf(feed));
    if (!key) return;
    if (!provesClaim(message, key)) {
      this.#ports.strike(feed, 'FORK_UNPROVEN');
      return;
    }
    const mine = await this.#headAt(feed, message.seq);
    if (!mine || sameHash(mine, message)) return;
    await this.#quarantine(feed, mine, message);
  }

  /** Two proven claims of one number: evidence for us, and our side of it for the peer. */
  async #quarantine(feed: FeedName, mine: Head, message: ForkMessage): Promise<void> {
    const { store, clock } = this.#context;
    const reply = await claimAt(store, feed, mine);
    const ours = provenBy(reply);
    const theirs = provenBy(message);
    if (!ours || !theirs) return;
    const evidence = { feed, seq: message.seq, ours, theirs, foundMs: clock.nowMs() };
    await this.#context.forkFound(this.#ports.peer, evidence);
    if (this.#claimed.has(feed)) return;
    this.#claimed.add(feed);
    this.#ports.say(reply);
  }

  #headAt(feed: FeedName, seq: number): Promise<Head | undefined> {
    const { store, clock } = this.#context;
    return headAt(store, feed, seq, () => clock.yield());
  }
}

function sameHash(head: Head, message: ForkMessage): boolean {
  return Buffer.compare(head.hash, message.hash) === 0;
}
