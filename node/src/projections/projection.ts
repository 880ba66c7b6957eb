/**
 * Projections turn entries into rows. The same entry twice gives the same rows, so a replay may overlap what was done.
 *
 *     store.watch / store.replay ──> Projector ──by kind──> projections ──> Rows (one batch with the position)
 *
 * Local and replicated entries take the same road, live and after a restart: there is no second way for state to come
 * about. A body that does not have its kind's shape (a newer program, a hostile peer) is passed over, counted and
 * reported once per feed; it never stops the feed.
 */
import {
  type Appended,
  type Collection,
  collectionOf,
  decodeEntry,
  type FeedName,
  type FeedStore,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { Clock, Stamp } from 'hlc-ts';
import type { Rows } from './rows.ts';

/** Commits replayed between two looks at the rest of the event loop. */
const REPLAY_SLICE_COMMITS = 64;
/** Feeds whose unreadable entries are reported one by one; beyond it only counted. */
const REPORTED_FEEDS_MAX = 256;

export interface ProjectedEntry {
  readonly feed: FeedName;
  readonly collection: Collection;
  readonly writer: WriterId;
  readonly seq: number;
  readonly hlc: Stamp;
  readonly kind: string;
  readonly body: unknown;
  /** Journal position of its commit, and its place inside. */
  readonly position: number;
  readonly index: number;
  /** Written by this device, in this or an earlier run of the program. */
  readonly local: boolean;
  /** True for entries of the past, while the node starts. */
  readonly replayed: boolean;
}

export interface Projection {
  readonly kinds: readonly string[];
  /** Called once per entry of `kinds`, in journal order. Throws when the body cannot be read. */
  apply(entry: ProjectedEntry): void;
}

export interface ProjectorOptions {
  readonly store: Pick<FeedStore, 'watch' | 'replay'>;
  readonly rows: Rows;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
  /** Called with the latest stamp of every replicated run. */
  readonly onRemote: (stamp: Stamp) => void;
  /** Called once per feed with an entry that could not be read. */
  readonly onUnreadable: (feed: FeedName, seq: number, cause: unknown) => void;
}

export class Projector {
  readonly #options: ProjectorOptions;
  readonly #byKind = new Map<string, Projection[]>();
  readonly #reported = new Set<FeedName>();
  readonly #waiters: { position: number; resolve: () => void }[] = [];
  #unwatch: (() => void) | undefined;
  #held: Appended[] | undefined = [];
  #entries = 0;
  #unreadable = 0;

  constructor(options: ProjectorOptions) {
    this.#options = options;
    for (const projection of options.projections) {
      for (const kind of projection.kinds) {
        this.#byKind.set(kind, [...(this.#byKind.get(kind) ?? []), projection]);
      }
    }
  }

  /** Entries applied, and entries passed over, since the start. */
  get counts(): { readonly entries: number; readonly unreadable: number } {
    return { entries: this.#entries, unreadable: this.#unreadable };
  }

  /** Replays what the rows lack, then follows the store. What is appended meanwhile waits its turn. */
  async start(): Promise<void> {
    const { store, rows, clock } = this.#options;
    this.#unwatch = store.watch((appended) => {
      if (this.#held === undefined) {
        this.#apply(appended, false);
        rows.startFlush();
      } else {
        this.#held.push(appended);
      }
    });
    let commits = 0;
    for await (const appended of store.replay(rows.position)) {
      this.#apply(appended, true);
      commits += 1;
      if (commits % REPLAY_SLICE_COMMITS === 0) {
        rows.startFlush();
        await rows.settled();
        await clock.yield();
      }
    }
    for (const appended of this.#held ?? []) {
      this.#apply(appended, false);
    }
    this.#held = undefined;
    rows.startFlush();
  }

  /** Resolves when rows in memory cover `position`. */
  async reached(position: number): Promise<void> {
    if (this.#options.rows.position < position) {
      await new Promise<void>((resolve) => this.#waiters.push({ position, resolve }));
    }
    await this.#options.rows.settled();
  }

  stop(): void {
    this.#unwatch?.();
  }

  #apply(appended: Appended, replayed: boolean): void {
    const { rows } = this.#options;
    if (appended.position <= rows.position) {
      return;
    }
    let index = 0;
    for (const run of appended.runs) {
      const collection = collectionOf(run.feed);
      const writer = writerOf(run.feed);
      let stamp: Stamp | undefined;
      for (let at = 0; at < run.entries.length; at++) {
        const seq = run.from + at;
        try {
          const { hlc, kind, body } = decodeEntry(run.feed, seq, run.entries[at]!);
          const place = { position: appended.position, index, local: appended.local, replayed };
          const entry: ProjectedEntry = {
            feed: run.feed,
            collection,
            writer,
            seq,
            hlc,
            kind,
            body,
            ...place,
          };
          for (const projection of this.#byKind.get(kind) ?? []) {
            projection.apply(entry);
          }
          this.#entries += 1;
          stamp = hlc;
        } catch (cause) {
          this.#passOver(run.feed, seq, cause);
        }
        index += 1;
      }
      if (stamp !== undefined && !appended.local) {
        this.#options.onRemote(stamp);
      }
    }
    rows.cover(appended.position);
    this.#wake();
  }

  #passOver(feed: FeedName, seq: number, cause: unknown): void {
    this.#unreadable += 1;
    if (!this.#reported.has(feed) && this.#reported.size < REPORTED_FEEDS_MAX) {
      this.#reported.add(feed);
      this.#options.onUnreadable(feed, seq, cause);
    }
  }

  #wake(): void {
    const { position } = this.#options.rows;
    for (let at = this.#waiters.length - 1; at >= 0; at--) {
      const waiter = this.#waiters[at]!;
      if (waiter.position <= position) {
        this.#waiters.splice(at, 1);
        waiter.resolve();
      }
    }
  }
}
