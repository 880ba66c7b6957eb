/**
 * Replication of one store with any number of peers. One session per connected peer; every session pushes what the store gets,
 * whoever brought it, so feeds travel on through whoever may read them, as their writers signed them.
 *
 * Guarantees: peers with equal entries and grants need one message each way to know it; a peer that was away is sent what it
 * lacks and nothing else; admission is decided here, from the registry, for readers and for writers, whatever the peer says
 * or is; a revoked peer's session ends when the revocation arrives; a feed written twice is quarantined with evidence
 * and the others go on.
 *
 * Open the registry's follower (`followRegistry`) before this: a revocation must be known here before its consequences.
 *
 * Does not: dial or listen, keep keys, or read documents.
 */
import type { Clock } from 'hlc-ts';
import type { Authority } from './authority.ts';
import type { CheckpointSink, CheckpointSource } from './checkpoint-transfer.ts';
import { REGISTRY_COLLECTION } from './collections.ts';
import { FeedError } from './errors.ts';
import { collectionOf, writerOf } from './feed-name.ts';
import { FeedSummary } from './feed-summary.ts';
import { type EvidenceLedger, type ForkEvidence, memoryEvidence } from './fork-evidence.ts';
import type { Grant } from './grants.ts';
import { type PeerProgress, sinceLeft } from './peer-progress.ts';
import { RecentRuns } from './recent-runs.ts';
import type { Registry } from './registry.ts';
import type { ReplicationContext, ReplicationNews } from './replication-context.ts';
import type { PeerChannel, ReplicationMessage, SuccessorMessage } from './replication-messages.ts';
import type { ReplicationEvent, ReplicationState, ReplicationStep } from './replication-state.ts';
import { Session } from './session.ts';
import type { Collection, FeedName, FeedStore, Run, WriterId } from './types.ts';

/** Peers at once: twice the fleet it is made for. */
export const SESSIONS_MAX = 512;
/** Requests passed on for peers connected now, remembered so that none goes round. */
export const PASSED_ON_MAX = 256;
/** Checkpoints that peers refused, remembered so that they get entries next time. */
export const DECLINED_MAX = 1024;

export interface ReplicatorOptions {
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly tenant: string;
  /** The key this device writes and connects with. */
  readonly self: WriterId;
  readonly clock: Clock;
  /** Where evidence of forks is kept; in memory when left out. */
  readonly evidence?: EvidenceLedger;
  readonly checkpoints?: { readonly source?: CheckpointSource; readonly sink?: CheckpointSink };
  /** Given where the authority's key is: answers devices that ask for a successor key. */
  readonly authority?: Pick<Authority, 'succeed'>;
  readonly onNews?: (news: ReplicationNews) => void;
  /** Tests and simulations look at every step of every session. */
  readonly onStep?: (before: ReplicationState, event: ReplicationEvent, step: ReplicationStep) => void;
}

export class Replicator {
  readonly #options: ReplicatorOptions;
  readonly #summary: FeedSummary;
  readonly #evidence: EvidenceLedger;
  readonly #context: ReplicationContext;
  readonly #sessions = new Map<WriterId, Session>();
  readonly #recent = new RecentRuns(() => this.#sessions.size > 1);
  /** Sessions whose peer may have a collection; made again when a session or the registry comes or goes. */
  readonly #readers = new Map<Collection, readonly Session[]>();
  readonly #last = new Map<WriterId, PeerProgress>();
  readonly #forked = new Map<FeedName, ForkEvidence>();
  /** By new key: for whom, and to whom. Asked again, it goes to those who have come since. */
  readonly #passedOn = new Map<string, { readonly from: WriterId; readonly told: WeakSet<Session> }>();
  readonly #declined = new Set<string>();
  readonly #stops: (() => void)[] = [];
  #grants = new Map<WriterId, Grant | undefined>();
  #superseded = false;
  /** Peers that proved another history of a feed of ours, each with one such feed. */
  readonly #ownForks = new Map<WriterId, FeedName>();
  #registryPending = false;
  #closed = false;

