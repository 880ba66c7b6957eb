/**
 * Brings an outbox what the feeds say: every commit behind the position its rows cover, then each new one, in journal order.
 *
 * Guarantees: nothing is left out, whatever falls behind: commits wait in memory up to a limit, and beyond it they are read from
 * the journal again. The same fact twice is harmless, so reading may overlap. Entries are decoded here, never in the commit itself.
 *
 * Does not: deliver, or know what a fact is about.
 */
import {
  type Appended,
  type Collection,
  collectionOf,
  decodeEntry,
  type FeedStore,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { Outbox, OutboxFact } from '@branchline/outbox';
import type { Clock, Stamp } from 'hlc-ts';

/** Commits waiting in memory; more, and they are read from the journal. */
export const COMMITS_WAITING_MAX = 2_000;
/** Facts, and commits, brought in one go. */
export const FACTS_AT_ONCE = 500;
const COMMITS_AT_ONCE = 500;

export interface FedEntry {
  readonly collection: Collection;
  readonly writer: WriterId;
  readonly hlc: Stamp;
  readonly kind: string;
  readonly body: unknown;
  /** Journal position of its commit. */
  readonly position: number;
}

export interface FactFeedOptions {
  readonly store: Pick<FeedStore, 'watch' | 'replay'>;
  readonly outbox: Pick<Outbox, 'apply' | 'covered'>;
  readonly clock: Clock;
  /** Collections that are read at all. */
  readonly reads: (collection: Collection) => boolean;
  /** May throw at a body it cannot read: that entry is passed over, as projections do. */
  readonly factsOf: (entry: FedEntry) => readonly OutboxFact[];
  /** Called between reading facts and bringing them: what reading learned is kept first. */
  readonly beforeApply?: () => Promise<void>;
  readonly onApplied: () => void;
  /** Called when the rows cannot be kept: the process must end. */
  readonly onFailure: (error: Error) => void;
}

export class FactFeed {
  readonly #options: FactFeedOptions;
  #waiting: Appended[] = [];
  /** What waits is not all there is: the journal has more. */
  #isBehind = true;
  #seen = 0;
  #done = 0;
  #sinceCovered = 0;
  #working: Promise<void> | undefined;
  #isStopped = false;
  #unwatch: (() => void) | undefined;

  constructor(options: FactFeedOptions) {
    this.#options = options;
    this.#done = options.outbox.covered ?? 0;
  }

  /** Resolves when everything until now is in the rows. */
  async start(): Promise<void> {
    this.#unwatch = this.#options.store.watch((appended) => this.#take(appended));
    await this.settled();
  }

  /** Resolves when everything committed before the call is in the rows. */
  async settled(): Promise<void> {
    do {
      this.#working ??= this.#work();
      await this.#working;
    } while (!this.#isStopped && (this.#isBehind || this.#waiting.length > 0));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch?.();
    await this.#working;
    // Where to go on from; a failing disk here costs a longer look at the next start.
    await this.#options.outbox.apply([], { covered: this.#done }).catch(() => undefined);
  }

  #take(appended: Appended): void {
    this.#seen = appended.position;
    if (this.#isBehind) {
      return;
    }
    if (this.#waiting.length >= COMMITS_WAITING_MAX) {
      this.#waiting = [];
      this.#isBehind = true;
    } else {
      this.#waiting.push(appended);
    }
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    try {
      // Whoever committed goes first: its answer is waited for.
      await this.#options.clock.yield();
      while (!this.#isStopped && (this.#isBehind || this.#waiting.length > 0)) {
        if (this.#isBehind) {
          await this.#catchUp();
        } else {
          await this.#bring(this.#waiting.splice(0, COMMITS_AT_ONCE));
        }
      }
    } catch (error) {
      this.#isStopped = true;
      this.#options.onFailure(error as Error);
    } finally {
      this.#working = undefined;
    }
  }

  async #catchUp(): Promise<void> {
    const { store, clock } = this.#options;
    let commits: Appended[] = [];
    for await (const appended of store.replay(this.#done)) {
      commits.push(appended);
      if (this.#isStopped) {
        return;
      }
      if (commits.length >= COMMITS_AT_ONCE) {
        await this.#bring(commits);
        commits = [];
        await clock.yield();
      }
    }
    await this.#bring(commits);
    // No commit can come between the look and the change: both are in one turn of the event loop.
    this.#isBehind = this.#seen > this.#done;
  }

  async #bring(commits: readonly Appended[]): Promise<void> {
    const { outbox, beforeApply, onApplied } = this.#options;
    let facts: OutboxFact[] = [];
    for (const appended of commits) {
      if (appended.position <= this.#done) {
        continue;
      }
      facts.push(...this.#factsIn(appended));
      this.#done = appended.position;
      this.#sinceCovered += 1;
      if (facts.length >= FACTS_AT_ONCE) {
        await beforeApply?.();
        await outbox.apply(facts, { covered: this.#done });
        facts = [];
      }
    }
    if (facts.length > 0 || this.#sinceCovered >= COMMITS_AT_ONCE) {
      await beforeApply?.();
      await outbox.apply(facts, { covered: this.#done });
      this.#sinceCovered = 0;
      onApplied();
    }
  }

  #factsIn({ runs, position }: Appended): OutboxFact[] {
    const { reads, factsOf } = this.#options;
    const facts: OutboxFact[] = [];
    for (const run of runs) {
      const collection = collectionOf(run.feed);
      if (!reads(collection)) {
        continue;
      }
      const writer = writerOf(run.feed);
      for (const [at, bytes] of run.entries.entries()) {
        try {
          const { hlc, kind, body } = decodeEntry(run.feed, run.from + at, bytes);
          facts.push(...factsOf({ collection, writer, hlc, kind, body, position }));
        } catch {
          // The projector says which entries nobody can read.
        }
      }
    }
    return facts;
  }
}
