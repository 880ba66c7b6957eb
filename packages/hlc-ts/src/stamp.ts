/**
 * A stamp: one 64-bit number, 48 bits of milliseconds since 1970 and a 16-bit counter.
 *
 *     63                                16 15              0
 *     +-----------------------------------+----------------+
 *     | milliseconds since 1970-01-01 UTC |    counter     |
 *     +-----------------------------------+----------------+
 *
 * Guarantees: numeric order, byte order of the encoding and text order of the format are the same order; adding one
 * to a stamp is the next stamp, a full counter carries into the milliseconds by itself.
 *
 * Does not: name the writer (a feed has one), fit a JSON number (2^53), or mean wall time exactly; stamps are a
 * `bigint` in memory, 8 bytes on disk and wire, 16 hexadecimal digits in JSON.
 */
import { HlcError } from './errors.ts';

export type Stamp = bigint & { readonly __brand: 'Stamp' };

export const STAMP_BYTES = 8;
export const COUNTER_MAX = 0xffff;
export const STAMP_MS_MAX = 2 ** 48 - 1;
export const ZERO_STAMP = 0n as Stamp;
export const MAX_STAMP = 0xffff_ffff_ffff_ffffn as Stamp;

const COUNTER_BITS = 16n;

export function makeStamp(ms: number, counter: number): Stamp {
  if (!Number.isInteger(ms) || ms < 0 || ms > STAMP_MS_MAX) {
    throw new HlcError('STAMP_RANGE', `milliseconds must be an integer from 0 to 2^48-1, got ${ms}`);
  }
  if (!Number.isInteger(counter) || counter < 0 || counter > COUNTER_MAX) {
    throw new HlcError('STAMP_RANGE', `counter must be an integer from 0 to ${COUNTER_MAX}, got ${counter}`);
  }
  return ((BigInt(ms) << COUNTER_BITS) | BigInt(counter)) as Stamp;
}

export function stampMs(stamp: Stamp): number {
  return Number(stamp >> COUNTER_BITS);
}

export function stampCounter(stamp: Stamp): number {
  return Number(stamp & BigInt(COUNTER_MAX));
}

/** For `sort`: negative when `a` is earlier. Subtracting bigints and narrowing to a number would lose the sign's bits. */
export function compareStamps(a: Stamp, b: Stamp): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** 8 bytes, big-endian: bytewise order is stamp order. */
export function encodeStamp(stamp: Stamp): Uint8Array {
  const bytes = new Uint8Array(STAMP_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, stamp);
  return bytes;
}

export function decodeStamp(bytes: Uint8Array): Stamp {
  if (bytes.byteLength !== STAMP_BYTES) {
    throw new HlcError('STAMP_FORMAT', `a stamp has ${STAMP_BYTES} bytes, got ${bytes.byteLength}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, STAMP_BYTES).getBigUint64(0) as Stamp;
}

/** 16 lower-case hexadecimal digits, zero-padded: text order is stamp order. */
export function formatStamp(stamp: Stamp): string {
  return stamp.toString(16).padStart(STAMP_BYTES * 2, '0');
}

/** Accepts exactly what `formatStamp` writes, so that one stamp has one spelling. */
export function parseStamp(text: string): Stamp {
  if (!/^[0-9a-f]{16}$/.test(text)) {
    throw new HlcError(
      'STAMP_FORMAT',
      `a stamp is 16 lower-case hexadecimal digits, got ${JSON.stringify(text)}`,
    );
  }
  return BigInt(`0x${text}`) as Stamp;
}
