/**
 * Checkpoints on their way between peers: signed, cut into parts, put together again, never understood.
 *
 *     part 0      vector, signer, signature
 *     part 1..n   documents one after another, each in pieces of up to CHECKPOINT_PART_BYTES
 *     signed      SHA-256 of "branchline checkpoint" ‖ tenant ‖ collection ‖ id ‖ vector ‖ (name, SHA-256) of each document
 *
 * Guarantees: a checkpoint is handed on only whole, within its size, and signed by a key the registry lets vouch; what it
 * stands in for is exactly the vector that was signed. One at a time per session, bounded.
 *
 * Does not: open a document. The sink does, with limits of its own.
 */
import { createHash } from 'node:crypto';
import { FeedError } from './errors.ts';
import { type DeviceKey, verifySignature, writerIdOf } from './identity.ts';
import type { CheckpointMessage } from './replication-messages.ts';
import type { Collection, FeedName, Head, PublicKey, WriterId } from './types.ts';

export const CHECKPOINT_BYTES_MAX = 32 * 1024 * 1024;
export const CHECKPOINT_PART_BYTES = 256 * 1024;
export const CHECKPOINT_DOCS_MAX = 4096;

export interface CheckpointDoc {
  readonly doc: string;
  readonly bytes: Uint8Array;
}

export interface Checkpoint {
  readonly collection: Collection;
  readonly id: string;
  /** Entries up to these heads are in the documents. */
  readonly vector: ReadonlyMap<FeedName, Head>;
  readonly docs: readonly CheckpointDoc[];
}

export interface SignedCheckpoint extends Checkpoint {
  readonly signer: PublicKey;
  readonly signature: Uint8Array;
}

/** What a peer could be sent instead of entries; `bytes` is the size of its documents. */
export interface CheckpointOffer {
  readonly id: string;
  readonly vector: ReadonlyMap<FeedName, Head>;
  readonly bytes: number;
}

/** One checkpoint as peers speak of it; `entries` is what its vector counts. */
export interface HeldCheckpoint {
  readonly collection: Collection;
  readonly id: string;
  readonly entries: number;
}

export interface CheckpointSource {
  /**
   * Called once per session and collection that lacks something, and for a keeper that holds an older one. With `needed`: entries
   * from there on are pruned, only a checkpoint that covers them is of use.
   */
  offer(
    collection: Collection,
    needed?: { readonly feed: FeedName; readonly from: number },
  ): Promise<CheckpointOffer | undefined>;
  /** Called when the offer is cheaper than the entries. */
  load(collection: Collection, id: string): Promise<SignedCheckpoint | undefined>;
  /** Called when a keeper says what it holds. Without it keepers are told nothing. */
  marks?(): readonly HeldCheckpoint[];
}

export interface CheckpointSink {
  /**
   * Called with a checkpoint that was verified and admitted; resolves when its documents are durable. Throws
   * `CHECKPOINT_INVALID` to refuse it; any other error is this device's own trouble.
   */
  apply(checkpoint: SignedCheckpoint): Promise<void>;
  /** What is kept here to be forwarded. Present in a keeper: it is sent newer ones also when it lacks no entries. */
  held?(): readonly HeldCheckpoint[];
}

/** `features` of a hello: this device takes checkpoints. */
export const CHECKPOINTS_FEATURE = 'checkpoints';
/** And keeps them for others, who will ask it for entries too: it gets entries wherever there are any. */
export const KEEPER_FEATURE = 'keeps-checkpoints';

export function signCheckpoint(key: DeviceKey, tenant: string, checkpoint: Checkpoint): SignedCheckpoint {
  const signature = key.sign(checkpointBytes(tenant, checkpoint));
  return { ...checkpoint, signer: key.publicKey, signature };
}

/** Did the named signer sign exactly this? Whether it may vouch is the registry's to say. */
export function isSigned(tenant: string, checkpoint: SignedCheckpoint): boolean {
  return verifySignature(checkpoint.signer, checkpointBytes(tenant, checkpoint), checkpoint.signature);
}

export function* checkpointParts(checkpoint: SignedCheckpoint): Generator<CheckpointMessage> {
  const { collection, id, signer, signature } = checkpoint;
  const pieces = checkpoint.docs.flatMap(({ doc, bytes }) => piecesOf(doc, bytes));
  const parts = pieces.length + 1;
  const vector = [...checkpoint.vector].map(([feed, head]) => [feed, head.seq, head.hash] as const);
  yield { type: 'checkpoint', collection, id, part: 0, parts, vector, signer, signature };
  for (const [index, { doc, bytes }] of pieces.entries()) {
    yield { type: 'checkpoint', collection, id, part: index + 1, parts, doc, bytes };
  }
}

