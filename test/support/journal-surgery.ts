/**
 * Edits a journal as a forger with a disk editor would: by the byte tables of packages/feed/journal-format.md, with every length
 * and checksum put right again, so that only hashes and signatures can tell.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HEADER_BYTES = 256;
const RECORD_HEAD_BYTES = 8;
const PAYLOAD_HEAD_BYTES = 18;
const COMMIT = 1;

export interface JournalEntry {
  readonly feed: string;
  readonly seq: number;
  /** Where the entry's bytes begin in the segment. */
  readonly offset: number;
  readonly bytes: Buffer;
  /** Begin of its run's count of entries, and of its record. */
  readonly countAt: number;
  readonly recordAt: number;
}

export class JournalSurgery {
  readonly #file: string;
  #segment: Buffer;

  /** Opens the first segment of a program's data. */
  constructor(dataFolder: string) {
    const folder = join(dataFolder, 'journal');
    const name = readdirSync(folder)
      .filter((file) => file.endsWith('.seg'))
      .sort()[0]!;
    this.#file = join(folder, name);
    this.#segment = readFileSync(this.#file);
  }

  entries(feedPrefix: string): JournalEntry[] {
    const found: JournalEntry[] = [];
    const segment = this.#segment;
    for (let at = HEADER_BYTES; at < segment.length; ) {
      const length = segment.readUInt32BE(at);
      const payload = at + RECORD_HEAD_BYTES;
      if (segment[payload] === COMMIT) {
        let cursor = payload + PAYLOAD_HEAD_BYTES;
        const runs = segment.readUInt16BE(cursor);
        cursor += 2;
        for (let run = 0; run < runs; run++) {
          const nameLength = segment[cursor]!;
          const feed = segment.toString('latin1', cursor + 1, cursor + 1 + nameLength);
          cursor += 1 + nameLength;
          const first = Number(segment.readBigUInt64BE(cursor));
          const countAt = cursor + 8 + 32 + 32 + 64;
          const count = segment.readUInt16BE(countAt);
          cursor = countAt + 2;
          for (let n = 0; n < count; n++) {
            const entryLength = segment.readUInt32BE(cursor);
            const offset = cursor + 4;
            if (feed.startsWith(feedPrefix)) {
              const bytes = Buffer.from(segment.subarray(offset, offset + entryLength));
              found.push({ feed, seq: first + n, offset, bytes, countAt, recordAt: at });
            }
            cursor = offset + entryLength;
          }
        }
      }
      at = payload + length;
    }
    return found;
  }

  flipBit(offset: number): void {
    this.#segment[offset]! ^= 1;
  }

  /** Takes the entry out of its run. */
  remove(entry: JournalEntry): void {
    this.#segment.writeUInt16BE(this.#segment.readUInt16BE(entry.countAt) - 1, entry.countAt);
    this.#replace(entry, Buffer.alloc(0));
  }

  /** `first` must stand before `second` in the segment. */
  swap(first: JournalEntry, second: JournalEntry): void {
    this.#replace(second, withLength(first.bytes));
    this.#replace(first, withLength(second.bytes));
  }

  save(): void {
    writeFileSync(this.#file, this.#segment);
  }

  #replace(entry: JournalEntry, replacement: Buffer): void {
    const from = entry.offset - 4;
    const to = entry.offset + entry.bytes.length;
    const segment = Buffer.concat([this.#segment.subarray(0, from), replacement, this.#segment.subarray(to)]);
    const payload = entry.recordAt + RECORD_HEAD_BYTES;
    const length = segment.readUInt32BE(entry.recordAt) + replacement.length - (to - from);
    segment.writeUInt32BE(length, entry.recordAt);
    segment.writeUInt32BE(crc32c(segment.subarray(payload, payload + length)), entry.recordAt + 4);
    this.#segment = segment;
  }
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** CRC32C (Castagnoli), bit by bit: slow, and plainly the definition. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
    }
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
