/**
 * Journal records as bytes: a frame of length and CRC32C around a commit, a base or a close mark.
 *
 * Byte tables: `journal-format.md`. A commit record holds whole runs, each with everything needed to check it alone: name,
 * key, the hash before its first entry, and the signature over its last. `durable` is the last position known to be on the disk
 * when the record was written; a good record behind a bad one proves by it whether the bad one had been acknowledged.
 *
 * Does not: check chains or signatures (`history.ts`), or touch a file.
 */
import { HASH_BYTES } from './chain.ts';
import { crc32c } from './crc32c.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './identity.ts';
import { type AdmittedRun, COMMIT_BYTES_MAX } from './intake.ts';
import type { FeedName, Head, PublicKey, Run } from './types.ts';

export const FRAME_BYTES = 8;
/** Type, flags, position, durable. */
export const PREFIX_BYTES = 18;
/** A commit of the largest size with room for the names, hashes and signatures of its runs. */
export const RECORD_BYTES_MAX = COMMIT_BYTES_MAX + 4 * 1024 * 1024;

const COMMIT = 1;
const BASE = 2;
const CLOSE = 3;
const FLAG_LOCAL = 1;
const SEQ_BYTES = 8;

/** A run as it stands in the journal. */
export interface StoredRun extends Run {
  readonly key: PublicKey;
  readonly before: Head;
  /** Bytes it takes in its record. */
  readonly bytes: number;
}

export type JournalRecord = { readonly position: number; readonly durable: number } & (
  | { readonly type: 'commit'; readonly local: boolean; readonly runs: readonly StoredRun[] }
  | { readonly type: 'base'; readonly feed: FeedName; readonly key: PublicKey; readonly base: Head }
  | { readonly type: 'close' }
);

/** The fields of `AdmittedRun` that are stored. */
export type WritableRun = Pick<AdmittedRun, 'run' | 'before' | 'key'>;

export function encodeCommit(position: number, local: boolean, runs: readonly WritableRun[]): Buffer {
  let size = 2;
  for (const each of runs) size += runBytes(each.run);
  const out = start(COMMIT, local ? FLAG_LOCAL : 0, position, size);
  let at = out.writeUInt16BE(runs.length, FRAME_BYTES + PREFIX_BYTES);
  for (const { run, before, key } of runs) {
    at = writeName(out, run.feed, at);
    at = writeSeq(out, run.from, at);
    at = writeBytes(out, key, at);
    at = writeBytes(out, before.hash, at);
    at = writeBytes(out, run.signature, at);
    at = out.writeUInt16BE(run.entries.length, at);
    for (const entry of run.entries) {
      at = out.writeUInt32BE(entry.byteLength, at);
      at = writeBytes(out, entry, at);
    }
  }
  return out;
}

export function encodeBase(position: number, feed: FeedName, key: PublicKey, base: Head): Buffer {
  const out = start(BASE, 0, position, 1 + feed.length + SEQ_BYTES + PUBLIC_KEY_BYTES + HASH_BYTES);
  let at = writeName(out, feed, FRAME_BYTES + PREFIX_BYTES);
  at = writeSeq(out, base.seq, at);
  at = writeBytes(out, key, at);
  writeBytes(out, base.hash, at);
  return out;
}

/** The mark of an orderly end, with the position of the last record before it. */
export function encodeClose(position: number): Buffer {
  return start(CLOSE, 0, position, 0);
}

/** Called when the record is about to be written: only then is it known what is durable. */
export function sealRecord(record: Buffer, durable: number): void {
  writeSeq(record, durable, FRAME_BYTES + 10);
  record.writeUInt32BE(record.byteLength - FRAME_BYTES, 0);
  record.writeUInt32BE(crc32c(record, FRAME_BYTES), 4);
}

/** Length of the payload a frame claims, or undefined when no record can have it. */
export function frameLength(bytes: Uint8Array, at: number): number | undefined {
  const length = readU32(bytes, at);
  return length >= PREFIX_BYTES && length <= RECORD_BYTES_MAX ? length : undefined;
}

export function frameIntact(bytes: Uint8Array, at: number, length: number): boolean {
  return readU32(bytes, at + 4) === crc32c(bytes, at + FRAME_BYTES, at + FRAME_BYTES + length);
}

