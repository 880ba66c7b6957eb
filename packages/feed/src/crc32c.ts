/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of journal records.
 *
 * Eight bytes a step over eight tables: about 1 GB/s, so that checking costs less than reading. It finds damage, not
 * forgery; forgery is for the hash chain and the signatures.
 */
const TABLES: readonly Int32Array[] = makeTables();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** Of `bytes[from..to)`, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.byteLength): number {
  let crc = -1;
  let at = from;
  const fast = to - 7;
  for (; at < fast; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      T7[low & 255]! ^
      T6[(low >>> 8) & 255]! ^
      T5[(low >>> 16) & 255]! ^
      T4[low >>> 24]! ^
      T3[bytes[at + 4]!]! ^
      T2[bytes[at + 5]!]! ^
      T1[bytes[at + 6]!]! ^
      T0[bytes[at + 7]!]!;
  }
  for (; at < to; at += 1) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]!) & 255]!;
  return (crc ^ -1) >>> 0;
}

function makeTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    first[byte] = value;
  }
  const tables = [first];
  for (let n = 1; n < 8; n += 1) {
    const previous = tables[n - 1]!;
    tables.push(first.map((_, byte) => (previous[byte]! >>> 8) ^ first[previous[byte]! & 255]!));
  }
  return tables;
}
