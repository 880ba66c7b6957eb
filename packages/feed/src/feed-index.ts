/**
 * The index: where each run stands in the journal, and where each feed ends. LevelDB, handed in as a sublevel.
 *
 *     m                      position and place in the journal up to which this index is complete
 *     f <feed>               head, base and key of a feed
 *     c                      digest over all `f`
 *     r <feed> 0 <last seq>  segment, offset, length and place in the record of the run ending there
 *     s <first position>     generation of a segment
 *     d <first position>     bytes of a segment that nobody needs any more
 *     e <feed>               up to where its entries are known to stand in no segment any more
 *     w                      what `m` was before a rebuild began: a witness until it is done
 *
 * Guarantees: one batch holds everything about a group of records, so the index is complete up to `m` or does not say so; rows
 * not written yet are found in memory, so a durable run can be read at once.
 *
 * It is never trusted: it is written after fdatasync and without a sync of its own, so it may be behind and must never be ahead. Rows
 * that matter carry a CRC, the ends of feeds together a digest (LevelDB loses a damaged block of its log, any rows, and says nothing: a feed that
 * seemed shorter would be written twice), what rows point to is checked when read, and whoever doubts fills it again. What it says about
 * ends of feeds stays until then: it was written after fdatasync, so a journal that ends earlier has lost something.
 */
import type { AbstractLevel } from 'abstract-level';
import type { Clock, Timer } from 'hlc-ts';
import {
  afterRuns,
  type Covered,
  decodeCovered,
  decodeGeneration,
  decodeNumber,
  decodeRun,
  decodeTip,
  encodeCovered,
  groupOperations,
  type IndexGroup,
  key,
  numberKey,
  type Operation,
  type RunRow,
  range,
  readU64,
  runKey,
  runOperation,
  seal,
  segmentOperation,
  TipDigest,
  u64,
  unseal,
} from './index-rows.ts';
import type { FeedTip } from './intake.ts';
import type { SegmentName } from './segment.ts';
import type { FeedName } from './types.ts';

/** Rows waiting for LevelDB; beyond it the store refuses commits. About 30 MB. */
export const PENDING_ROWS_MAX = 100_000;
/** How long rows wait for those of other groups: one LevelDB batch for many. The journal knows what a crash takes away. */
export const GATHER_MS = 20;
/** Rows that are written without waiting for others. */
export const GATHERED_ROWS_MAX = 512;
/** Rows of the first page of a look-up, and of the longest: whoever goes on is reading a feed through. */
const PAGE_ROWS_MIN = 32;
const PAGE_ROWS_MAX = 512;

export interface LoadedIndex {
  /** False when it is half filled or damaged: its runs are not to be used. */
  readonly complete: boolean;
  /** What had been durable, whether complete or not; undefined when nothing is known. */
  readonly covered: Covered | undefined;
  readonly tips: readonly FeedTip[];
  readonly segments: readonly SegmentName[];
}

/** What is used of a sublevel with binary keys and values. */
interface Table {
  batch(operations: Operation[], options: { sync?: boolean }): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  iterator(range: { gte: Uint8Array; lt: Uint8Array; limit?: number }): {
    all(): Promise<[Uint8Array, Uint8Array][]>;
  };
  clear(range: { gte: Uint8Array; lt: Uint8Array }): Promise<void>;
}

export class FeedIndex {
  readonly #table: Table;
  readonly #onFailed: (error: unknown) => void;
  readonly #overlay = new Map<FeedName, RunRow[]>();
  readonly #digest = new TipDigest();
  #pending: IndexGroup[] = [];
  #pendingRows = 0;
  #running: Promise<void> | undefined;
  #failed = false;
  readonly #clock: Pick<Clock, 'setTimer'> | undefined;
  #gathering: Timer | undefined;

  private constructor(
    table: Table,
    onFailed: (error: unknown) => void,
    clock: Pick<Clock, 'setTimer'> | undefined,
  ) {
    this.#table = table;
    this.#onFailed = onFailed;
    this.#clock = clock;
  }

