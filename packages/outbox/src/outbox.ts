/**
 * The outbox: what is in the host's feeds and must reach somebody else, delivered once, in order per key, however long it takes.
 *
 *     feeds ──apply──▶ rows ──▶ delivery loop ──▶ deliver ──▶ destination
 *       ▲                           │
 *       └── journal.append ◀────────┘  every outcome, before anything that depends on it
 *
 * Guarantees
 *   no job is ever dropped: added = delivered + resolved + pending + quarantined, at every moment
 *   delivered and resolved happen once per id and are final; facts fed again change nothing
 *   jobs of one key go one at a time, in the order they were added
 *   a job in quarantine holds up nobody else's key, and its own only where `onQuarantine` says `hold`
 *   a destination that is down gets one probe per interval; one that hangs costs nobody else more than its slots
 *
 * Delivery is at least once: after a power cut between the destination's answer and the record, the same job is delivered again.
 *
 * Does not: know what is delivered, keep the only copy of anything (all rows can be rebuilt by feeding the facts again), or
 * choose when a job is due: it is due when it is added.
 */
import type { AbstractLevel } from 'abstract-level';
import type { BackoffOptions, Clock, Random } from 'hlc-ts';
import { AgeClock } from './age-clock.ts';
import { assert } from './assert.ts';
import {
  BREAKER_DEFAULT,
  type BreakerOptions,
  type BreakerState,
  restoreBreaker,
  saveBreaker,
} from './breaker.ts';
import { DeliveryLoop } from './delivery-loop.ts';
import { LANE_WINDOW_JOBS } from './delivery-state.ts';
import { Destinations } from './destinations.ts';
import { OutboxError } from './errors.ts';
import type { OutboxFact, OutboxRecord } from './facts.ts';
import type { JobRow } from './job-history.ts';
import { OperatorDesk } from './operator-desk.ts';
import { type KeyReport, keyReport, type OutboxReport } from './outbox-report.ts';
import { type FoldResult, OutboxRows } from './outbox-rows.ts';
import type { Deliver, OutboxJournal } from './ports.ts';
import { Serial } from './serial.ts';

/** Keys with unfinished jobs. A key is a device or an address, not a document. */
export const KEYS_MAX = 4_096;
/** Facts waiting to be applied; a host that awaits `apply` never gets there. */
export const FACTS_WAITING_MAX = 20_000;
/** Facts in one batch of rows. */
export const FACTS_PER_BATCH = 1_000;
export const PAGE_JOBS_MAX = 500;

export const SLOTS_DEFAULT = 16;
export const SLOTS_PER_DESTINATION_DEFAULT = 4;
export const DEADLINE_MS_DEFAULT = 30_000;
export const BACKOFF_DEFAULT: BackoffOptions = { baseMs: 1_000, capMs: 300_000 };

export interface OutboxOptions {
  /** The host's database: the outbox takes the sublevel `outbox` of it. */
  // biome-ignore lint/suspicious/noExplicitAny: any database, whatever its own formats
  readonly level: AbstractLevel<any, any, any>;
  readonly journal: OutboxJournal;
  readonly deliver: Deliver;
  readonly clock: Clock;
  readonly random: Random;
  /** Keys that share a line to the world share a breaker. Left out: each key its own. */
  readonly destinationOf?: (key: string) => string;
  /** `hold`: later jobs of the key wait for the one in quarantine, and order is strict. `pass`: they go on without it. */
  readonly onQuarantine?: (key: string) => 'hold' | 'pass';
  /** For one delivery. */
  readonly deadlineMs?: number;
  readonly backoff?: BackoffOptions;
  readonly breaker?: BreakerOptions;
  /** Deliveries under way at once, in all and at one destination. */
  readonly slots?: number;
  readonly slotsPerDestination?: number;
  /** Forget the rows: `covered` is undefined and everything is to be fed again. */
  readonly rebuild?: boolean;
  /** Told while `run` runs; it must not throw. Everything it says can also be read. */
  readonly onEvent?: (event: OutboxEvent) => void;
}