  private constructor(options: ReplicatorOptions, evidence: EvidenceLedger, known: readonly ForkEvidence[]) {
    this.#options = options;
    this.#evidence = evidence;
    for (const each of known) this.#forked.set(each.feed, each);
    const { store, registry } = options;
    this.#summary = new FeedSummary({
      store,
      ceiling: (feed) => registry.ceiling(feed),
      known: (feed) => registry.isConfirmed(writerOf(feed)),
      forked: (feed) => this.#forked.has(feed),
    });
    this.#context = {
      store,
      registry,
      clock: options.clock,
      tenant: options.tenant,
      self: options.self,
      summary: this.#summary,
      recent: this.#recent,
      source: options.checkpoints?.source,
      sink: options.checkpoints?.sink,
      authority: options.authority,
      isSuperseded: () => this.#superseded,
      isForked: (feed) => this.#forked.has(feed),
      forks: () => this.forks(),
      forkFound: (peer, found) => this.#forkFound(peer, found),
      ownForkFound: (peer, feed) => this.#ownForkFound(peer, feed),
      ownForkWith: (peer) => this.#ownForks.get(peer),
      passOn: (from, message) => this.#passOn(from, message),
      feedMoved: (feed) => this.#feedMoved(feed),
      shelfMoved: () => this.shelfMoved(),
      hasDeclined: (peer, id) => this.#declined.has(`${peer} ${id}`),
      report: (news) => options.onNews?.(news),
      observe: (before, event, step) => options.onStep?.(before, event, step),
    };
  }

  static async open(options: ReplicatorOptions): Promise<Replicator> {
    const evidence = options.evidence ?? memoryEvidence();
    const replicator = new Replicator(options, evidence, await evidence.all());
    replicator.#follow();
    return replicator;
  }

  /** Called with an authenticated peer's channel. A peer that connects again replaces its older session. */
  attach(channel: PeerChannel, peer: WriterId): Session {
    if (this.#closed) throw new FeedError('STORE_CLOSED', 'replication is closed');
    this.#sessions.get(peer)?.close('REPLACED');
    if (this.#sessions.size >= SESSIONS_MAX) {
      throw new FeedError('FEED_LIMIT', `at most ${SESSIONS_MAX} peers at once`, { retryable: true });
    }
    const session = new Session(this.#context, channel, peer);
    this.#sessions.set(peer, session);
    this.#readers.clear();
    this.#grants.set(peer, this.#options.registry.member(peer)?.grant);
    void session.done.then((code) => this.#detach(session, code));
    const refusal = this.#refusal(peer);
    if (refusal) session.close(refusal);
    else session.start();
    return session;
  }

  /** The handshake has asked the registry too; but this is where entries would leak, so it is asked here again. */
  #refusal(peer: WriterId): string | undefined {
    const { registry } = this.#options;
    const member = registry.member(peer);
    if (member?.revocation) return 'PEER_REVOKED';
    // A device that was just enrolled has an empty registry, and nothing but the registry is shared until it came.
    return member || registry.position === 0 ? undefined : 'PEER_UNKNOWN';
  }

  session(peer: WriterId): Session | undefined {
    return this.#sessions.get(peer);
  }

  /** Every peer connected now, and every one that was, with what has come here since it left. */
  progress(): readonly PeerProgress[] {
    const away = [...this.#last.values()].filter(({ peer }) => !this.#sessions.has(peer));
    const connected = [...this.#sessions.values()].map((session) => session.progress());
    return [...away.map((left) => sinceLeft(left, this.#context)), ...connected];
  }

  /** True while a peer is connected that has been compared with: it would hear what is written now. */
  get isLive(): boolean {
    return [...this.#sessions.values()].some(({ phase }) => phase === 'live');
  }

  /**
   * True while a peer is connected that has been compared with and holds nothing of this feed that is missing here. Whoever
   * keeps an authority that was put back from a backup waits for this before it writes to the registry.
   */
  isLevelOn(feed: FeedName): boolean {
    return [...this.#sessions.values()].some((session) => session.isLevel(feed));
  }

  /** Feeds known to have been written twice. */
  forks(): readonly ForkEvidence[] {
    return [...this.#forked.values()];
  }

  /** True once this device must go on under a new key. */
  get superseded(): boolean {
    return this.#superseded;
  }

  /** Called for `sync now`: compares with every connected peer again. */
  recompare(): void {
    this.#readers.clear();
    for (const session of this.#sessions.values()) session.recompare();
  }

  /** Called to tell every connected peer something; how many heard it. */
  broadcast(message: ReplicationMessage): number {
    for (const session of this.#sessions.values()) session.say(message);
    return this.#sessions.size;
  }

  /** Called when a checkpoint was made or kept here: keepers that hold an older one are sent it. */
  shelfMoved(): void {
    for (const session of this.#sessions.values()) session.shelfMoved();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    for (const session of [...this.#sessions.values()]) session.close('CLOSED');
  }

  #follow(): void {
    const { store, registry, self } = this.#options;
    this.#grants.set(self, registry.member(self)?.grant);
    this.#stops.push(
      store.watch((appended) => {
        for (const run of appended.runs) this.#summary.moved(run.feed);
        for (const run of appended.runs) {
          this.#recent.put(run);
          this.#tellWhenAllowed(run);
        }
      }),
      registry.watch(() => this.#registryWillMove()),
    );
  }

  /**
   * A registry that moved may have taken a grant away: sessions hear of that before anything else leaves. The registry itself,
   * which every member reads, goes at once: to a peer that was just revoked it is the proof.
   */
  #tellWhenAllowed(run: Run): void {
    const mayWait = this.#registryPending && collectionOf(run.feed) !== REGISTRY_COLLECTION;
    if (mayWait) void Promise.resolve().then(() => this.#tell(run));
    else this.#tell(run);
  }

  #tell(run: Run): void {
    for (const session of this.#readersOf(collectionOf(run.feed))) session.feedMoved(run.feed, run);
  }

  /** A run concerns few of two hundred peers: those who do not read its collection are not asked about each. */
  #readersOf(collection: Collection): readonly Session[] {
    let readers = this.#readers.get(collection);
    if (!readers) {
      readers = [...this.#sessions.values()].filter((session) => session.shares(collection));
      this.#readers.set(collection, readers);
    }
    return readers;
  }

  /** Once per commit, when every watcher of the store has heard of it. */
  #registryWillMove(): void {
    if (this.#registryPending) return;
    this.#registryPending = true;
    void Promise.resolve().then(() => {
      this.#registryPending = false;
      if (!this.#closed) this.#registryMoved();
    });
  }

  #registryMoved(): void {
    const { registry, self } = this.#options;
    this.#summary.forget();
    this.#readers.clear();
    const selfChanged = this.#grantChanged(self);
    for (const session of [...this.#sessions.values()]) {
      const peerChanged = this.#grantChanged(session.peer);
      session.registryMoved(selfChanged || peerChanged);
    }
    // Whoever was asked meanwhile may have answered by the grants of before.
    this.#readers.clear();
    this.#grants = new Map(
      [self, ...this.#sessions.keys()].map((writer) => [writer, registry.member(writer)?.grant]),
    );
  }

  #grantChanged(writer: WriterId): boolean {
    return this.#grants.get(writer) !== this.#options.registry.member(writer)?.grant;
  }

  #feedMoved(feed: FeedName): void {
    this.#summary.moved(feed);
    for (const session of this.#readersOf(collectionOf(feed))) session.feedMoved(feed);
  }

  async #forkFound(peer: WriterId, evidence: ForkEvidence): Promise<void> {
    if (this.#forked.has(evidence.feed)) return;
    this.#forked.set(evidence.feed, evidence);
    this.#summary.moved(evidence.feed);
    await this.#evidence.record(evidence);
    this.#context.report({ type: 'forkFound', peer, evidence });
  }

  #ownForkFound(peer: WriterId, feed: FeedName): void {
    this.#ownForks.set(peer, feed);
    if (this.#superseded) return;
    this.#superseded = true;
    this.#context.report({ type: 'ownForkFound', peer, feed });
  }

  /** Towards whoever may be, or may reach, the authority. */
  #passOn(from: WriterId, message: SuccessorMessage): void {
    const id = Buffer.from(message.key).toString('hex');
    const known = this.#passedOn.get(id);
    if (!known && this.#passedOn.size >= PASSED_ON_MAX) return;
    const { told } = known ?? { told: new WeakSet<Session>() };
    if (!known) this.#passedOn.set(id, { from, told });
    for (const [peer, session] of this.#sessions) {
      const role = this.#options.registry.member(peer)?.grant.role;
      if (peer === from || told.has(session) || (role !== 'relay' && role !== 'hq')) continue;
      told.add(session);
      session.say(message);
    }
  }

  #detach(session: Session, code: string): void {
    this.#last.set(session.peer, session.progress());
    if (code === 'CHECKPOINT_INVALID') this.#declinedBy(session);
    if (this.#sessions.get(session.peer) === session) this.#sessions.delete(session.peer);
    this.#readers.clear();
    for (const [id, { from }] of this.#passedOn) if (from === session.peer) this.#passedOn.delete(id);
    const { peer, cause } = session;
    this.#context.report({ type: 'peerLeft', peer, code, ...(cause === undefined ? {} : { cause }) });
  }

  /** What the peer refused it will refuse again: its next session gets entries. */
  #declinedBy(session: Session): void {
    for (const id of session.checkpointsSent) {
      if (this.#declined.size >= DECLINED_MAX) this.#declined.delete(this.#declined.values().next().value!);
      this.#declined.add(`${session.peer} ${id}`);
    }
  }
}