  static open<Format, Key, Value>(
    level: AbstractLevel<Format, Key, Value>,
    onFailed: (error: unknown) => void,
    /** Without one, nothing waits for others. */
    clock?: Pick<Clock, 'setTimer'>,
  ): FeedIndex {
    const table = level.sublevel<Uint8Array, Uint8Array>('index', {
      keyEncoding: 'view',
      valueEncoding: 'view',
    });
    return new FeedIndex(table, onFailed, clock);
  }

  get pendingRows(): number {
    return this.#pendingRows;
  }

  /** Everything but the runs. */
  async load(): Promise<LoadedIndex> {
    const meta = decodeCovered(unseal(await this.#table.get(key('m'))));
    const witness = decodeCovered(unseal(await this.#table.get(key('w'))));
    const tips: FeedTip[] = [];
    let complete = meta !== undefined;
    for (const [name, value] of await this.#table.iterator(range('f')).all()) {
      const row = unseal(value);
      if (row === undefined) complete = false;
      else tips.push(decodeTip(Buffer.from(name.subarray(1)).toString('latin1') as FeedName, row));
    }
    for (const tip of tips) this.#digest.take(tip);
    const digest = await this.#table.get(key('c'));
    const isWhole =
      digest === undefined ? tips.length === 0 : Buffer.compare(digest, this.#digest.bytes) === 0;
    complete &&= isWhole;
    const rows = await this.#table.iterator(range('s')).all();
    const segments = rows.flatMap(([name, value]): SegmentName[] => {
      const generation = decodeGeneration(value);
      if (generation === undefined) complete = false;
      return generation === undefined ? [] : [{ first: readU64(name, 1), generation }];
    });
    return { complete, covered: meta ?? witness, tips, segments };
  }

  /** Forgets where runs stand, not where feeds had ended: that is compared with what the journal turns out to hold. */
  async beginRebuild(covered: Covered | undefined): Promise<void> {
    const operations: Operation[] = [{ type: 'del', key: key('m') }];
    if (covered !== undefined) {
      operations.push({ type: 'put', key: key('w'), value: seal(encodeCovered(covered)) });
    }
    await this.#table.batch(operations, { sync: true });
    for (const kind of ['r', 's', 'd', 'e']) await this.#table.clear(range(kind));
  }

  async endRebuild(): Promise<void> {
    await this.settled();
    await this.#table.batch([{ type: 'del', key: key('w') }], {});
  }

  /** Returns at once; the rows can be found from now on and reach LevelDB soon, together with those that come meanwhile. */
  put(group: IndexGroup): void {
    for (const row of group.runs) {
      const rows = this.#overlay.get(row.feed);
      if (rows === undefined) this.#overlay.set(row.feed, [row]);
      else rows.push(row);
    }
    this.#pending.push(group);
    this.#pendingRows += group.runs.length;
    if (this.#clock === undefined || this.#pendingRows >= GATHERED_ROWS_MAX) this.#write();
    else this.#gathering ??= this.#clock.setTimer(GATHER_MS, () => this.#write());
  }

  #write(): void {
    this.#gathering?.cancel();
    this.#gathering = undefined;
    if (this.#pending.length > 0 && !this.#failed) this.#running ??= this.#flush();
  }

  /** Resolves when everything put until now is in LevelDB, or the index has failed. */
  async settled(): Promise<void> {
    this.#write();
    while (this.#running !== undefined) await this.#running;
  }

  /** Runs of a feed that hold entries from `from` on, in order. */
  async *locate(feed: FeedName, from: number): AsyncGenerator<RunRow> {
    let next = from;
    for (let limit = PAGE_ROWS_MIN; ; limit = Math.min(4 * limit, PAGE_ROWS_MAX)) {
      // The overlay first: a row leaves it only after it is in LevelDB.
      const fresh = (this.#overlay.get(feed) ?? []).filter((row) => row.last >= next);
      const page = await this.#page(feed, next, limit);
      for (const row of page) {
        yield row;
        next = row.last + 1;
      }
      if (page.length === limit) continue;
      for (const row of fresh) {
        if (row.last < next) continue;
        yield row;
        next = row.last + 1;
      }
      return;
    }
  }

  /** Forgets the runs that end at or below `upTo`; says how many bytes that leaves dead in which segment. */
  async dropRuns(feed: FeedName, upTo: number): Promise<Map<number, number>> {
    await this.settled();
    const dead = new Map<number, number>();
    const bounds = { gte: runKey(feed, 0), lt: runKey(feed, upTo + 1) };
    for (;;) {
      const rows = await this.#table.iterator({ ...bounds, limit: 1000 }).all();
      if (rows.length === 0) break;
      for (const [, value] of rows) {
        const row = decodeRun(feed, 0, value);
        if (row === undefined) continue;
        dead.set(row.segment.first, (dead.get(row.segment.first) ?? 0) + row.bytes);
      }
      await this.#table.batch(
        rows.map(([name]) => ({ type: 'del', key: name })),
        {},
      );
    }
    const totals = new Map<number, number>();
    const updates: Operation[] = [];
    for (const [first, bytes] of dead) {
      const known = await this.#table.get(numberKey('d', first));
      const total = bytes + (decodeNumber(known) ?? 0);
      totals.set(first, total);
      updates.push({ type: 'put', key: numberKey('d', first), value: u64(total) });
    }
    if (updates.length > 0) await this.#table.batch(updates, {});
    return totals;
  }

  /** Up to where the entries of a feed are known to stand in no segment; 0 when nobody knows. */
  async shreddedTo(feed: FeedName): Promise<number> {
    const known = await this.#table.get(key('e', feed));
    return decodeNumber(known) ?? 0;
  }

  async markShredded(feed: FeedName, seq: number): Promise<void> {
    await this.#table.batch([{ type: 'put', key: key('e', feed), value: u64(seq) }], { sync: true });
  }

  /** Called when a segment was rewritten or is about to be removed. Synced: files go by what is said here. */
  async moveSegment(first: number, next: SegmentName | undefined, rows: readonly RunRow[]): Promise<void> {
    // Rows that still wait may speak of where the segment was.
    await this.settled();
    const operations: Operation[] = [{ type: 'del', key: numberKey('d', first) }];
    if (next === undefined) operations.push({ type: 'del', key: numberKey('s', first) });
    else operations.push(segmentOperation(next));
    for (const row of rows) operations.push(runOperation(row));
    await this.#table.batch(operations, { sync: true });
  }

  async #page(feed: FeedName, from: number, limit: number): Promise<RunRow[]> {
    const bounds = { gte: runKey(feed, from), lt: afterRuns(feed), limit };
    const rows = await this.#table.iterator(bounds).all();
    // A row that cannot be one is as good as gone: whoever reads is told that its run is.
    return rows.flatMap(([name, value]) => decodeRun(feed, readU64(name, name.byteLength - 8), value) ?? []);
  }

  async #flush(): Promise<void> {
    await Promise.resolve();
    while (this.#pending.length > 0 && !this.#failed) {
      const groups = this.#pending;
      this.#pending = [];
      try {
        const operations = groupOperations(groups, (tips) => {
          for (const tip of tips) this.#digest.take(tip);
          return this.#digest.bytes;
        });
        await this.#table.batch(operations, {});
      } catch (error) {
        this.#failed = true;
        this.#onFailed(error);
        break;
      }
      this.#forget(groups);
    }
    this.#running = undefined;
  }

  #forget(groups: readonly IndexGroup[]): void {
    const written = new Map<FeedName, number>();
    for (const { runs } of groups) {
      this.#pendingRows -= runs.length;
      for (const { feed } of runs) written.set(feed, (written.get(feed) ?? 0) + 1);
    }
    for (const [feed, count] of written) {
      const rest = this.#overlay.get(feed)!.slice(count);
      if (rest.length === 0) this.#overlay.delete(feed);
      else this.#overlay.set(feed, rest);
    }
  }
}
