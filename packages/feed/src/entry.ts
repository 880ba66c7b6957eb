/**
 * One entry as bytes: CBOR of `[hlc, kind, body]`, `hlc` a byte string of 8.
 *
 * What was written can be read: an entry is checked by the same rules when it is made and when it arrives. The bytes are
 * the entry: they are hashed, stored and sent as received and never encoded again.
 *
 * A body is what JSON has, and byte strings and 64-bit integers (`bigint`). No dates, sets, maps or class instances.
 * Does not: know kinds. Whoever reads the body checks it.
 */
import { Decoder, Encoder } from 'cbor-x';
import { decodeStamp, encodeStamp, STAMP_BYTES, type Stamp } from 'hlc-ts';
import { FeedError } from './errors.ts';
import { plainCborFault } from './plain-cbor.ts';
import type { Entry, FeedName, Run } from './types.ts';

/** An entry travels in one frame and is held in memory whole. */
export const ENTRY_BYTES_MAX = 512 * 1024;
export const KIND_CHARS_MAX = 64;

export interface EntryContent {
  readonly hlc: Stamp;
  readonly kind: string;
  readonly body: unknown;
}

const CBOR = {
  useRecords: false,
  tagUint8Array: false,
  mapsAsObjects: true,
  variableMapSize: true,
  copyBuffers: false,
} as const;
const encoder = new Encoder(CBOR);
const decoder = new Decoder(CBOR);

const ARRAY_OF_3 = 0x83;
const BYTES_OF_8 = 0x48;

export function encodeEntry(content: EntryContent): Uint8Array {
  const kind = content.kind;
  if (kind.length === 0 || kind.length > KIND_CHARS_MAX) {
    throw new FeedError('FEED_ENTRY', `a kind has 1 to ${KIND_CHARS_MAX} characters, got ${kind.length}`);
  }
  let encoded: Uint8Array;
  try {
    encoded = encoder.encode([encodeStamp(content.hlc), kind, content.body]);
  } catch (cause) {
    throw new FeedError('FEED_ENTRY', `the body of a ${kind} entry cannot be encoded`, { cause });
  }
  const fault = entryFault(encoded);
  if (fault !== undefined) throw new FeedError('FEED_ENTRY', `a ${kind} entry ${fault}`);
  // A copy: the encoder hands out slices of a shared 8 KiB buffer, which one small entry would keep alive.
  return new Uint8Array(encoded);
}

export function decodeEntry(feed: FeedName, seq: number, bytes: Uint8Array): Entry {
  const fault = entryFault(bytes);
  if (fault !== undefined) {
    throw new FeedError('FEED_ENTRY', `entry ${seq} of ${feed} ${fault}`, { feed, seq });
  }
  let item: unknown;
  try {
    item = decoder.decode(bytes);
  } catch (cause) {
    throw new FeedError('FEED_ENTRY', `entry ${seq} of ${feed} cannot be decoded`, { cause, feed, seq });
  }
  const [hlc, kind, body] = item as [Uint8Array, unknown, unknown];
  if (typeof kind !== 'string' || kind.length === 0 || kind.length > KIND_CHARS_MAX) {
    throw new FeedError('FEED_ENTRY', `entry ${seq} of ${feed} has no kind`, { feed, seq });
  }
  return { feed, seq, hlc: decodeStamp(hlc), kind, body, bytes };
}

/** The entries of a run, decoded, oldest first. */
export function entriesOf(run: Run): Entry[] {
  return run.entries.map((bytes, index) => decodeEntry(run.feed, run.from + index, bytes));
}

/** Undefined when the bytes have the shape of an entry; else what is wrong, to follow "the entry". */
export function entryFault(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > ENTRY_BYTES_MAX) return `is longer than ${ENTRY_BYTES_MAX} bytes`;
  const fault = plainCborFault(bytes);
  if (fault !== undefined) return fault;
  if (bytes[0] !== ARRAY_OF_3 || bytes[1] !== BYTES_OF_8) return 'is not [hlc, kind, body]';
  const kindMajor = bytes[2 + STAMP_BYTES]! >> 5;
  return kindMajor === 3 ? undefined : 'has no kind';
}
