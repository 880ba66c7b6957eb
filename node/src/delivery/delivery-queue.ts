/**
 * One outbox of the node with its feed of facts: opened, followed, run and closed together.
 *
 *     store ──FactFeed──> Outbox ──deliver──> the world
 *       ▲                    │
 *       └──── a commit ◀─────┘ every outcome
 *
 * A queue that delivers nothing itself (the register does so) is open all the same: its jobs are ended by what is observed.
 */
import type { FeedStore } from '@branchline/feed';
import { type Deliver, type JobRow, Outbox, type OutboxEvent, type OutboxReport } from '@branchline/outbox';
import type { AbstractLevel } from 'abstract-level';
import type { Clock, Random } from 'hlc-ts';
import { FactFeed, type FactFeedOptions } from './fact-feed.ts';
import { type Commit, type OutboxJournalOptions, outboxJournal } from './outbox-journal.ts';

// biome-ignore lint/suspicious/noExplicitAny: any database, whatever its own formats
export type AnyLevel = AbstractLevel<any, any, any>;

export interface DeliveryPorts {
  readonly store: FeedStore;
  /** A level of its own for all queues. */
  readonly level: AnyLevel;
  readonly clock: Clock;
  readonly random: Random;
  readonly commit: Commit;
  readonly onFailure: (error: Error) => void;
}

export interface DeliveryQueueOptions extends DeliveryPorts {
  readonly name: string;
  readonly collection: string;
  readonly reads: FactFeedOptions['reads'];
  readonly factsOf: FactFeedOptions['factsOf'];
  readonly beforeApply?: () => Promise<void>;
  readonly writes?: OutboxJournalOptions['writes'];
  /** Left out: nothing is delivered from here. */
  readonly deliver?: Deliver | undefined;
  readonly deadlineMs: number;
  readonly onQuarantine: 'hold' | 'pass';
  readonly destinationOf?: (key: string) => string;
  readonly onEvent?: (event: OutboxEvent) => void;
}

export class DeliveryQueue {
  readonly name: string;
  readonly #options: DeliveryQueueOptions;
  readonly #outbox: Outbox;
  readonly #feed: FactFeed;
  readonly #stop: AbortController;
  #report: OutboxReport | undefined;
  #reporting: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: DeliveryQueueOptions, outbox: Outbox, stop: AbortController) {
    this.name = options.name;
    this.#options = options;
    this.#outbox = outbox;
    this.#stop = stop;
    this.#feed = new FactFeed({ ...options, outbox, onApplied: () => this.#note() });
  }

  static async open(options: DeliveryQueueOptions): Promise<DeliveryQueue> {
    const { level, commit, clock, random, collection, writes, deliver, onQuarantine, destinationOf } =
      options;
    const stop = new AbortController();
    // Nothing happens before it runs, and by then it is there.
    const late = {} as { self: DeliveryQueue };
    const journal = outboxJournal({
      commit,
      clock,
      collection,
      signal: stop.signal,
      ...(writes === undefined ? {} : { writes }),
    });
    const outbox = await Outbox.open({
      level: level.sublevel(options.name),
      journal,
      deliver: deliver ?? nobody,
      clock,
      random,
      deadlineMs: options.deadlineMs,
      onQuarantine: () => onQuarantine,
      ...(destinationOf === undefined ? {} : { destinationOf }),
      onEvent: (event) => {
        late.self.#note();
        options.onEvent?.(event);
      },
    });
    late.self = new DeliveryQueue(options, outbox, stop);
    return late.self;
  }

  /** Resolves when what the feeds say is in the rows; from then on it delivers. */
  async start(): Promise<void> {
    await this.#feed.start();
    this.#report = await this.#outbox.report();
    if (this.#options.deliver !== undefined && !this.#stop.signal.aborted) {
      this.#running = this.#outbox.run(this.#stop.signal).catch((error: Error) => {
        if (!this.#stop.signal.aborted) {
          this.#options.onFailure(error);
        }
      });
    }
  }

  /** Called before commits end: an outcome under way may still be written down. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the node stops'));
    await this.#running;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#feed.stop();
    await this.#reporting;
    await this.#outbox.close();
  }

  get delivers(): boolean {
    return this.#options.deliver !== undefined;
  }

  /** As of a moment ago; undefined until it has started. */
  get lastReport(): OutboxReport | undefined {
    return this.#report;
  }

  report(): Promise<OutboxReport> {
    return this.#outbox.report();
  }

  /** How far its rows are; undefined when they were made anew. */
  get covered(): number | undefined {
    return this.#outbox.covered;
  }

  job(id: string): Promise<JobRow | undefined> {
    return this.#outbox.job(id);
  }

  quarantined(page: { readonly after?: JobRow; readonly limit?: number }): Promise<JobRow[]> {
    return this.#outbox.quarantined(page);
  }

  pending(key: string, limit: number): Promise<JobRow[]> {
    return this.#outbox.pending(key, { limit });
  }

  /** A person says that the way is free: whatever waits for its next try goes now. */
  hurry(): void {
    this.#outbox.hurry();
  }

  /** Resolves when everything committed before the call is known here. */
  settled(): Promise<void> {
    return this.#feed.settled();
  }

  /** One report at a time; what happens meanwhile is in the next. */
  #note(): void {
    this.#reporting ??= this.#options.clock
      .yield()
      .then(async () => {
        this.#report = await this.#outbox.report();
      })
      .catch(() => undefined)
      .finally(() => {
        this.#reporting = undefined;
      });
  }
}

const nobody: Deliver = async () => {
  throw new Error('nothing is delivered from here');
};
