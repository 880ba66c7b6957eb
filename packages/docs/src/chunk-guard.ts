/**
 * Chunk guard: how large a change or a snapshot would become, found without unpacking it into Automerge.
 *
 * Automerge's formats are columnar: a few bytes of run lengths can stand for 10^9 operations, and deflated columns for
 * gigabytes of text; loading such a chunk kills the process, not the document. The guard walks the column headers,
 * inflates each deflated column under a budget and adds up run lengths. It proves "not larger than"; whether the
 * content makes sense is left to Automerge, which checks hashes and columns itself.
 *
 *   chunk    = 85 6f 4a 83 · checksum(4) · type(1) · length(LEB) · contents
 *   change   = deps · actor · seq · startOp · time · message · actors · op column headers · op columns · extra   (type 1)
 *   deflated = raw deflate of a change's contents                                                              (type 2)
 *   document = actors · heads · change column headers · op column headers · change columns · op columns · index (type 0)
 *   column   = spec(LEB) = id << 4 | deflated << 3 | kind, then length(LEB)
 */
import { hash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';

export interface ChunkLimits {
  /** As stored or received. */
  readonly bytesMax: number;
  /** Sum of all columns unpacked, repeated text counted each time. */
  readonly inflatedBytesMax: number;
  /** Rows of the longest column: operations, or changes. */
  readonly rowsMax: number;
}

/** A change must fit into one frame of the wire with room to spare; rolling 100k SKUs over is one change. */
export const CHANGE_LIMITS: ChunkLimits = {
  bytesMax: 1_000_000,
  inflatedBytesMax: 16_000_000,
  rowsMax: 200_000,
};
/** A snapshot: a stock month of 10k SKUs and two writers is about 0.3 MB, 60k cells and 20k changes. */
export const SNAPSHOT_LIMITS: ChunkLimits = {
  bytesMax: 8_000_000,
  inflatedBytesMax: 64_000_000,
  rowsMax: 2_000_000,
};

export type GuardVerdict =
  | { readonly ok: true; readonly inflatedBytes: number; readonly rows: number }
  | { readonly ok: false; readonly reason: 'size' | 'bomb' | 'malformed'; readonly detail: string };

export function guardChange(bytes: Uint8Array, limits: ChunkLimits = CHANGE_LIMITS): GuardVerdict {
  return guarded(bytes, limits, (tally) => {
    const { type, contents } = readChunk(bytes);
    if (type !== 1 && type !== 2) {
      throw new Malformed(`chunk type ${type} is not a change`);
    }
    const plain = type === 2 ? tally.inflate(contents) : contents;
    checkSum(bytes, plain);
    const reader = new Reader(plain);
    reader.skip(reader.uleb() * 32);
    reader.skip(reader.uleb());
    reader.uleb();
    reader.uleb();
    reader.sleb();
    reader.skip(reader.uleb());
    skipNames(reader);
    const columns = readColumns(reader);
    tally.bytes(plain.length);
    tally.columns(reader, columns, { deflateAllowed: false });
  });
}

export function guardSnapshot(bytes: Uint8Array, limits: ChunkLimits = SNAPSHOT_LIMITS): GuardVerdict {
  return guarded(bytes, limits, (tally) => {
    const { type, contents } = readChunk(bytes);
    if (type !== 0) {
      throw new Malformed(`chunk type ${type} is not a document`);
    }
    const reader = new Reader(contents);
    skipNames(reader);
    reader.skip(reader.uleb() * 32);
    const changeColumns = readColumns(reader);
    const opColumns = readColumns(reader);
    tally.columns(reader, changeColumns, { deflateAllowed: true });
    tally.columns(reader, opColumns, { deflateAllowed: true });
  });
}

class Malformed extends Error {}
class Bomb extends Error {}

interface Column {
  readonly kind: number;
  readonly deflated: boolean;
  readonly length: number;
}

const MAGIC = [0x85, 0x6f, 0x4a, 0x83];
const HEADER_BYTES = 9;
const COLUMNS_MAX = 64;
const KIND_DELTA = 3;
const KIND_BOOLEAN = 4;
const KIND_TEXT = 5;
const KIND_RAW = 7;

function guarded(bytes: Uint8Array, limits: ChunkLimits, walk: (tally: Tally) => void): GuardVerdict {
  if (bytes.length > limits.bytesMax) {
    return { ok: false, reason: 'size', detail: `${bytes.length} bytes, ${limits.bytesMax} allowed` };
  }
  const tally = new Tally(limits);
  try {
    walk(tally);
  } catch (error) {
    if (error instanceof Bomb) {
      return { ok: false, reason: 'bomb', detail: error.message };
    }
    if (error instanceof Malformed) {
      return { ok: false, reason: 'malformed', detail: error.message };
    }
    throw error;
  }
  return { ok: true, inflatedBytes: tally.inflatedBytes, rows: tally.rows };
}

/** The one chunk that fills `bytes`; a second one behind it is malformed. */
function readChunk(bytes: Uint8Array): { type: number; contents: Uint8Array } {
  if (bytes.length < HEADER_BYTES || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw new Malformed('not an Automerge chunk');
  }
  const reader = new Reader(bytes, HEADER_BYTES);
  const length = reader.uleb();
  if (reader.left !== length) {
    throw new Malformed(`chunk says ${length} bytes, ${reader.left} follow`);
  }
  return { type: bytes[HEADER_BYTES - 1]!, contents: reader.take(length) };
}

const scratch = Buffer.allocUnsafe(16 * 1024);

/** Automerge does not look at the checksum of a change it is handed: damage would arrive as a different change. */
function checkSum(bytes: Uint8Array, plain: Uint8Array): void {
  const head = uleb(plain.length);
  const length = 1 + head.length + plain.length;
  // One call over one buffer: a hash object for each change would cost more than the hashing.
  const input = length <= scratch.length ? scratch : Buffer.allocUnsafe(length);
  input[0] = 1;
  input.set(head, 1);
  input.set(plain, 1 + head.length);
  const sum = hash('sha256', input.subarray(0, length), 'buffer');
  for (let at = 0; at < 4; at++) {
    if (sum[at] !== bytes[MAGIC.length + at]) {
      throw new Malformed('its checksum is not that of its contents');
    }
  }
}

function uleb(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...uleb(Math.floor(value / 128))];
}

