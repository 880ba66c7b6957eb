/**
 * Every frame two peers may exchange, as zod schemas; the types follow from them.
 *
 *   connection frames   hello auth reject credit ping pong bye        this package's own
 *   message frames      have vector entries checkpoint shelf ack fork successor alarm status    replication's
 *
 * Guarantees: a decoded frame has exactly these fields, of these shapes, within these limits; an unknown field or type
 * refuses the frame. Byte layout: replication-protocol.md. A change here changes the protocol's fingerprint and
 * asks for a line in protocol-version.ts.
 *
 * `entries` and `ack` are nearly all the traffic of a quiet day, so they have a hand-written check (`parseFrame`) beside
 * their schema; frames.test.ts holds the two equal.
 *
 * Does not: know what is inside an entry, a digest or a checkpoint.
 */
import { z } from 'zod';

/** Largest frame body, compressed or not. */
export const FRAME_BYTES_MAX = 1_048_576;
/** Largest frame body before the peer has proved who it is. */
export const HANDSHAKE_BYTES_MAX = 4_096;
/** Largest `status` body: a health report, not a data channel. */
export const STATUS_BYTES_MAX = 16_384;
export const ENTRIES_PER_FRAME_MAX = 4_096;
export const DIGESTS_PER_FRAME_MAX = 4_096;
export const FEEDS_PER_FRAME_MAX = 8_192;
export const CHECKPOINT_PARTS_MAX = 65_536;
export const NAME_LENGTH_MAX = 200;
export const CODE_LENGTH_MAX = 64;
export const TEXT_LENGTH_MAX = 1_024;
export const FEATURES_MAX = 32;

const KEY_BYTES = 32;
const HASH_BYTES = 32;
export const NONCE_BYTES = 32;
const SIGNATURE_BYTES = 64;
const DIGEST_BYTES = 16;
const HASH_PREFIX_BYTES = 8;

/** Feed and collection names: segments of plain characters. */
const NAME_PATTERN = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/;

function bytes(min: number, max = min) {
  return z
    .instanceof(Uint8Array)
    .refine((value) => value.length >= min && value.length <= max, `expected ${min} to ${max} bytes`)
    .meta({ description: `bytes ${min}..${max}` });
}

const name = z.string().max(NAME_LENGTH_MAX).regex(NAME_PATTERN);
const code = z.string().min(1).max(CODE_LENGTH_MAX);
const text = z.string().max(TEXT_LENGTH_MAX);
const count = z.int().min(0);
const ordinal = z.int().min(1);

export const helloSchema = z.strictObject({
  type: z.literal('hello'),
  version: ordinal,
  tenant: z.string().min(1).max(CODE_LENGTH_MAX),
  nonce: bytes(NONCE_BYTES),
  key: bytes(KEY_BYTES),
  software: code,
  features: z.array(code).max(FEATURES_MAX),
});
export const authSchema = z.strictObject({ type: z.literal('auth'), signature: bytes(SIGNATURE_BYTES) });
export const rejectSchema = z.strictObject({
  type: z.literal('reject'),
  code,
  hint: text.exactOptional(),
});
export const creditSchema = z.strictObject({ type: z.literal('credit'), bytes: ordinal });
export const pingSchema = z.strictObject({ type: z.literal('ping'), at: count });
export const pongSchema = z.strictObject({ type: z.literal('pong'), at: count });
export const byeSchema = z.strictObject({ type: z.literal('bye'), code });

export const haveSchema = z.strictObject({
  type: z.literal('have'),
  digests: z.array(z.tuple([name, bytes(DIGEST_BYTES)])).max(DIGESTS_PER_FRAME_MAX),
  reply: z.boolean(),
});
export const vectorSchema = z.strictObject({
  type: z.literal('vector'),
  collection: name,
  feeds: z.array(z.tuple([name, count, bytes(HASH_PREFIX_BYTES)])).max(FEEDS_PER_FRAME_MAX),
});
export const entriesSchema = z.strictObject({
  type: z.literal('entries'),
  feed: name,
  from: ordinal,
  entries: z.array(bytes(1, FRAME_BYTES_MAX)).min(1).max(ENTRIES_PER_FRAME_MAX),
  signature: bytes(SIGNATURE_BYTES),
});
export const checkpointSchema = z.strictObject({
  type: z.literal('checkpoint'),
  collection: name,
  id: code,
  part: count.max(CHECKPOINT_PARTS_MAX),
  parts: ordinal.max(CHECKPOINT_PARTS_MAX),
  vector: z
    .array(z.tuple([name, count, bytes(HASH_BYTES)]))
    .max(FEEDS_PER_FRAME_MAX)
    .exactOptional(),
  doc: name.exactOptional(),
  bytes: bytes(0, FRAME_BYTES_MAX).exactOptional(),
  signer: bytes(KEY_BYTES).exactOptional(),
  signature: bytes(SIGNATURE_BYTES).exactOptional(),
});
export const shelfSchema = z.strictObject({
  type: z.literal('shelf'),
  held: z.array(z.tuple([name, code, count])).max(DIGESTS_PER_FRAME_MAX),
});
export const ackSchema = z.strictObject({ type: z.literal('ack'), feed: name, seq: count });
export const forkSchema = z.strictObject({
  type: z.literal('fork'),
  feed: name,
  seq: count,
  hash: bytes(HASH_BYTES),
  evidence: z
    .strictObject({
      from: ordinal,
      entries: z.array(bytes(1, FRAME_BYTES_MAX)).min(1).max(ENTRIES_PER_FRAME_MAX),
      signature: bytes(SIGNATURE_BYTES),
    })
    .exactOptional(),
});
export const successorSchema = z.strictObject({
  type: z.literal('successor'),
  predecessor: name,
  key: bytes(KEY_BYTES),
  incarnation: ordinal.exactOptional(),
  proof: bytes(SIGNATURE_BYTES),
});
export const alarmSchema = z.strictObject({ type: z.literal('alarm'), code, detail: text });
export const statusSchema = z.strictObject({ type: z.literal('status'), report: z.unknown() });

