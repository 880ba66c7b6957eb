/**
 * The index: where each run stands in the journal, and where each feed ends. LevelDB, handed in as a sublevel.
 *
 *     m                      position and place in the journal up to which this index is complete
 *     f <feed>               head, base and key of a feed
 *     r <feed> 0 <last seq>  segment, offset, length and place in the record of the run ending there
 *     s <first position>     generation of a segment
 *     d <first position>     bytes of a segment that nobody needs any more
 *     w                      what `m` was before a rebuild began: a witness until it is done
 *
 * Guarantees: one batch holds everything about a group of records, so the index is complete up to `m` or does not say so; rows
 * not written yet are found in memory, so a durable run can be read at once.
 *
 * It is never trusted: it is written after fdatasync and without a sync of its own, so it may be behind and must never be ahead. Rows
 * that matter carry a CRC, what they point to is checked when read, and whoever doubts fills it again. What it says about
 * ends of feeds stays until then: it was written after fdatasync, so a journal that ends earlier has lost something.
 */
import type { AbstractLevel } from 'abstract-level';
import { crc32c } from './crc32c.ts';
import type { FeedTip } from './intake.ts';
import type { SegmentName } from './segment.ts';
import type { FeedName } from './types.ts';

/** Rows waiting for LevelDB; beyond it the store refuses commits. About 30 MB. */
export const PENDING_ROWS_MAX = 100_000;
const PAGE_ROWS = 32;
const INDEX_VERSION = 1;

/** Where a run stands. */
export interface RunRow {
  readonly feed: FeedName;
  readonly from: number;
  readonly last: number;
  readonly segment: SegmentName;
  /** Of the record, with its frame. */
  readonly offset: number;
  readonly length: number;
  /** Which run of the record. */
  readonly place: number;
  /** Bytes the run takes in the record. */
  readonly bytes: number;
}

/** Up to where the index is complete. */
export interface Covered {
  readonly position: number;
  readonly segment: SegmentName;
  /** Offset behind the last record covered. */
  readonly end: number;
}

/** What one group of records adds. */
export interface IndexGroup {
  readonly runs: readonly RunRow[];
  readonly tips: readonly FeedTip[];
  readonly segments: readonly SegmentName[];
  /** Undefined while rebuilding: an index half filled must not look complete. */
  readonly covered: Covered | undefined;
}

export interface LoadedIndex {
  /** False when it is half filled or damaged: its runs are not to be used. */
  readonly complete: boolean;
  /** What had been durable, whether complete or not; undefined when nothing is known. */
  readonly covered: Covered | undefined;
  readonly tips: readonly FeedTip[];
  readonly segments: readonly SegmentName[];
}