function skipNames(reader: Reader): void {
  const count = reader.uleb();
  for (let index = 0; index < count; index++) {
    reader.skip(reader.uleb());
  }
}

function readColumns(reader: Reader): Column[] {
  const count = reader.uleb();
  if (count > COLUMNS_MAX) {
    throw new Malformed(`${count} columns`);
  }
  return Array.from({ length: count }, () => {
    const spec = reader.uleb();
    return { kind: spec & 7, deflated: (spec & 8) !== 0, length: reader.uleb() };
  });
}

/** Adds up what columns would become and throws at the first step beyond a limit. */
class Tally {
  inflatedBytes = 0;
  rows = 0;
  readonly #limits: ChunkLimits;

  constructor(limits: ChunkLimits) {
    this.#limits = limits;
  }

  bytes(count: number): void {
    this.inflatedBytes += count;
    if (this.inflatedBytes > this.#limits.inflatedBytesMax) {
      throw new Bomb(`unpacks to more than ${this.#limits.inflatedBytesMax} bytes`);
    }
  }

  inflate(packed: Uint8Array): Uint8Array {
    const room = this.#limits.inflatedBytesMax - this.inflatedBytes;
    try {
      return inflateRawSync(packed, { maxOutputLength: Math.max(1, room) });
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
        throw new Bomb(`unpacks to more than ${this.#limits.inflatedBytesMax} bytes`);
      }
      throw new Malformed('a deflated part cannot be inflated');
    }
  }

  columns(reader: Reader, columns: readonly Column[], options: { deflateAllowed: boolean }): void {
    for (const column of columns) {
      const stored = reader.take(column.length);
      if (column.deflated && !options.deflateAllowed) {
        throw new Malformed('a change holds a deflated column');
      }
      const data = column.deflated ? this.inflate(stored) : stored;
      this.bytes(data.length);
      if (column.kind !== KIND_RAW) {
        this.#runs(new Reader(data), column.kind);
      }
    }
  }

  /** Run-length columns: `n > 0` = one value n times, `n < 0` = -n values, `0` = a run of nulls. */
  #runs(reader: Reader, kind: number): void {
    let rows = 0;
    while (reader.left > 0) {
      if (kind === KIND_BOOLEAN) {
        rows = this.#grown(rows, reader.uleb());
        continue;
      }
      const run = reader.sleb();
      if (run === 0) {
        rows = this.#grown(rows, reader.uleb());
      } else if (run > 0) {
        rows = this.#grown(rows, run);
        this.bytes(skipValue(reader, kind) * (run - 1));
      } else {
        rows = this.#grown(rows, -run);
        for (let literal = 0; literal < -run; literal++) {
          skipValue(reader, kind);
        }
      }
    }
    this.rows = Math.max(this.rows, rows);
  }

  #grown(rows: number, more: number): number {
    if (rows + more > this.#limits.rowsMax) {
      throw new Bomb(`holds more than ${this.#limits.rowsMax} rows`);
    }
    return rows + more;
  }
}

/** Skips one value; returns the bytes of its text, which a run would repeat. */
function skipValue(reader: Reader, kind: number): number {
  if (kind === KIND_TEXT) {
    const length = reader.uleb();
    reader.skip(length);
    return length;
  }
  if (kind === KIND_DELTA) {
    reader.sleb();
  } else {
    reader.uleb();
  }
  return 0;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    const from = this.#at;
    this.skip(length);
    return this.#bytes.subarray(from, this.#at);
  }

  skip(length: number): void {
    if (length > this.left) {
      throw new Malformed('cut short');
    }
    this.#at += length;
  }

  uleb(): number {
    return this.#leb(false);
  }

  sleb(): number {
    return this.#leb(true);
  }

  /** Up to 53 bits matter here; longer encodings (values of 64 bits) saturate, which only makes a run look larger. */
  #leb(signed: boolean): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 10; index++) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) {
        throw new Malformed('cut short');
      }
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if ((byte & 0x80) === 0) {
        return signed && (byte & 0x40) !== 0 ? value - scale : value;
      }
    }
    throw new Malformed('a number of more than 64 bits');
  }
}
