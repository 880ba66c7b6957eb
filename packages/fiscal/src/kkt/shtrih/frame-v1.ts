/**
 * Frames of the standard Shtrih-M protocol.
 *
 *    0   1  02
 *    1   1  length of the message
 *    2   …  message: command (one byte, or FF and one), parameters or error and data
 *    …   1  XOR of length and message
 *
 * Beside frames single bytes pass: ENQ asks who is next, ACK and NAK answer it and frames.
 */
import { KktError } from '../../errors.ts';

export const STX = 0x02;
export const ENQ = 0x05;
export const ACK = 0x06;
export const NAK = 0x15;

/** What the length byte can say. */
export const MESSAGE_V1_MAX = 255;

export function encodeFrameV1(message: Uint8Array): Uint8Array {
  if (message.length === 0 || message.length > MESSAGE_V1_MAX) {
    throw new KktError('KKT_UNSUPPORTED', `a message of ${message.length} bytes`, { outcome: 'unsent' });
  }
  const frame = new Uint8Array(message.length + 3);
  frame[0] = STX;
  frame[1] = message.length;
  frame.set(message, 2);
  frame[frame.length - 1] = checksumV1(message);
  return frame;
}

export function checksumV1(message: Uint8Array): number {
  return message.reduce((sum, byte) => sum ^ byte, message.length);
}

export interface FrameV1 {
  readonly message: Uint8Array;
  readonly checksum: number;
  readonly isIntact: boolean;
}

/** A whole frame as captured; throws `KKT_PROTOCOL` when it is none. */
export function decodeFrameV1(bytes: Uint8Array): FrameV1 {
  const length = bytes[1] ?? 0;
  if (bytes[0] !== STX || length === 0 || bytes.length !== length + 3) {
    throw new KktError('KKT_PROTOCOL', `${bytes.length} bytes are no frame`, { outcome: 'unknown' });
  }
  const message = bytes.slice(2, 2 + length);
  const checksum = bytes[bytes.length - 1]!;
  return { message, checksum, isIntact: checksum === checksumV1(message) };
}