/** Puts the parts of one checkpoint together. Throws `CHECKPOINT_INVALID` at the first part that does not fit. */
export class CheckpointAssembly {
  readonly #tenant: string;
  readonly #mayVouch: (writer: WriterId) => boolean;
  readonly #header: CheckpointMessage;
  readonly #docs = new Map<string, Uint8Array[]>();
  #next = 1;
  #bytes = 0;

  constructor(tenant: string, mayVouch: (writer: WriterId) => boolean, header: CheckpointMessage) {
    if (header.part !== 0 || !header.vector || !header.signer || !header.signature) {
      throw invalid(header, 'does not start with its vector and signature');
    }
    if (!mayVouch(writerIdOf(header.signer))) throw invalid(header, 'is signed by a key that may not vouch');
    this.#tenant = tenant;
    this.#mayVouch = mayVouch;
    this.#header = header;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined while parts are missing. */
  take(message: CheckpointMessage): SignedCheckpoint | undefined {
    const { id, collection, parts } = this.#header;
    if (message.id !== id || message.collection !== collection || message.parts !== parts) {
      throw invalid(message, 'is mixed with another one');
    }
    if (message.part !== 0) this.#keep(message);
    return this.#next === parts ? this.#finish() : undefined;
  }

  #keep(message: CheckpointMessage): void {
    const { part, doc, bytes } = message;
    if (part !== this.#next || doc === undefined || bytes === undefined)
      throw invalid(message, 'has a part missing');
    this.#next += 1;
    this.#bytes += bytes.byteLength;
    if (this.#bytes > CHECKPOINT_BYTES_MAX)
      throw invalid(message, `is longer than ${CHECKPOINT_BYTES_MAX} bytes`);
    const pieces = this.#docs.get(doc);
    if (pieces) pieces.push(bytes);
    else if (this.#docs.size < CHECKPOINT_DOCS_MAX) this.#docs.set(doc, [bytes]);
    else throw invalid(message, `has more than ${CHECKPOINT_DOCS_MAX} documents`);
  }

  #finish(): SignedCheckpoint {
    const { id, collection, vector, signer, signature } = this.#header;
    const checkpoint: SignedCheckpoint = {
      id,
      collection: collection as Collection,
      vector: new Map(vector!.map(([feed, seq, hash]) => [feed as FeedName, { seq, hash }])),
      docs: [...this.#docs].map(([doc, pieces]) => ({ doc, bytes: new Uint8Array(Buffer.concat(pieces)) })),
      signer: signer!,
      signature: signature!,
    };
    if (!this.#mayVouch(writerIdOf(signer!)) || !isSigned(this.#tenant, checkpoint)) {
      throw invalid(this.#header, 'is not what its signer signed');
    }
    return checkpoint;
  }
}

/** Every variable part is length-prefixed, so that no two checkpoints have the same bytes. */
function checkpointBytes(tenant: string, checkpoint: Checkpoint): Uint8Array {
  const hash = createHash('sha256').update('branchline checkpoint');
  const add = (bytes: Uint8Array): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.byteLength);
    hash.update(length).update(bytes);
  };
  const vector = [...checkpoint.vector].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const text of [tenant, checkpoint.collection, checkpoint.id, `${vector.length}`])
    add(Buffer.from(text));
  for (const [feed, head] of vector) {
    add(Buffer.from(`${feed}\0${head.seq}`));
    add(head.hash);
  }
  for (const { doc, bytes } of checkpoint.docs) {
    add(Buffer.from(doc));
    add(createHash('sha256').update(bytes).digest());
  }
  return new Uint8Array(hash.digest());
}

function piecesOf(doc: string, bytes: Uint8Array): CheckpointDoc[] {
  const pieces: CheckpointDoc[] = [];
  for (let at = 0; at === 0 || at < bytes.byteLength; at += CHECKPOINT_PART_BYTES) {
    pieces.push({ doc, bytes: bytes.subarray(at, at + CHECKPOINT_PART_BYTES) });
  }
  return pieces;
}

function invalid(message: CheckpointMessage, fault: string): FeedError {
  return new FeedError('CHECKPOINT_INVALID', `checkpoint ${message.id} of ${message.collection} ${fault}`);
}
