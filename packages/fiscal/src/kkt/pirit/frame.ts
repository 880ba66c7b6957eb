/**
 * Frames of Pirit and Viki Print, text all through.
 *
 *    request   02  password (4)  id  command (2 hex digits)  field 1C  field 1C …  03  checksum (2 hex digits)
 *    answer    02                id  command  error (2 hex digits)  field 1C …     03  checksum
 *
 * The checksum is the XOR of everything behind 02 up to and with 03. The id of an answer is that of its request, so an
 * answer of before is known for what it is. Text is CP866; control characters inside codes are written `$1D`.
 */
import { KktError } from '../../errors.ts';
import { decodeText, encodeText, printableText } from '../../ffd/cp866.ts';

export const STX = 0x02;
export const ETX = 0x03;
export const ENQ = 0x05;
export const ACK = 0x06;
const SEPARATOR = 0x1c;
export const FRAME_BYTES_MAX = 2_048;
export const ID_FIRST = 0x20;
export const ID_LAST = 0xf0;

export interface PiritRequest {
  readonly password: string;
  readonly id: number;
  readonly command: number;
  readonly fields: readonly string[];
}

export interface PiritAnswer {
  readonly id: number;
  readonly command: number;
  readonly error: number;
  readonly fields: readonly string[];
}

export function encodeRequest({ password, id, command, fields }: PiritRequest): Uint8Array {
  return frame([...Buffer.from(password, 'latin1'), id, ...hexByte(command)], fields);
}

export function encodeAnswer({ id, command, error, fields }: PiritAnswer): Uint8Array {
  return frame([id, ...hexByte(command), ...hexByte(error)], fields);
}

function frame(head: readonly number[], fields: readonly string[]): Uint8Array {
  const bytes: number[] = [...head];
  for (const field of fields) bytes.push(...encodeText(printableText(field, FRAME_BYTES_MAX)), SEPARATOR);
  bytes.push(ETX);
  if (bytes.length > FRAME_BYTES_MAX) {
    throw new KktError('KKT_UNSUPPORTED', `a frame of ${bytes.length} bytes`, { outcome: 'unsent' });
  }
  return Uint8Array.from([STX, ...bytes, ...hexByte(checksum(bytes))]);
}

function checksum(bytes: ArrayLike<number>): number {
  return Array.from(bytes).reduce((sum, byte) => sum ^ byte, 0);
}

function hexByte(value: number): number[] {
  return [...Buffer.from(value.toString(16).toUpperCase().padStart(2, '0'), 'latin1')];
}

/** What stands between 02 and 03, and whether the checksum fits. */
export interface PiritBody {
  readonly bytes: Uint8Array;
  readonly isIntact: boolean;
}

/** Builds frames from bytes as they come; bytes outside of frames are noise. */
export class PiritFrameReader {
  #bytes: number[] | undefined;
  #tail: number[] = [];

  push(byte: number): PiritBody | undefined {
    if (byte === STX) {
      this.#bytes = [];
      this.#tail = [];
      return undefined;
    }
    if (this.#bytes === undefined) return undefined;
    if (this.#bytes.at(-1) !== ETX) {
      this.#bytes.push(byte);
      if (this.#bytes.length > FRAME_BYTES_MAX) this.#bytes = undefined;
      return undefined;
    }
    this.#tail.push(byte);
    if (this.#tail.length < 2) return undefined;
    const bytes = Uint8Array.from(this.#bytes);
    const told = Number.parseInt(Buffer.from(this.#tail).toString('latin1'), 16);
    this.#bytes = undefined;
    return { bytes: bytes.subarray(0, -1), isIntact: told === checksum(bytes) };
  }
}

export function readRequest({ bytes }: PiritBody): PiritRequest {
  return {
    password: Buffer.from(bytes.subarray(0, 4)).toString('latin1'),
    id: bytes[4] ?? 0,
    command: hexAt(bytes, 5),
    fields: fieldsOf(bytes.subarray(7)),
  };
}

export function readAnswer({ bytes }: PiritBody): PiritAnswer {
  return {
    id: bytes[0] ?? 0,
    command: hexAt(bytes, 1),
    error: hexAt(bytes, 3),
    fields: fieldsOf(bytes.subarray(5)),
  };
}

function hexAt(bytes: Uint8Array, at: number): number {
  return Number.parseInt(Buffer.from(bytes.subarray(at, at + 2)).toString('latin1'), 16);
}

function fieldsOf(bytes: Uint8Array): string[] {
  const fields: string[] = [];
  let from = 0;
  for (const [at, byte] of bytes.entries()) {
    if (byte !== SEPARATOR) continue;
    fields.push(decodeText(bytes.subarray(from, at)));
    from = at + 1;
  }
  // Some firmware leaves the last separator out.
  if (from < bytes.length) fields.push(decodeText(bytes.subarray(from)));
  return fields;
}
