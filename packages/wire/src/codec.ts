/**
 * Frames to bytes and back.
 *
 *   byte 0-3   sequence   big-endian, counts the frames of one direction of one connection from 0
 *   byte 4     flags      bit 0: the body is deflated; all others 0
 *   byte 5-    body       one CBOR map, plain (see cbor-gate.ts)
 *
 * Guarantees: whatever bytes come in, the answer is a frame that fits its schema or a `WireError` with a `FRAME_*` code,
 * in memory bounded by `bodyMax`; what this side sends passes the same schema and limits as what it receives. Byte strings
 * of a decoded frame are views of one buffer that nobody else writes to.
 *
 * Does not: compare sequence numbers (the connection does), or know who sent them.
 */
import { Decoder, Encoder } from 'cbor-x';
import { cborFault } from './cbor-gate.ts';
import { deflateBody, inflateBody } from './deflate.ts';
import { WireError } from './errors.ts';
import {
  type EntriesFrame,
  FRAME_BYTES_MAX,
  type Frame,
  HANDSHAKE_BYTES_MAX,
  isConnectionFrame,
  parseFrame,
  STATUS_BYTES_MAX,
} from './frames.ts';

export const HEADER_BYTES = 5;
/** Smaller bodies are not worth compressing. */
export const DEFLATE_MIN_BYTES = 160;

const FLAG_DEFLATED = 1;
/** Checkpoints are compressed already, hashes and signatures cannot be; these three have text in them. */
const DEFLATED_TYPES: ReadonlySet<string> = new Set(['entries', 'vector', 'have']);

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });

export interface EncodedFrame {
  /** Ready to send but for the sequence number, see `stampSequence`. */
  readonly message: Uint8Array;
  /** What the frame costs in credit: header and body before compression. */
  readonly cost: number;
}

export interface DecodedFrame {
  readonly frame: Frame;
  readonly sequence: number;
  readonly cost: number;
  /** The body as received (inflated): what the handshake signs. */
  readonly body: Uint8Array;
}

/** Entries frames as they were sent or came in, by their list of entries: gone with it. */
const packed = new WeakMap<readonly Uint8Array[], Packed>();

interface Packed extends EncodedFrame {
  readonly frame: EntriesFrame;
}

/** Smaller frames that come in are compressed again when they go on: that costs less than keeping a copy of each. */
const KEEP_RECEIVED_MIN_BYTES = 4096;

/** What goes to many peers is packed once, and what came packed goes on as it came. The copy is for the sequence number. */
function packedBefore(frame: EntriesFrame): EncodedFrame | undefined {
  const known = packed.get(frame.entries);
  if (known === undefined) return undefined;
  const { feed, from, signature } = known.frame;
  if (feed !== frame.feed || from !== frame.from || signature !== frame.signature) return undefined;
  return { message: new Uint8Array(known.message), cost: known.cost };
}

/** Throws `FRAME_TOO_LARGE`, or `FRAME_MALFORMED` when the frame breaks its own schema. */
export function encodeFrame(frame: Frame): EncodedFrame {
  if (frame.type !== 'entries') return packFrame(frame);
  const before = packedBefore(frame);
  if (before !== undefined) return before;
  const encoded = packFrame(frame);
  packed.set(frame.entries, { ...encoded, message: new Uint8Array(encoded.message), frame });
  return encoded;
}

function packFrame(frame: Frame): EncodedFrame {
  if (parseFrame(frame) === undefined) {
    throw new WireError('FRAME_MALFORMED', `a ${frame.type} frame that breaks its schema was to be sent`);
  }
  const body = encoder.encode(frame);
  const bodyMax = bodyMaxOf(frame);
  if (body.length > bodyMax) {
    throw new WireError('FRAME_TOO_LARGE', `${frame.type}: ${body.length} bytes of ${bodyMax}`, {
      hint: 'Send it in smaller parts.',
    });
  }
  if (frame.type === 'status') {
    const fault = cborFault(body);
    if (fault !== undefined) throw new WireError('FRAME_MALFORMED', `a status report with ${fault}`);
  }
  const cost = HEADER_BYTES + body.length;
  if (body.length >= DEFLATE_MIN_BYTES && DEFLATED_TYPES.has(frame.type)) {
    const deflated = deflateBody(body);
    if (deflated.length < body.length) return { message: withHeader(deflated, FLAG_DEFLATED), cost };
  }
  return { message: withHeader(body, 0), cost };
}

