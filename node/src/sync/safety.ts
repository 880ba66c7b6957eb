/**
 * Which of this device's entries no other machine holds yet, and how old the oldest of them is.
 *
 * A peer's acknowledgement means the entry is on the peer's disk. The highest acknowledged number per feed is kept in a
 * row, so that a restart without a network does not make everything look unsent.
 */
import {
  collectionOf,
  decodeEntry,
  type FeedName,
  type FeedStore,
  type PeerProgress,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import { stampMs } from 'hlc-ts';
import type { Rows } from '../projections/rows.ts';

interface OldestEntry {
  readonly feed: FeedName;
  readonly seq: number;
  readonly ms: number;
}

const ACKED_ROW = 'a/acked';

export interface Unsent {
  readonly entries: number;
  /** Wall clock of the oldest one's stamp. */
  readonly oldestMs: number | undefined;
}

export class Safety {
  readonly #store: FeedStore;
  readonly #rows: Rows;
  readonly #writer: WriterId;
  readonly #acked: Map<string, number>;
  #oldest: OldestEntry | undefined;

  private constructor(store: FeedStore, rows: Rows, writer: WriterId, acked: Map<string, number>) {
    this.#store = store;
    this.#rows = rows;
    this.#writer = writer;
    this.#acked = acked;
  }

  static async open(options: { store: FeedStore; rows: Rows; writer: WriterId }): Promise<Safety> {
    const text = await options.rows.getText(ACKED_ROW);
    const acked = new Map<string, number>(text === undefined ? [] : JSON.parse(text));
    return new Safety(options.store, options.rows, options.writer, acked);
  }

  /** Called now and then: as `note`, and finds out how old the oldest entry is that nobody else holds. */
  async look(progress: readonly PeerProgress[]): Promise<void> {
    this.note(progress);
    this.#oldest = await this.#findOldest();
  }

  /** Called with what peers have acknowledged by now. */
  note(progress: readonly PeerProgress[]): void {
    let grew = false;
    for (const { feeds } of progress) {
      for (const { feed, ackedUpTo } of feeds) {
        if (writerOf(feed) === this.#writer && ackedUpTo > (this.#acked.get(feed) ?? 0)) {
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
    for (const [, from, head] of this.#open()) {
      entries += head - from + 1;
    }
    return { entries, oldestMs: entries === 0 ? undefined : this.#oldest?.ms };
  }

  /** Own feeds with entries nobody else holds: the first such number and the last. */
  *#open(): Generator<[feed: FeedName, from: number, head: number]> {
    for (const [feed, { head, base }] of this.#store.feeds()) {
      if (writerOf(feed) === this.#writer && collectionOf(feed) !== 'local') {
        const from = Math.max(this.#acked.get(feed) ?? 0, base.seq) + 1;
        if (from <= head.seq) {
          yield [feed, from, head.seq];
        }
      }
    }
  }

  async #findOldest(): Promise<OldestEntry | undefined> {
    let oldest: OldestEntry | undefined;
    for (const [feed, from] of this.#open()) {
      const known = this.#oldest;
      const ms = known?.feed === feed && known.seq === from ? known.ms : await this.#stampMsOf(feed, from);
      if (ms !== undefined && (oldest === undefined || ms < oldest.ms)) {
        oldest = { feed, seq: from, ms };
      }
    }
    return oldest;
  }

  async #stampMsOf(feed: FeedName, seq: number): Promise<number | undefined> {
    const run = await this.#store.read(feed, seq, 1);
    return run === undefined ? undefined : stampMs(decodeEntry(feed, run.from, run.entries[0]!).hlc);
  }
}