type Operation = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array };

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
  #pending: IndexGroup[] = [];
  #pendingRows = 0;
  #running: Promise<void> | undefined;
  #failed = false;

  private constructor(table: Table, onFailed: (error: unknown) => void) {
    this.#table = table;
    this.#onFailed = onFailed;
  }

  static open<Format, Key, Value>(
    level: AbstractLevel<Format, Key, Value>,
    onFailed: (error: unknown) => void,
  ): FeedIndex {
    const table = level.sublevel<Uint8Array, Uint8Array>('index', {
      keyEncoding: 'view',
      valueEncoding: 'view',
    });
    return new FeedIndex(table, onFailed);
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
    const rows = await this.#table.iterator(range('s')).all();
    const segments = rows.map(([name, value]) => ({
      first: readU64(name, 1),
      generation: Buffer.from(value).readUInt32BE(0),
    }));
    return { complete, covered: meta ?? witness, tips, segments };
  }

  /** Forgets where runs stand, not where feeds had ended: that is compared with what the journal turns out to hold. */
  async beginRebuild(covered: Covered | undefined): Promise<void> {
    const operations: Operation[] = [{ type: 'del', key: key('m') }];
    if (covered !== undefined) {
      operations.push({ type: 'put', key: key('w'), value: seal(encodeCovered(covered)) });
    }
    await this.#table.batch(operations, { sync: true });
    for (const kind of ['r', 's', 'd']) await this.#table.clear(range(kind));
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
    this.#running ??= this.#flush();
  }

  /** Resolves when everything put until now is in LevelDB, or the index has failed. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Runs of a feed that hold entries from `from` on, in order. */
  async *locate(feed: FeedName, from: number): AsyncGenerator<RunRow> {
    let next = from;
    for (;;) {
      // The overlay first: a row leaves it only after it is in LevelDB.
      const fresh = (this.#overlay.get(feed) ?? []).filter((row) => row.last >= next);
      const page = await this.#page(feed, next);
      for (const row of page) {
        yield row;
        next = row.last + 1;
      }
      if (page.length === PAGE_ROWS) continue;
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
      const total = bytes + (known === undefined ? 0 : readU64(known, 0));
      totals.set(first, total);
      updates.push({ type: 'put', key: numberKey('d', first), value: u64(total) });
    }
    if (updates.length > 0) await this.#table.batch(updates, {});
    return totals;
  }

  /** Called when a segment was rewritten or is about to be removed. Synced: files go by what is said here. */
  async moveSegment(first: number, next: SegmentName | undefined, rows: readonly RunRow[]): Promise<void> {
    const operations: Operation[] = [{ type: 'del', key: numberKey('d', first) }];
    if (next === undefined) operations.push({ type: 'del', key: numberKey('s', first) });
    else operations.push(segmentOperation(next));
    for (const row of rows) operations.push(runOperation(row));
    await this.#table.batch(operations, { sync: true });
  }

  async #page(feed: FeedName, from: number): Promise<RunRow[]> {
    const bounds = { gte: runKey(feed, from), lt: afterRuns(feed), limit: PAGE_ROWS };
    const rows = await this.#table.iterator(bounds).all();
    return rows.map(([name, value]) => decodeRun(feed, readU64(name, name.byteLength - 8), value));
  }

  async #flush(): Promise<void> {
    await Promise.resolve();
    while (this.#pending.length > 0 && !this.#failed) {
      const groups = this.#pending;
      this.#pending = [];
      try {
        await this.#table.batch(groupOperations(groups), {});
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

/** The last tip of each feed and the last covered place win; runs are all kept. */
function groupOperations(groups: readonly IndexGroup[]): Operation[] {
  const operations: Operation[] = [];
  const tips = new Map<FeedName, FeedTip>();
  const segments = new Map<number, SegmentName>();
  let covered: Covered | undefined;
  for (const group of groups) {
    for (const row of group.runs) operations.push(runOperation(row));
    for (const tip of group.tips) tips.set(tip.feed, tip);
    for (const segment of group.segments) segments.set(segment.first, segment);
    covered = group.covered ?? covered;
  }
  for (const tip of tips.values()) {
    operations.push({ type: 'put', key: key('f', tip.feed), value: seal(encodeTip(tip)) });
  }
  for (const segment of segments.values()) operations.push(segmentOperation(segment));
  if (covered !== undefined) {
    operations.push({ type: 'put', key: key('m'), value: seal(encodeCovered(covered)) });
  }
  return operations;
}

function runOperation(row: RunRow): Operation {
  const value = Buffer.allocUnsafe(34);
  let at = writeU64(value, row.segment.first, 0);
  at = value.writeUInt32BE(row.segment.generation, at);
  at = value.writeUInt32BE(row.offset, at);
  at = value.writeUInt32BE(row.length, at);
  at = value.writeUInt16BE(row.place, at);
  at = value.writeUInt32BE(row.bytes, at);
  writeU64(value, row.from, at);
  return { type: 'put', key: runKey(row.feed, row.last), value };
}

function decodeRun(feed: FeedName, last: number, value: Uint8Array): RunRow {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return {
    feed,
    last,
    segment: { first: readU64(bytes, 0), generation: bytes.readUInt32BE(8) },
    offset: bytes.readUInt32BE(12),
    length: bytes.readUInt32BE(16),
    place: bytes.readUInt16BE(20),
    bytes: bytes.readUInt32BE(22),
    from: readU64(bytes, 26),
  };
}

function segmentOperation(segment: SegmentName): Operation {
  const value = Buffer.allocUnsafe(4);
  value.writeUInt32BE(segment.generation, 0);
  return { type: 'put', key: numberKey('s', segment.first), value };
}

function encodeTip(tip: FeedTip): Buffer {
  return Buffer.concat([u64(tip.head.seq), tip.head.hash, u64(tip.base.seq), tip.base.hash, tip.key]);
}

function decodeTip(feed: FeedName, row: Uint8Array): FeedTip {
  return {
    feed,
    head: { seq: readU64(row, 0), hash: row.slice(8, 40) },
    base: { seq: readU64(row, 40), hash: row.slice(48, 80) },
    key: row.slice(80, 112),
  };
}

function encodeCovered(covered: Covered): Buffer {
  const out = Buffer.allocUnsafe(25);
  out[0] = INDEX_VERSION;
  let at = writeU64(out, covered.position, 1);
  at = writeU64(out, covered.segment.first, at);
  at = out.writeUInt32BE(covered.segment.generation, at);
  out.writeUInt32BE(covered.end, at);
  return out;
}

function decodeCovered(row: Uint8Array | undefined): Covered | undefined {
  if (row === undefined || row[0] !== INDEX_VERSION) return undefined;
  const bytes = Buffer.from(row);
  return {
    position: readU64(bytes, 1),
    segment: { first: readU64(bytes, 9), generation: bytes.readUInt32BE(17) },
    end: bytes.readUInt32BE(21),
  };
}

/** A row behind its CRC. */
function seal(row: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(4 + row.byteLength);
  out.writeUInt32BE(crc32c(row), 0);
  out.set(row, 4);
  return out;
}

function unseal(value: Uint8Array | undefined): Uint8Array | undefined {
  if (value === undefined || value.byteLength < 4) return undefined;
  const row = value.subarray(4);
  const stored = Buffer.from(value.buffer, value.byteOffset, 4).readUInt32BE(0);
  return stored === crc32c(row) ? row : undefined;
}

function key(kind: string, name = ''): Uint8Array {
  return Buffer.from(kind + name, 'latin1');
}

function numberKey(kind: string, value: number): Uint8Array {
  return Buffer.concat([Buffer.from(kind, 'latin1'), u64(value)]);
}

function runKey(feed: FeedName, last: number): Uint8Array {
  const out = Buffer.allocUnsafe(feed.length + 10);
  out[0] = 0x72;
  out.write(feed, 1, 'latin1');
  out[feed.length + 1] = 0;
  writeU64(out, last, feed.length + 2);
  return out;
}

/** Sorts behind every run of the feed and before those of the next. */
function afterRuns(feed: FeedName): Uint8Array {
  return Buffer.from(`r${feed}\u0001`, 'latin1');
}

function range(kind: string): { gte: Uint8Array; lt: Uint8Array } {
  return { gte: key(kind), lt: Buffer.from([kind.charCodeAt(0) + 1]) };
}

function u64(value: number): Uint8Array {
  const out = Buffer.allocUnsafe(8);
  writeU64(out, value, 0);
  return out;
}

function writeU64(out: Buffer, value: number, at: number): number {
  out.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  return out.writeUInt32BE(value >>> 0, at + 4);
}

function readU64(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
