/**
 * A signed checkpoint as a file: the header can be read, and its signature checked, without the documents.
 *
 *     "BRANCHLINE CHECKPOINT 1\n" ‖ header length (4 bytes, big-endian) ‖ CRC32C of the header (4) ‖ header (CBOR) ‖ documents
 *     header    collection, id, when it was kept, vector, signer, signature, (name, length, SHA-256) of each document
 *
 * Guarantees: a file that was cut short or changed reads as `undefined`, never as another checkpoint.
 * Does not: ask whether the signer may vouch. The registry knows, and may change its mind.
 */
import { createHash } from 'node:crypto';
import { Decoder, Encoder } from 'cbor-x';
import type { CheckpointDoc, SignedCheckpoint } from './checkpoint-transfer.ts';
import { crc32c } from './crc32c.ts';
import type { DiskFile } from './disk.ts';
import { plainCborFault } from './plain-cbor.ts';
import type { Collection, FeedName, Head } from './types.ts';

/** A vector of 8192 feeds and the names of 4096 documents. */
export const CHECKPOINT_HEADER_BYTES_MAX = 4 * 1024 * 1024;

const MAGIC = Buffer.from('BRANCHLINE CHECKPOINT 1\n');
const FRAME_BYTES = MAGIC.byteLength + 8;
const CBOR = { useRecords: false, tagUint8Array: false } as const;
const encoder = new Encoder(CBOR);
const decoder = new Decoder(CBOR);

type Row = readonly [doc: string, length: number, sha256: Uint8Array];

interface Header {
  readonly collection: string;
  readonly id: string;
  readonly keptMs: number;
  readonly vector: readonly (readonly [feed: string, seq: number, hash: Uint8Array])[];
  readonly signer: Uint8Array;
  readonly signature: Uint8Array;
  readonly docs: readonly Row[];
}

/** What is known of a kept checkpoint without reading its documents. */
export interface CheckpointMark {
  readonly collection: Collection;
  readonly id: string;
  readonly vector: ReadonlyMap<FeedName, Head>;
  readonly signer: Uint8Array;
  /** Entries its vector counts: of two checkpoints of a collection, the one with more is newer. */
  readonly entries: number;
  /** Of its documents. */
  readonly bytes: number;
  /** Wall clock. */
  readonly keptMs: number;
}

export function encodeCheckpointFile(checkpoint: SignedCheckpoint, keptMs: number): Uint8Array[] {
  const { collection, id, signer, signature, docs } = checkpoint;
  const vector = [...checkpoint.vector].map(([feed, { seq, hash }]) => [feed, seq, hash] as const);
  const rows = docs.map(({ doc, bytes }) => [doc, bytes.byteLength, sha256(bytes)] as const);
  const header = encoder.encode({ collection, id, keptMs, vector, signer, signature, docs: rows });
  const frame = Buffer.alloc(FRAME_BYTES);
  MAGIC.copy(frame);
  frame.writeUInt32BE(header.byteLength, MAGIC.byteLength);
  frame.writeUInt32BE(crc32c(header), MAGIC.byteLength + 4);
  return [Buffer.concat([frame, header]), ...docs.map(({ bytes }) => bytes)];
}

/** Undefined unless the header is whole and the file has the length the header says. */
export async function readCheckpointMark(file: DiskFile): Promise<CheckpointMark | undefined> {
  const found = await readHeader(file);
  if (found === undefined) return undefined;
  const { header, bytes } = found;
  const vector = vectorOf(header);
  return {
    collection: header.collection as Collection,
    id: header.id,
    vector,
    signer: header.signer,
    entries: countEntries(vector),
    bytes,
    keptMs: header.keptMs,
  };
}

/** Undefined unless every byte is as it was kept. */
export async function readCheckpoint(file: DiskFile): Promise<SignedCheckpoint | undefined> {
  const found = await readHeader(file);
  if (found === undefined) return undefined;
  const { header } = found;
  const docs: CheckpointDoc[] = [];
  let { offset } = found;
  for (const [doc, length, hash] of header.docs) {
    const bytes = await file.read(offset, length);
    if (Buffer.compare(sha256(bytes), hash) !== 0) return undefined;
    docs.push({ doc, bytes });
    offset += length;
  }
  const { id, signer, signature } = header;
  return {
    collection: header.collection as Collection,
    id,
    vector: vectorOf(header),
    docs,
    signer,
    signature,
  };
}

export function countEntries(vector: ReadonlyMap<FeedName, Head>): number {
  let entries = 0;
  for (const { seq } of vector.values()) entries += seq;
  return entries;
}

async function readHeader(
  file: DiskFile,
): Promise<{ header: Header; offset: number; bytes: number } | undefined> {
  const frame = Buffer.from(await file.read(0, FRAME_BYTES));
  if (frame.byteLength < FRAME_BYTES || !frame.subarray(0, MAGIC.byteLength).equals(MAGIC)) return undefined;
  const length = frame.readUInt32BE(MAGIC.byteLength);
  if (length > CHECKPOINT_HEADER_BYTES_MAX) return undefined;
  const packed = await file.read(FRAME_BYTES, length);
  if (packed.byteLength < length || crc32c(packed) !== frame.readUInt32BE(MAGIC.byteLength + 4))
    return undefined;
  if (plainCborFault(packed) !== undefined) return undefined;
  const header = decoder.decode(Uint8Array.from(packed)) as Header;
  const bytes = header.docs.reduce((sum, [, docBytes]) => sum + docBytes, 0);
  const offset = FRAME_BYTES + length;
  return (await file.size()) === offset + bytes ? { header, offset, bytes } : undefined;
}

function vectorOf(header: Header): Map<FeedName, Head> {
  return new Map(header.vector.map(([feed, seq, hash]) => [feed as FeedName, { seq, hash }]));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