export type OutboxEvent =
  | { readonly type: OutboxRecord['type']; readonly job: JobRow }
  | { readonly type: 'breaker-changed'; readonly destination: string; readonly phase: BreakerState['phase'] }
  /** A call did not end when it was told to. */
  | { readonly type: 'call-abandoned'; readonly id: string; readonly key: string }
  /** An id came again with another key or ref; the first one stands. */
  | { readonly type: 'job-conflicted'; readonly id: string };

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #rows: OutboxRows;
  readonly #loop: DeliveryLoop;
  readonly #desk: OperatorDesk;
  readonly #ages: AgeClock;
  /** Rows are read and written, and the lines told of it, in one order. */
  readonly #serial = new Serial();
  #factsWaiting = 0;
  #isClosed = false;

  private constructor(options: OutboxOptions, rows: OutboxRows) {
    this.#options = options;
    this.#rows = rows;
    this.#ages = new AgeClock(options.clock);
    this.#loop = new DeliveryLoop({
      clock: options.clock,
      random: options.random,
      deliver: options.deliver,
      deadlineMs: options.deadlineMs ?? DEADLINE_MS_DEFAULT,
      backoff: options.backoff ?? BACKOFF_DEFAULT,
      destinations: new Destinations({
        slotsMax: options.slots ?? SLOTS_DEFAULT,
        perDestinationMax: options.slotsPerDestination ?? SLOTS_PER_DESTINATION_DEFAULT,
        breaker: options.breaker ?? BREAKER_DEFAULT,
        onBreaker: (destination, state) => this.#keepBreaker(destination, state),
      }),
      destinationOf: options.destinationOf ?? ((key) => key),
      holds: (key) => (options.onQuarantine?.(key) ?? 'hold') === 'hold',
      load: (key) => this.#load(key),
      record: (record) => this.#record(record),
      onAbandoned: (key, id) => this.#tell({ type: 'call-abandoned', id, key }),
    });
    this.#desk = new OperatorDesk({
      find: (id) => this.job(id),
      record: (record) => this.#record(record),
      nowMs: () => options.clock.nowMs(),
    });
  }

  /** Whoever opens it feeds what lies behind `covered`, and then calls `run`. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const rows = await OutboxRows.open(options.level, { rebuild: options.rebuild ?? false });
    const self = new Outbox(options, rows);
    await self.#restore();
    return self;
  }

  /** Up to which position of the host's journal facts are in the rows; undefined when there are none to rely on. */
  get covered(): number | undefined {
    return this.#rows.covered;
  }

  /**
   * Facts from the host's feeds, in journal order: new jobs as they become durable, and after a restart everything behind `covered`. The
   * outbox's own records may come along; those it knows change nothing. Resolves when the rows have them.
   */
  async apply(facts: readonly OutboxFact[], options: { readonly covered?: number } = {}): Promise<void> {
    this.#assertOpen();
    if (this.#factsWaiting + facts.length > FACTS_WAITING_MAX && this.#factsWaiting > 0) {
      throw new OutboxError('OUTBOX_OVERRUN', `${this.#factsWaiting} facts wait to be applied`, {
        retryable: true,
        hint: 'await each apply before the next',
      });
    }
    this.#assertRoom(facts);
    this.#factsWaiting += facts.length;
    try {
      for (let at = 0; at === 0 || at < facts.length; at += FACTS_PER_BATCH) {
        const isLast = at + FACTS_PER_BATCH >= facts.length;
        await this.#fold(facts.slice(at, at + FACTS_PER_BATCH), isLast ? options.covered : undefined);
      }
    } finally {
      this.#factsWaiting -= facts.length;
    }
  }

  /** Delivers until `signal` aborts and every call has ended. Rejects when outcomes can no longer be made durable. */
  async run(signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    if (this.#loop.isRunning) throw new OutboxError('OUTBOX_RUNNING', 'the outbox runs already');
    await this.#loop.run(signal);
  }

  /** A person says that the way is free: breakers are closed, and everything that waits for its next try goes now. */
  hurry(): void {
    this.#assertOpen();
    this.#loop.hurry();
  }

  /** Puts a job in quarantine back in line, at its old place. */
  async retry(id: string, act: { readonly by: string }): Promise<void> {
    this.#assertOpen();
    await this.#desk.retry(id, act);
  }

  /** Settles a job in quarantine by hand; it is never delivered by us. */
  async resolve(id: string, act: { readonly by: string; readonly reason: string }): Promise<void> {
    this.#assertOpen();
    await this.#desk.resolve(id, act);
  }

  async job(id: string): Promise<JobRow | undefined> {
    this.#assertOpen();
    return await this.#rows.job(id);
  }

  /** Jobs in quarantine by key and place in line; `after` is the last one of the page before. */
  async quarantined(page: { readonly after?: JobRow; readonly limit?: number } = {}): Promise<JobRow[]> {
    this.#assertOpen();
    return await this.#rows.page('q', undefined, page.after, limitOf(page.limit));
  }

  /** Jobs of a key still in line. */
  async pending(
    key: string,
    page: { readonly after?: JobRow; readonly limit?: number } = {},
  ): Promise<JobRow[]> {
    this.#assertOpen();
    return await this.#rows.page('p', key, page.after, limitOf(page.limit));
  }

  async report(): Promise<OutboxReport> {
    this.#assertOpen();
    const time = { monotonicMs: this.#options.clock.monotonicMs(), ageNowMs: this.#ages.nowMs() };
    const keys: KeyReport[] = [];
    for (const [key, lane] of [...this.#loop.lanes()]) {
      keys.push(keyReport(lane, await this.#rows.oldest(key), time));
    }
    const destinations = this.#loop.destinations().map(({ destination, breaker, inFlight }) => ({
      destination,
      breaker: breaker.phase,
      inFlight,
      ...(breaker.phase === 'open' && { probeInMs: Math.max(0, breaker.probeAtMs - time.monotonicMs) }),
    }));
    return { totals: { ...this.#rows.totals }, ...this.#loop.counts, keys, destinations };
  }

  /** After `run` has ended. The database is the host's and stays open. */
  async close(): Promise<void> {
    assert(!this.#loop.isRunning, 'the outbox is closed after run has ended');
    this.#isClosed = true;
    this.#loop.close();
    await this.#serial.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #restore(): Promise<void> {
    const { clock, breaker = BREAKER_DEFAULT, destinationOf } = this.#options;
    this.#ages.observe(this.#rows.newestMs);
    const breakers = new Map<string, BreakerState>();
    for await (const [destination, saved] of this.#rows.breakers()) {
      breakers.set(destination, restoreBreaker(saved, clock.monotonicMs(), clock.nowMs(), breaker));
    }
    for await (const [key, counts] of this.#rows.counts()) {
      this.#loop.open(key, counts, breakers.get(destinationOf?.(key) ?? key));
    }
  }

  #fold(facts: readonly OutboxFact[], covered: number | undefined): Promise<void> {
    return this.#serial.run(async () => {
      let result: FoldResult;
      try {
        result = await this.#rows.fold(facts, covered);
      } catch (error) {
        throw this.#rowsFailed(error);
      }
      this.#ages.observe(this.#rows.newestMs);
      for (const change of result.keys) this.#loop.follow(change);
      for (const id of result.conflicts) this.#tell({ type: 'job-conflicted', id });
      for (const { fact, job } of result.keys.flatMap((change) => change.applied)) {
        if (fact.type !== 'added') this.#tell({ type: fact.type, job });
      }
    });
  }

  #load(key: string): void {
    void this.#serial
      .run(async () => this.#loop.loaded(key, await this.#rows.head(key, LANE_WINDOW_JOBS)))
      .catch((error) => this.#rowsFailed(error));
  }

  async #record(record: OutboxRecord): Promise<void> {
    try {
      await this.#options.journal.append([record]);
    } catch (cause) {
      const error = new OutboxError('OUTBOX_JOURNAL_FAILED', 'the journal did not take a record', {
        cause,
        hint: 'restart: what became durable is fed back, what did not is delivered again',
      });
      this.#loop.fail(error);
      throw error;
    }
    await this.#fold([record], undefined);
  }

  #keepBreaker(destination: string, state: BreakerState): void {
    const { clock } = this.#options;
    const saved = saveBreaker(state, clock.monotonicMs(), clock.nowMs());
    void this.#serial
      .run(() => this.#rows.saveBreaker(destination, saved))
      .catch((error) => this.#rowsFailed(error));
    this.#tell({ type: 'breaker-changed', destination, phase: state.phase });
  }

  #rowsFailed(cause: unknown): OutboxError {
    // A fact that cannot be stored is the caller's: the rows are as they were.
    if (cause instanceof OutboxError) return cause;
    const error = new OutboxError('OUTBOX_ROWS_FAILED', 'the rows cannot be read or written', {
      cause,
      hint: 'restart; if it happens again, open with rebuild',
    });
    this.#loop.fail(error);
    return error;
  }

  #tell(event: OutboxEvent): void {
    if (this.#loop.isRunning) this.#options.onEvent?.(event);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new OutboxError('OUTBOX_CLOSED', 'the outbox is closed');
  }

  #assertRoom(facts: readonly OutboxFact[]): void {
    const fresh = new Set<string>();
    for (const fact of facts) {
      if (fact.type === 'added' && !this.#loop.has(fact.key)) fresh.add(fact.key);
    }
    if (fresh.size > 0 && this.#loop.keys + fresh.size > KEYS_MAX) {
      throw new OutboxError('OUTBOX_KEYS_FULL', `${this.#loop.keys} keys have unfinished jobs`, {
        hint: 'a key is a device or an address, not a document; settle what is in quarantine',
      });
    }
  }
}

function limitOf(limit = PAGE_JOBS_MAX): number {
  return Math.max(1, Math.min(PAGE_JOBS_MAX, limit));
}
