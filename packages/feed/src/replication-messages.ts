/**
 * What two peers say to each other about feeds, in feed's own words. The wire package declares the same shapes as its
 * frames; neither imports the other, and a connection satisfies `PeerChannel` by its shape.
 *
 *   have        one digest per family of collections, over what both sides may read
 *   vector      for a family whose digests differ: where each of its feeds ends here
 *   entries     a run of one feed, as written and signed by its writer
 *   checkpoint  a part of a signed snapshot that stands in for many entries of a collection
 *   shelf       a keeper of checkpoints says which it holds, to somebody who may have newer ones
 *   ack         everything of this feed up to `seq` is on disk here
 *   fork        "at this number my history of this feed is that": a claim, an answer, or a proof
 *   successor   a device asks for a new key in place of the one this session was opened with
 *   alarm       something the other side's operator should hear
 *   status      a node's health for the fleet page; carried, not understood here
 *
 * Guarantees: a message that passed the wire's schema has these fields. Does not guarantee that any of it is true:
 * admission, signatures and chains are checked by whoever receives it.
 */

/** One round of comparing: `reply` marks the answer to a `have`, which is itself never answered. */
export interface HaveMessage {
  readonly type: 'have';
  readonly digests: readonly (readonly [family: string, digest: Uint8Array])[];
  readonly reply: boolean;
}

/** Feeds of one family not listed are not held at all. */
export interface VectorMessage {
  readonly type: 'vector';
  readonly collection: string;
  readonly feeds: readonly (readonly [feed: string, seq: number, hashPrefix: Uint8Array])[];
}

export interface EntriesMessage {
  readonly type: 'entries';
  readonly feed: string;
  readonly from: number;
  readonly entries: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

/** Part 0 carries vector, signer and signature; each later part a piece of one document, pieces in order. */
export interface CheckpointMessage {
  readonly type: 'checkpoint';
  readonly collection: string;
  readonly id: string;
  readonly part: number;
  readonly parts: number;
  readonly vector?: readonly (readonly [feed: string, seq: number, hash: Uint8Array])[];
  readonly doc?: string;
  readonly bytes?: Uint8Array;
  readonly signer?: Uint8Array;
  readonly signature?: Uint8Array;
}

/** Only between peers whose hello named the feature `checkpoints`. `entries` is what a checkpoint's vector counts. */
export interface ShelfMessage {
  readonly type: 'shelf';
  readonly held: readonly (readonly [collection: string, id: string, entries: number])[];
}

/** Sent only after the entries are on disk. */
export interface AckMessage {
  readonly type: 'ack';
  readonly feed: string;
  readonly seq: number;
}

/**
 * `hash` is the sender's chain hash of `feed` at `seq`. With evidence it is proven: the run ends at `seq` and its
 * signature covers (feed, seq, hash), so it convinces without knowing what came before.
 */
export interface ForkMessage {
  readonly type: 'fork';
  readonly feed: string;
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly evidence?: {
    readonly from: number;
    readonly entries: readonly Uint8Array[];
    readonly signature: Uint8Array;
  };
}

/** `proof` is the old key's signature over the new one and the number (`successionBytes`). */
export interface SuccessorMessage {
  readonly type: 'successor';
  readonly predecessor: string;
  readonly key: Uint8Array;
  /** The incarnation whose numbers the device has been giving out already; the authority chooses when left out. */
  readonly incarnation?: number;
  readonly proof: Uint8Array;
}

export interface AlarmMessage {
  readonly type: 'alarm';
  readonly code: string;
  readonly detail: string;
}

export interface StatusMessage {
  readonly type: 'status';
  readonly report: unknown;
}

export type ReplicationMessage =
  | HaveMessage
  | VectorMessage
  | EntriesMessage
  | CheckpointMessage
  | ShelfMessage
  | AckMessage
  | ForkMessage
  | SuccessorMessage
  | AlarmMessage
  | StatusMessage;

/** The way to one authenticated peer. Implemented by the wire's connection, by bundles and by tests. */
export interface PeerChannel {
  /** Called by a session's pump, one message at a time; resolves when the peer's credit covered it. */
  send(message: ReplicationMessage): Promise<void>;
  /** Bytes accepted by `send` that have not left yet. */
  readonly bufferedBytes: number;
  /** What the peer said in its hello; absent where there is no hello. */
  readonly peer?: { readonly features: readonly string[] };
  /** Called when the peer must go: revoked, hostile, or over a limit. The peer learns the code. */
  close(code: string): void;
}