/** Writes the frame's place in its connection, which is known only when it leaves. */
export function stampSequence(message: Uint8Array, sequence: number): void {
  new DataView(message.buffer, message.byteOffset).setUint32(0, sequence);
}

/** The body of an encoded frame, as the peer will see it. Plain frames only. */
export function bodyOf(message: Uint8Array): Uint8Array {
  return message.subarray(HEADER_BYTES);
}

/** Throws `FRAME_TOO_LARGE`, `FRAME_BOMB` or `FRAME_MALFORMED`. */
export function decodeFrame(message: Uint8Array, bodyMax: number = FRAME_BYTES_MAX): DecodedFrame {
  if (message.length > HEADER_BYTES + bodyMax) {
    throw new WireError('FRAME_TOO_LARGE', `${message.length} bytes of ${HEADER_BYTES + bodyMax}`);
  }
  if (message.length <= HEADER_BYTES) throw malformed('no body');
  const sequence = new DataView(message.buffer, message.byteOffset).getUint32(0);
  const flags = message[HEADER_BYTES - 1]!;
  if ((flags & ~FLAG_DEFLATED) !== 0) throw malformed('unknown flags');
  const body = flags === FLAG_DEFLATED ? inflated(message, bodyMax) : plainView(message);

  const fault = cborFault(body);
  if (fault !== undefined) throw malformed(fault);
  let value: unknown;
  try {
    value = decoder.decode(body as Buffer);
  } catch (cause) {
    throw malformed('not CBOR', cause);
  }
  const frame = parseFrame(value);
  if (frame === undefined) throw malformed('not a frame of this protocol');
  if (flags === FLAG_DEFLATED && !DEFLATED_TYPES.has(frame.type)) throw malformed('deflated out of place');
  if (body.length > bodyMaxOf(frame)) throw new WireError('FRAME_TOO_LARGE', `${frame.type}: ${body.length}`);
  if (frame.type === 'entries' && flags === FLAG_DEFLATED && message.length >= KEEP_RECEIVED_MIN_BYTES) {
    packed.set(frame.entries, { frame, message: new Uint8Array(message), cost: HEADER_BYTES + body.length });
  }
  return { frame, sequence, cost: HEADER_BYTES + body.length, body };
}

function bodyMaxOf(frame: Frame): number {
  if (frame.type === 'status') return STATUS_BYTES_MAX;
  return isConnectionFrame(frame) ? HANDSHAKE_BYTES_MAX : FRAME_BYTES_MAX;
}

function inflated(message: Uint8Array, bodyMax: number): Uint8Array {
  const body = inflateBody(message.subarray(HEADER_BYTES), bodyMax);
  if (body === undefined) throw malformed('not deflate');
  if (body === 'bomb') throw new WireError('FRAME_BOMB', `unpacks to more than ${bodyMax} bytes`);
  return plainBytes(body);
}

function plainView(message: Uint8Array): Uint8Array {
  return plainBytes(message.subarray(HEADER_BYTES));
}

/** A `Uint8Array` that is not a `Buffer`: byte strings decoded from it are plain too, and compare equal. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function withHeader(body: Uint8Array, flags: number): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES + body.length);
  message[HEADER_BYTES - 1] = flags;
  message.set(body, HEADER_BYTES);
  return message;
}

function malformed(what: string, cause?: unknown): WireError {
  return new WireError('FRAME_MALFORMED', what, cause === undefined ? {} : { cause });
}
