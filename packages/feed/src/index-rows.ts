/**
 * The rows of the index as keys and values: numbers big-endian, so that keys sort by number, and rows that matter behind a CRC.
 */
import { createHash } from 'node:crypto';
import { crc32c } from './crc32c.ts';
import type { FeedTip } from './intake.ts';
import type { SegmentName } from './segment.ts';
import type { FeedName } from './types.ts';

const INDEX_VERSION = 1;
const DIGEST_BYTES = 16;
const RUN_ROW_BYTES = 34;
const GENERATION_BYTES = 4;

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

export type Operation =
  | { type: 'put'; key: Uint8Array; value: Uint8Array }
  | { type: 'del'; key: Uint8Array };

/**
 * The last tip of each feed and the last covered place win; runs are all kept. `digest` is told of the tips that are written and gives that of
 * all there are then.
 */
export function groupOperations(
  groups: readonly IndexGroup[],
  digest: (tips: Iterable<FeedTip>) => Uint8Array,
): Operation[] {
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
  if (tips.size > 0) operations.push({ type: 'put', key: key('c'), value: digest(tips.values()) });
  for (const segment of segments.values()) operations.push(segmentOperation(segment));
  if (covered !== undefined) {
    operations.push({ type: 'put', key: key('m'), value: seal(encodeCovered(covered)) });
  }
  return operations;
}

export function runOperation(row: RunRow): Operation {
  const value = Buffer.allocUnsafe(RUN_ROW_BYTES);
  let at = writeU64(value, row.segment.first, 0);
  at = value.writeUInt32BE(row.segment.generation, at);
  at = value.writeUInt32BE(row.offset, at);
  at = value.writeUInt32BE(row.length, at);
  at = value.writeUInt16BE(row.place, at);
  at = value.writeUInt32BE(row.bytes, at);
  writeU64(value, row.from, at);
  return { type: 'put', key: runKey(row.feed, row.last), value };
}

export function decodeRun(feed: FeedName, last: number, value: Uint8Array): RunRow | undefined {
  if (value.byteLength !== RUN_ROW_BYTES) return undefined;
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

export function segmentOperation(segment: SegmentName): Operation {
  const value = Buffer.allocUnsafe(GENERATION_BYTES);
  value.writeUInt32BE(segment.generation, 0);
  return { type: 'put', key: numberKey('s', segment.first), value };
}

export function decodeGeneration(value: Uint8Array): number | undefined {
  return value.byteLength === GENERATION_BYTES ? Buffer.from(value).readUInt32BE(0) : undefined;
}

/** Of any number of tips in any order: what LevelDB loses in silence, one row or a block of them, changes it. */
export class TipDigest {
  readonly #sum = Buffer.alloc(DIGEST_BYTES);
  readonly #parts = new Map<FeedName, Buffer>();

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#sum);
  }

  /** In the place of the tip that the feed had. */
  take(tip: FeedTip): void {
    const part = createHash('sha256')
      .update(tip.feed)
      .update(encodeTip(tip))
      .digest()
      .subarray(0, DIGEST_BYTES);
    const former = this.#parts.get(tip.feed);
    this.#parts.set(tip.feed, part);
    for (let at = 0; at < DIGEST_BYTES; at += 1) this.#sum[at]! ^= part[at]! ^ (former?.[at] ?? 0);
  }
}

function encodeTip(tip: FeedTip): Buffer {
  return Buffer.concat([u64(tip.head.seq), tip.head.hash, u64(tip.base.seq), tip.base.hash, tip.key]);
}

export function decodeTip(feed: FeedName, row: Uint8Array): FeedTip {
  return {
    feed,
    head: { seq: readU64(row, 0), hash: row.slice(8, 40) },
    base: { seq: readU64(row, 40), hash: row.slice(48, 80) },
    key: row.slice(80, 112),
  };
}

export function encodeCovered(covered: Covered): Buffer {
  const out = Buffer.allocUnsafe(25);
  out[0] = INDEX_VERSION;
  let at = writeU64(out, covered.position, 1);
  at = writeU64(out, covered.segment.first, at);
  at = out.writeUInt32BE(covered.segment.generation, at);
  out.writeUInt32BE(covered.end, at);
  return out;
}

export function decodeCovered(row: Uint8Array | undefined): Covered | undefined {
  if (row === undefined || row[0] !== INDEX_VERSION) return undefined;
  const bytes = Buffer.from(row);
  return {
    position: readU64(bytes, 1),
    segment: { first: readU64(bytes, 9), generation: bytes.readUInt32BE(17) },
    end: bytes.readUInt32BE(21),
  };
}

/** A row behind its CRC. */
export function seal(row: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(4 + row.byteLength);
  out.writeUInt32BE(crc32c(row), 0);
  out.set(row, 4);
  return out;
}

export function unseal(value: Uint8Array | undefined): Uint8Array | undefined {
  if (value === undefined || value.byteLength < 4) return undefined;
  const row = value.subarray(4);
  const stored = Buffer.from(value.buffer, value.byteOffset, 4).readUInt32BE(0);
  return stored === crc32c(row) ? row : undefined;
}

export function key(kind: string, name = ''): Uint8Array {
  return Buffer.from(kind + name, 'latin1');
}

export function numberKey(kind: string, value: number): Uint8Array {
  return Buffer.concat([Buffer.from(kind, 'latin1'), u64(value)]);
}

export function runKey(feed: FeedName, last: number): Uint8Array {
  const out = Buffer.allocUnsafe(feed.length + 10);
  out[0] = 0x72;
  out.write(feed, 1, 'latin1');
  out[feed.length + 1] = 0;
  writeU64(out, last, feed.length + 2);
  return out;
}

/** Sorts behind every run of the feed and before those of the next. */
export function afterRuns(feed: FeedName): Uint8Array {
  return Buffer.from(`r${feed}\u0001`, 'latin1');
}

export function range(kind: string): { gte: Uint8Array; lt: Uint8Array } {
  return { gte: key(kind), lt: Buffer.from([kind.charCodeAt(0) + 1]) };
}

export function u64(value: number): Uint8Array {
  const out = Buffer.allocUnsafe(8);
  writeU64(out, value, 0);
  return out;
}

export function decodeNumber(value: Uint8Array | undefined): number | undefined {
  return value?.byteLength === 8 ? readU64(value, 0) : undefined;
}

function writeU64(out: Buffer, value: number, at: number): number {
  out.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  return out.writeUInt32BE(value >>> 0, at + 4);
}

export function readU64(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
