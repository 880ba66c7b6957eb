/**
 * Segment files: how they are named, what stands at their start, and walking over their records.
 *
 * A name is `<first position, 16 digits>-<generation>.seg`. The header repeats both with the tenant and its own CRC, so a file
 * that was renamed, copied in from elsewhere or cut is recognised. Compaction writes a new generation; the highest counts.
 *
 * The walk reads forward in blocks and stops at the first record that is not whole; it says where and why, its caller says
 * what that means (a torn tail, or damage).
 */
import { crc32c } from './crc32c.ts';
import type { DiskFile } from './disk.ts';
import {
  decodeRecord,
  FRAME_BYTES,
  frameIntact,
  frameLength,
  framePosition,
  type JournalRecord,
} from './record.ts';

export const HEADER_BYTES = 256;
export const TENANT_BYTES_MAX = 200;
export const FORMAT_VERSION = 1;
const READ_BLOCK_BYTES = 1024 * 1024;
const MAGIC = 'branchline jrnl\n';

export interface SegmentName {
  /** Position of the first record it may hold. */
  readonly first: number;
  readonly generation: number;
}

/** A record and where it stands. */
export interface Located {
  readonly record: JournalRecord;
  readonly offset: number;
  /** With its frame. */
  readonly length: number;
}

/** Why a walk ended before the end of the file. */
export interface Fault {
  readonly offset: number;
  readonly what: string;
}

export function segmentFile(name: SegmentName): string {
  return `${String(name.first).padStart(16, '0')}-${name.generation}.seg`;
}

export function parseSegmentFile(file: string): SegmentName | undefined {
  const match = /^(\d{16})-(\d{1,9})\.seg$/.exec(file);
  return match === null ? undefined : { first: Number(match[1]), generation: Number(match[2]) };
}

export function encodeHeader(name: SegmentName, tenant: string): Uint8Array {
  const out = Buffer.alloc(HEADER_BYTES);
  out.write(MAGIC, 0, 'latin1');
  out.writeUInt16BE(FORMAT_VERSION, 16);
  out.writeBigUInt64BE(BigInt(name.first), 18);
  out.writeUInt32BE(name.generation, 26);
  out.writeUInt16BE(Buffer.byteLength(tenant), 30);
  out.write(tenant, 32);
  out.writeUInt32BE(crc32c(out, 0, HEADER_BYTES - 4), HEADER_BYTES - 4);
  return out;
}

export type Header = { readonly name: SegmentName; readonly tenant: string } | { readonly fault: string };

export function decodeHeader(bytes: Uint8Array): Header {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.byteLength < HEADER_BYTES) return { fault: 'its header is cut off' };
  if (header.toString('latin1', 0, 16) !== MAGIC) return { fault: 'it does not start as a journal segment' };
  if (header.readUInt32BE(HEADER_BYTES - 4) !== crc32c(header, 0, HEADER_BYTES - 4)) {
    return { fault: 'its header is damaged' };
  }
  const version = header.readUInt16BE(16);
  if (version !== FORMAT_VERSION) {
    return { fault: `it has journal format ${version}, this program knows ${FORMAT_VERSION}` };
  }
  const name = { first: Number(header.readBigUInt64BE(18)), generation: header.readUInt32BE(26) };
  return { name, tenant: header.toString('utf8', 32, 32 + header.readUInt16BE(30)) };
}

/** Reads records from `start` to `end`. Returns undefined at a clean end, else the fault that stopped it. */
export async function* walkRecords(
  file: Pick<DiskFile, 'read'>,
  start: number,
  end: number,
  skipTo = 0,
): AsyncGenerator<Located, Fault | undefined> {
  let block: Uint8Array = new Uint8Array(0);
  let blockStart = start;
  let offset = start;
  const have = async (bytes: number): Promise<boolean> => {
    if (offset + bytes <= blockStart + block.byteLength) return true;
    if (offset + bytes > end) return false;
    block = await file.read(offset, Math.min(Math.max(bytes, READ_BLOCK_BYTES), end - offset));
    blockStart = offset;
    return block.byteLength >= bytes;
  };
  while (offset < end) {
    if (!(await have(FRAME_BYTES))) return { offset, what: 'the record is cut off' };
    const length = frameLength(block, offset - blockStart);
    if (length === undefined) return { offset, what: 'the record has an impossible length' };
    const total = FRAME_BYTES + length;
    if (!(await have(total))) return { offset, what: 'the record is cut off' };
    const at = offset - blockStart;
    if (framePosition(block, at).position >= skipTo) {
      if (!frameIntact(block, at, length)) return { offset, what: 'the record fails its checksum' };
      const record = decodeRecord(block.subarray(at, at + total));
      if (record === undefined) return { offset, what: 'the record cannot be decoded' };
      yield { record, offset, length: total };
    }
    offset += total;
  }
  return undefined;
}

/**
 * The first whole record after a fault, if there is one; `expected` is the position the bad record should have had.
 *
 * `durable` is the greatest that any record after the fault vouches for, as far as it takes to tell: the one that follows next may have been
 * written together with the bad one and then knows nothing about it, while a later one does.
 */
export async function findGoodRecord(
  file: Pick<DiskFile, 'read'>,
  fault: number,
  end: number,
  expected: number,
): Promise<{ offset: number; durable: number } | undefined> {
  const bytes = await file.read(fault, end - fault);
  let first: { offset: number; durable: number } | undefined;
  for (let at = 1; at + FRAME_BYTES + 18 <= bytes.byteLength; at += 1) {
    const length = frameLength(bytes, at);
    if (length === undefined || at + FRAME_BYTES + length > bytes.byteLength) continue;
    const { position, durable } = framePosition(bytes, at);
    // Cheap and rarely true by chance, so that the checksum is computed for few of the offsets.
    if (position < expected || position > expected + bytes.byteLength || durable > position) continue;
    if (!frameIntact(bytes, at, length)) continue;
    first ??= { offset: fault + at, durable };
    if (durable >= expected) return { offset: first.offset, durable };
    at += FRAME_BYTES + length - 1;
  }
  return first;
}
