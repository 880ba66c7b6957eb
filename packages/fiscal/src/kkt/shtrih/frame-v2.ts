/**
 * Frames of the alternative Shtrih-M protocol, numbers little-endian.
 *
 *    0   1  8F
 *    1   2  length of number and message; 0 asks for the last answer, 2 is a number alone
 *    3   2  number of the exchange
 *    5   …  message
 *    …   2  CRC-16/CCITT-FALSE over length, number and message
 *
 * Behind the first byte 8F is written as 9F 81 and 9F as 9F 83, so 8F always begins a frame.
 */
import { crc16 } from '../../crc16.ts';
import { KktError } from '../../errors.ts';

const START = 0x8f;
const ESCAPE = 0x9f;
const ESCAPED: Readonly<Record<number, number>> = { [START]: 0x81, [ESCAPE]: 0x83 };
const UNESCAPED: Readonly<Record<number, number>> = { 129: START, 131: ESCAPE };

/** Longer messages than the first protocol's are possible; no command of ours needs more. */
export const MESSAGE_V2_MAX = 2_048;

export interface FrameV2 {
  /** Absent in a frame of length 0, the request for the last answer. */
  readonly number?: number;
  readonly message: Uint8Array;
}

export function encodeFrameV2({ number, message }: FrameV2): Uint8Array {
  if (message.length > MESSAGE_V2_MAX) {
    throw new KktError('KKT_UNSUPPORTED', `a message of ${message.length} bytes`, { outcome: 'unsent' });
  }
  const length = number === undefined ? 0 : 2 + message.length;
  const plain = Buffer.alloc(2 + length + 2);
  plain.writeUInt16LE(length, 0);
  if (number !== undefined) {
    plain.writeUInt16LE(number, 2);
    plain.set(message, 4);
  }
  plain.writeUInt16LE(crc16(plain.subarray(0, 2 + length)), 2 + length);
  const bytes = [START];
  for (const byte of plain) {
    const escaped = ESCAPED[byte];
    if (escaped === undefined) bytes.push(byte);
    else bytes.push(ESCAPE, escaped);
  }
  return Uint8Array.from(bytes);
}

/** Builds frames from bytes as they come. `corrupt` means: what was received is no frame, look for the next. */
export class FrameV2Reader {
  #plain: number[] | undefined;
  #isEscaped = false;

  push(byte: number): FrameV2 | 'corrupt' | undefined {
    if (byte === START) {
      const isCut = this.#plain !== undefined && this.#plain.length > 0;
      this.#plain = [];
      this.#isEscaped = false;
      return isCut ? 'corrupt' : undefined;
    }
    if (this.#plain === undefined) return undefined;
    const plain = this.#unescape(byte);
    if (plain === undefined) return undefined;
    if (plain === 'corrupt') return this.#drop();
    this.#plain.push(plain);
    return this.#finish(this.#plain);
  }

  #unescape(byte: number): number | 'corrupt' | undefined {
    if (!this.#isEscaped) {
      if (byte !== ESCAPE) return byte;
      this.#isEscaped = true;
      return undefined;
    }
    this.#isEscaped = false;
    return UNESCAPED[byte] ?? 'corrupt';
  }

  #finish(plain: number[]): FrameV2 | 'corrupt' | undefined {
    if (plain.length < 4) return undefined;
    const length = plain[0]! | (plain[1]! << 8);
    if (length === 1 || length > MESSAGE_V2_MAX + 2) return this.#drop();
    if (plain.length < 2 + length + 2) return undefined;
    const bytes = Uint8Array.from(plain);
    const crc = bytes[2 + length]! | (bytes[3 + length]! << 8);
    if (crc !== crc16(bytes.subarray(0, 2 + length))) return this.#drop();
    this.#plain = undefined;
    if (length === 0) return { message: new Uint8Array() };
    return { number: bytes[2]! | (bytes[3]! << 8), message: bytes.slice(4, 2 + length) };
  }

  #drop(): 'corrupt' {
    this.#plain = undefined;
    this.#isEscaped = false;
    return 'corrupt';
  }
}

/** A whole frame as captured; throws `KKT_PROTOCOL` when it is none. */
export function decodeFrameV2(bytes: Uint8Array): FrameV2 {
  const reader = new FrameV2Reader();
  for (const [at, byte] of bytes.entries()) {
    const frame = reader.push(byte);
    if (frame !== undefined && frame !== 'corrupt' && at === bytes.length - 1) return frame;
    if (frame !== undefined) break;
  }
  throw new KktError('KKT_PROTOCOL', `${bytes.length} bytes are no frame`, { outcome: 'unknown' });
}
