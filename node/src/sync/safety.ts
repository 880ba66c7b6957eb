/**
 * Which of this device's entries no other machine holds yet, and how old the oldest of them is; those it wrote under earlier keys
 * included.
 *
 * A peer's acknowledgement means the entry is on the peer's disk. The highest acknowledged number per feed is kept in a
 * row, so that a restart without a network does not make everything look unsent.
 *
 * Ages come from marks: when a commit of a feed became durable here, by the wall clock; of own entries from before the start, their
 * stamp. Too many marks are thinned to every second one, so an age may be too high by the gap of two marks, never too low.
 */
import {
  collectionOf,
  DurableMarks,
  decodeEntry,
  type FeedName,
  type FeedStore,
  familyOf,
  type PeerProgress,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import { stampMs } from 'hlc-ts';
import type { Rows } from '../projections/rows.ts';

const ACKED_ROW = 'a/acked';

export interface Unsent {
  readonly entries: number;
  /** Wall clock when the oldest one was written. */
  readonly oldestMs: number | undefined;
}

export class Safety {
  readonly #store: FeedStore;
  readonly #rows: Rows;
  readonly #writers: ReadonlySet<WriterId>;
  readonly #acked: Map<string, number>;
  readonly #marks: DurableMarks;

  private constructor(
    store: FeedStore,
    rows: Rows,
    writers: ReadonlySet<WriterId>,
    acked: Map<string, number>,
    marks: DurableMarks,
  ) {
    this.#store = store;
    this.#rows = rows;
    this.#writers = writers;
    this.#acked = acked;
    this.#marks = marks;
  }

  static async open(options: {
    readonly store: FeedStore;
    readonly rows: Rows;
    /** This device's key, and those it had before. */
    readonly writers: readonly WriterId[];
    readonly nowMs: () => number;
  }): Promise<Safety> {
    const { store, rows, writers, nowMs } = options;
    const text = await rows.getText(ACKED_ROW);
    const acked = new Map<string, number>(text === undefined ? [] : JSON.parse(text));
    const marks = new DurableMarks(nowMs());
    const safety = new Safety(store, rows, new Set(writers), acked, marks);
    await safety.#markOld();
    store.watch((appended) => marks.add(appended, nowMs()));
    return safety;
  }

  /** Called with what peers have acknowledged by now. */
  note(progress: readonly PeerProgress[]): void {
    let grew = false;
    for (const { feeds } of progress) {
      for (const { feed, ackedUpTo } of feeds) {
        if (this.#isOwn(feed) && ackedUpTo > (this.#acked.get(feed) ?? 0)) {
          this.#acked.set(feed, ackedUpTo);
          grew = true;
        }
      }
    }
    if (grew) {
      this.#rows.putText(ACKED_ROW, JSON.stringify([...this.#acked]));
    }
  }

  unsent(): Unsent {
    let entries = 0;
    let oldestMs: number | undefined;
    for (const [feed, from, head] of this.#open()) {
      entries += head - from + 1;
      oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, this.#marks.durableMs(feed, from));
    }
    return { entries, oldestMs };
  }

  /** When an entry became durable here, whoever wrote it. */
  durableMs(feed: FeedName, seq: number): number {
    return this.#marks.durableMs(feed, seq);
  }

  #isOwn(feed: FeedName): boolean {
    return this.#writers.has(writerOf(feed)) && familyOf(collectionOf(feed)) !== 'local';
  }

  /** Own feeds with entries nobody else holds: the first such number and the last. */
  *#open(): Generator<[feed: FeedName, from: number, head: number]> {
    for (const [feed, { head, base }] of this.#store.feeds()) {
      if (this.#isOwn(feed)) {
        const from = Math.max(this.#acked.get(feed) ?? 0, base.seq) + 1;
        if (from <= head.seq) {
          yield [feed, from, head.seq];
        }
      }
    }
  }

  /** What waits since before this start. */
  async #markOld(): Promise<void> {
    for (const [feed, from] of this.#open()) {
      const run = await this.#store.read(feed, from, 1);
      if (run !== undefined) {
        const { hlc } = decodeEntry(feed, run.from, run.entries[0]!);
        this.#marks.add({ runs: [{ feed, from }] }, stampMs(hlc));
      }
    }
  }
}