/** Position and durable position of a frame, to skip it or to judge it without decoding the rest. */
export function framePosition(bytes: Uint8Array, at: number): { position: number; durable: number } {
  const payload = at + FRAME_BYTES;
  return { position: readSeq(bytes, payload + 2), durable: readSeq(bytes, payload + 10) };
}

/** Undefined when the payload is not what it says. The entries are views into `bytes`. */
export function decodeRecord(bytes: Uint8Array): JournalRecord | undefined {
  const reader = new Reader(bytes, FRAME_BYTES);
  try {
    const type = reader.u8();
    const flags = reader.u8();
    const position = reader.seq();
    const durable = reader.seq();
    const record = readRecord(reader, type, flags, position, durable);
    return reader.at === bytes.byteLength ? record : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readRecord(
  reader: Reader,
  type: number,
  flags: number,
  position: number,
  durable: number,
): JournalRecord | undefined {
  switch (type) {
    case COMMIT: {
      const count = reader.u16();
      const runs: StoredRun[] = [];
      for (let i = 0; i < count; i += 1) runs.push(readRun(reader));
      return { type: 'commit', position, durable, local: (flags & FLAG_LOCAL) !== 0, runs };
    }
    case BASE: {
      const feed = reader.name();
      const seq = reader.seq();
      const key = reader.bytes(PUBLIC_KEY_BYTES);
      return { type: 'base', position, durable, feed, key, base: { seq, hash: reader.bytes(HASH_BYTES) } };
    }
    case CLOSE:
      return { type: 'close', position, durable };
    default:
      return undefined;
  }
}

function readRun(reader: Reader): StoredRun {
  const begin = reader.at;
  const feed = reader.name();
  const from = reader.seq();
  const key = reader.bytes(PUBLIC_KEY_BYTES);
  const before = { seq: from - 1, hash: reader.bytes(HASH_BYTES) };
  const signature = reader.bytes(SIGNATURE_BYTES);
  const count = reader.u16();
  const entries: Uint8Array[] = [];
  for (let i = 0; i < count; i += 1) entries.push(reader.bytes(reader.u32()));
  return { feed, from, key, before, signature, entries, bytes: reader.at - begin };
}

/** Bytes a run takes in a record. */
export function runBytes(run: Run): number {
  let size = 1 + run.feed.length + SEQ_BYTES + PUBLIC_KEY_BYTES + HASH_BYTES + SIGNATURE_BYTES + 2;
  for (const entry of run.entries) size += 4 + entry.byteLength;
  return size;
}

class Reader {
  readonly #source: Uint8Array;
  at: number;

  constructor(source: Uint8Array, at: number) {
    this.#source = source;
    this.at = at;
  }

  bytes(length: number): Uint8Array {
    const from = this.#skip(length);
    return this.#source.subarray(from, this.at);
  }

  u8(): number {
    return this.#source[this.#skip(1)]!;
  }

  u16(): number {
    const at = this.#skip(2);
    return (this.#source[at]! << 8) | this.#source[at + 1]!;
  }

  u32(): number {
    return readU32(this.#source, this.#skip(4));
  }

  seq(): number {
    return readSeq(this.#source, this.#skip(SEQ_BYTES));
  }

  /** Where the next `length` bytes begin: numbers are read in place, a view of each would cost more than the reading. */
  #skip(length: number): number {
    const from = this.at;
    if (from + length > this.#source.byteLength) throw new RangeError('record ends early');
    this.at = from + length;
    return from;
  }

  name(): FeedName {
    return Buffer.from(this.bytes(this.u8())).toString('latin1') as FeedName;
  }
}

function start(type: number, flags: number, position: number, contentBytes: number): Buffer {
  const out = Buffer.allocUnsafe(FRAME_BYTES + PREFIX_BYTES + contentBytes);
  out[FRAME_BYTES] = type;
  out[FRAME_BYTES + 1] = flags;
  writeSeq(out, position, FRAME_BYTES + 2);
  return out;
}

function writeName(out: Buffer, name: FeedName, at: number): number {
  out[at] = name.length;
  return at + 1 + out.write(name, at + 1, 'latin1');
}

function writeBytes(out: Buffer, bytes: Uint8Array, at: number): number {
  out.set(bytes, at);
  return at + bytes.byteLength;
}

function writeSeq(out: Buffer, seq: number, at: number): number {
  out.writeUInt32BE(Math.floor(seq / 2 ** 32), at);
  return out.writeUInt32BE(seq >>> 0, at + 4);
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function readSeq(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * 2 ** 32 + readU32(bytes, at + 4);
}