export const frameSchema = z.discriminatedUnion('type', [
  helloSchema,
  authSchema,
  rejectSchema,
  creditSchema,
  pingSchema,
  pongSchema,
  byeSchema,
  haveSchema,
  vectorSchema,
  entriesSchema,
  checkpointSchema,
  shelfSchema,
  ackSchema,
  forkSchema,
  successorSchema,
  alarmSchema,
  statusSchema,
]);

/** Frames are read, never changed in place. */
type Frozen<T> = T extends Uint8Array
  ? Uint8Array
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

export type HelloFrame = Frozen<z.infer<typeof helloSchema>>;
export type AuthFrame = Frozen<z.infer<typeof authSchema>>;
export type RejectFrame = Frozen<z.infer<typeof rejectSchema>>;
export type CreditFrame = Frozen<z.infer<typeof creditSchema>>;
export type PingFrame = Frozen<z.infer<typeof pingSchema>>;
export type PongFrame = Frozen<z.infer<typeof pongSchema>>;
export type ByeFrame = Frozen<z.infer<typeof byeSchema>>;
export type HaveFrame = Frozen<z.infer<typeof haveSchema>>;
export type VectorFrame = Frozen<z.infer<typeof vectorSchema>>;
export type EntriesFrame = Frozen<z.infer<typeof entriesSchema>>;
export type CheckpointFrame = Frozen<z.infer<typeof checkpointSchema>>;
export type ShelfFrame = Frozen<z.infer<typeof shelfSchema>>;
export type AckFrame = Frozen<z.infer<typeof ackSchema>>;
export type ForkFrame = Frozen<z.infer<typeof forkSchema>>;
export type SuccessorFrame = Frozen<z.infer<typeof successorSchema>>;
export type AlarmFrame = Frozen<z.infer<typeof alarmSchema>>;
export type StatusFrame = Frozen<z.infer<typeof statusSchema>>;

/** What the connection says for itself. */
export type ConnectionFrame =
  | HelloFrame
  | AuthFrame
  | RejectFrame
  | CreditFrame
  | PingFrame
  | PongFrame
  | ByeFrame;
/** What the connection carries for replication. */
export type MessageFrame =
  | HaveFrame
  | VectorFrame
  | EntriesFrame
  | CheckpointFrame
  | ShelfFrame
  | AckFrame
  | ForkFrame
  | SuccessorFrame
  | AlarmFrame
  | StatusFrame;
export type Frame = ConnectionFrame | MessageFrame;

const CONNECTION_TYPES: ReadonlySet<string> = new Set<ConnectionFrame['type']>([
  'hello',
  'auth',
  'reject',
  'credit',
  'ping',
  'pong',
  'bye',
]);

export function isConnectionFrame(frame: Frame): frame is ConnectionFrame {
  return CONNECTION_TYPES.has(frame.type);
}

/** A decoded value as a frame, or undefined when it is none. */
export function parseFrame(value: unknown): Frame | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type } = value as { type?: unknown };
  if (type === 'entries') return isEntriesFrame(value) ? value : undefined;
  if (type === 'ack') return isAckFrame(value) ? value : undefined;
  const parsed = frameSchema.safeParse(value);
  return parsed.success ? (parsed.data as Frame) : undefined;
}

function isEntriesFrame(value: object): value is EntriesFrame {
  const { feed, from, entries, signature } = value as Partial<Record<keyof EntriesFrame, unknown>>;
  return (
    isName(feed) &&
    isCount(from) &&
    from >= 1 &&
    Array.isArray(entries) &&
    entries.length >= 1 &&
    entries.length <= ENTRIES_PER_FRAME_MAX &&
    entries.every(isEntryBytes) &&
    signature instanceof Uint8Array &&
    signature.length === SIGNATURE_BYTES &&
    Object.keys(value).length === 5
  );
}

function isAckFrame(value: object): value is AckFrame {
  const { feed, seq } = value as Partial<Record<keyof AckFrame, unknown>>;
  return isName(feed) && isCount(seq) && Object.keys(value).length === 3;
}

function isEntryBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length >= 1 && value.length <= FRAME_BYTES_MAX;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= NAME_LENGTH_MAX && NAME_PATTERN.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Every schema above as text: part of the protocol's fingerprint. */
export function schemaText(): string {
  return JSON.stringify(z.toJSONSchema(frameSchema, { unrepresentable: 'any' }));
}
