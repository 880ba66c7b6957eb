/**
 * The session header in front of every message between a fiscal storage and the operator of fiscal data: 30 bytes, numbers
 * little-endian.
 *
 *    0   4  signature         2A 08 41 0A
 *    4   2  session version   81 A2
 *    6   2  format version    01 00 (1.0), 01 05, 01 10, 01 20; 00 01 and 00 02 from older storages
 *    8  16  FN number         ASCII, padded with spaces
 *   24   2  body length
 *   26   2  flags             bits 0-1 CRC mode (0 none, 1 header, 2 header and body), bit 2 container, bits 4-5 answer wanted
 *   28   2  CRC               0 in mode 0
 *
 * Guarantees: an encoded header decodes to itself; a header with a wrong signature, version or CRC is a coded error.
 * Test messages (session version 82 FB) and those of the marking server are refused: they are other conversations.
 */
import { concatBytes } from '../bytes.ts';
import { crc16 } from '../crc16.ts';
import { FiscalError } from '../errors.ts';
import type { FfdVersion } from '../ffd/tag.ts';
import { bytesOfHex, hexOfBytes } from '../hex.ts';

export const SESSION_HEADER_BYTES = 30;
/** A container holds at most 32 KiB; its header and the trailer come on top. */
export const SESSION_BODY_BYTES_MAX = 33_280;

/** Container inside, answer wanted, no CRC: what storages send. */
export const USUAL_FLAGS = 0x14;

const SIGNATURE = '2a08410a';
const SESSION_VERSION = '81a2';
const FORMAT_VERSIONS: Readonly<Record<string, FfdVersion>> = {
  '0100': '1.0',
  '0001': '1.0',
  '0002': '1.05',
  '0105': '1.05',
  '0110': '1.1',
  '0120': '1.2',
};
/** Some firmware leaves these, with no CRC; its vendor's own carrier corrects them on the way. */
const FORMAT_VERSION_SLIPS: Readonly<Record<string, string>> = { '0101': '0110', '0102': '0120' };

export interface SessionHeader {
  /** The two bytes as they stand, hexadecimal. */
  readonly formatVersion: string;
  /** The FN number without its padding. */
  readonly fn: string;
  readonly fnRaw: Uint8Array;
  readonly bodyLength: number;
  readonly flags: number;
  readonly crc: number;
}

export const CRC_MODES = ['none', 'header', 'header-and-body'] as const;

export function crcModeOf(flags: number): number {
  return flags & 0b11;
}

/** The format a header announces; 1.0 and 1.05 documents may say more precisely themselves. */
export function ffdVersionOf({ formatVersion }: SessionHeader): FfdVersion {
  return FORMAT_VERSIONS[formatVersion] ?? '1.0';
}

/** Reads the header at the start of `bytes`; the CRC over header and body is checked as soon as the body is there. */
export function decodeSessionHeader(bytes: Uint8Array): SessionHeader {
  if (bytes.length < SESSION_HEADER_BYTES) {
    throw new FiscalError('OFD_TRUNCATED', `${bytes.length} bytes where a session header needs 30`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (hexOfBytes(bytes.subarray(0, 4)) !== SIGNATURE) {
    throw new FiscalError('OFD_SIGNATURE_INVALID', 'does not begin with the signature of the protocol');
  }
  const sessionVersion = hexOfBytes(bytes.subarray(4, 6));
  if (sessionVersion !== SESSION_VERSION) {
    throw new FiscalError('OFD_SESSION_VERSION_UNKNOWN', `session version ${sessionVersion}`, {
      hint: 'Only ordinary messages are carried: neither test messages nor those of the marking server.',
    });
  }
  const crc = view.getUint16(28, true);
  const formatVersion = hexOfBytes(bytes.subarray(6, 8));
  const isSlip = crc === 0 && formatVersion in FORMAT_VERSION_SLIPS;
  if (!(formatVersion in FORMAT_VERSIONS) && !isSlip) {
    throw new FiscalError('OFD_FORMAT_VERSION_UNKNOWN', `format version ${formatVersion}`);
  }
  const fnRaw = new Uint8Array(bytes.subarray(8, 24));
  const header: SessionHeader = {
    formatVersion,
    fn: Buffer.from(fnRaw).toString('latin1').replace(/ +$/, ''),
    fnRaw,
    bodyLength: view.getUint16(24, true),
    flags: view.getUint16(26, true),
    crc,
  };
  if (crcModeOf(header.flags) === 1) checkCrc(header, crc16(bytes.subarray(0, 28)));
  return header;
}

/** Header and body; bytes behind the body are not looked at. */
export function decodeSession(bytes: Uint8Array): {
  readonly session: SessionHeader;
  readonly body: Uint8Array;
} {
  const session = decodeSessionHeader(bytes);
  if (session.bodyLength > SESSION_BODY_BYTES_MAX) {
    throw new FiscalError('OFD_TOO_LARGE', `a body of ${session.bodyLength} bytes`);
  }
  const body = bytes.subarray(SESSION_HEADER_BYTES, SESSION_HEADER_BYTES + session.bodyLength);
  if (body.length < session.bodyLength) {
    throw new FiscalError('OFD_TRUNCATED', `${body.length} bytes of a body of ${session.bodyLength}`);
  }
  if (crcModeOf(session.flags) === 2) checkCrc(session, crc16(bytes.subarray(0, 28), body));
  return { session, body };
}

export interface SessionOptions {
  readonly fn: string;
  readonly body: Uint8Array;
  readonly formatVersion?: string;
  readonly flags?: number;
}

export function encodeSession({
  fn,
  body,
  formatVersion = '0120',
  flags = USUAL_FLAGS,
}: SessionOptions): Uint8Array {
  if (!/^[\x21-\x7e]{1,16}$/.test(fn))
    throw new FiscalError('OFD_CONTAINER_INVALID', `no FN number: "${fn}"`);
  if (!(formatVersion in FORMAT_VERSIONS)) {
    throw new FiscalError('OFD_FORMAT_VERSION_UNKNOWN', `format version ${formatVersion}`);
  }
  if (body.length > SESSION_BODY_BYTES_MAX) {
    throw new FiscalError('OFD_TOO_LARGE', `a body of ${body.length} bytes`);
  }
  const header = Buffer.alloc(SESSION_HEADER_BYTES);
  header.write(SIGNATURE + SESSION_VERSION + formatVersion, 0, 'hex');
  header.write(fn.padEnd(16), 8, 'latin1');
  header.writeUInt16LE(body.length, 24);
  header.writeUInt16LE(flags, 26);
  const covered = header.subarray(0, 28);
  if (crcModeOf(flags) === 1) header.writeUInt16LE(crc16(covered), 28);
  if (crcModeOf(flags) === 2) header.writeUInt16LE(crc16(covered, body), 28);
  return concatBytes([header, body]);
}

/** The message with a format version the operator will know. Only a header without CRC is ever touched. */
export function correctFormatVersion(message: Uint8Array): Uint8Array {
  const correct = FORMAT_VERSION_SLIPS[hexOfBytes(message.subarray(6, 8))];
  if (correct === undefined || message[28] !== 0 || message[29] !== 0) return message;
  const corrected = new Uint8Array(message);
  corrected.set(bytesOfHex(correct), 6);
  return corrected;
}

function checkCrc({ crc }: SessionHeader, computed: number): void {
  if (crc !== computed) throw new FiscalError('OFD_CRC_MISMATCH', `session CRC ${crc}, computed ${computed}`);
}
