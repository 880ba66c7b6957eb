/**
 * The words of feeds: names, positions, entries, commits and the store port.
 *
 * A feed is an append-only log with one writer. Its entries are numbered from 1 without gaps and chained by hash;
 * the last entry of every run that crosses a boundary (a local commit, a replicated batch) carries the writer's
 * signature, which vouches for everything before it.
 */
import type { Stamp } from 'hlc-ts';

/** A device key's short name: the first 16 base32 characters (lower case) of SHA-256 of its public key. */
export type WriterId = string & { readonly __brand: 'WriterId' };

/** What a feed is about, e.g. `registry`, `catalog`, `stock/B001`, `orders/B001`. Segments match `[A-Za-z0-9_.-]+`. */
export type Collection = string & { readonly __brand: 'Collection' };

/** `collection/writer`. */
export type FeedName = string & { readonly __brand: 'FeedName' };

/** Raw Ed25519 public key, 32 bytes. */
export type PublicKey = Uint8Array;

/** Where a feed ends: the number of its last entry and the chain hash there (32 bytes). `seq` 0 = nothing yet. */
export interface Head {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** One decoded entry. `bytes` are as received and as hashed: CBOR of `[hlc(8 bytes), kind, body]`. */
export interface Entry {
  readonly feed: FeedName;
  readonly seq: number;
  readonly hlc: Stamp;
  readonly kind: string;
  readonly body: unknown;
  readonly bytes: Uint8Array;
}

/** A run of consecutive entries of one feed; the signature covers the last of them. */
export interface Run {
  readonly feed: FeedName;
  /** Number of the first entry in `entries`. */
  readonly from: number;
  readonly entries: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

/** What becomes durable together: one journal record, all or nothing. */
export interface Commit {
  readonly runs: readonly Run[];
}

/** A feed's range known to be held: entries `(base, head.seq]`; `base` > 0 after pruning or a checkpoint. */
export interface FeedState {
  readonly feed: FeedName;
  readonly head: Head;
  /** Entries up to and including this number are no longer (or never were) held; their hash is kept. */
  readonly base: Head;
}

/** Told to watchers after a commit is durable, in journal order. `position` only grows. */
export interface Appended {
  readonly position: number;
  readonly runs: readonly Run[];
  /** True for runs written by this device, false for runs received from a peer. */
  readonly local: boolean;
}

export interface AppendOptions {
  /** The runs were just made with this device's own key: their signatures are not checked again. */
  readonly local?: boolean;
  /** May use the last free space of the disk: finishes what was begun, e.g. a receipt that is being printed. */
  readonly urgent?: boolean;
}

/**
 * Durable home of feeds. Implementations: `JournalStore` (segments + LevelDB index) and `MemoryStore`; both pass
 * `feedStoreSuite` from `@branchline/feed/acceptance`.
 *
 * Errors (all `FeedError`, by `code`): `FEED_GAP`, `FEED_FORK` (same number, other hash), `FEED_SIGNATURE`, `FEED_ENTRY`
 * (undecodable), `FEED_LIMIT`, `STORE_POISONED` (a write failed: outcome unknown, nothing more is acknowledged),
 * `STORE_CORRUPT`, `STORE_LOCKED`, `STORE_FULL`, `STORE_CLOSED`.
 */
export interface FeedStore {
  /**
   * Called by the local writer and by replication with a run already checked for admission. Resolves after
   * fdatasync. Entries already held with the same hash are skipped (idempotent); a gap, a different history or
   * a bad signature rejects the whole commit and changes nothing.
   */
  append(commit: Commit, options?: AppendOptions): Promise<{ position: number }>;
  /**
   * Called by replication and by readers: a run starting at `from`, about `byteLimit` bytes long, extended to the next signed
   * entry. Undefined when nothing is there. `FEED_PRUNED` when `from` <= base.
   */
  read(feed: FeedName, from: number, byteLimit: number): Promise<Run | undefined>;
  /** Called to choose between entries and a checkpoint: bytes of entries `from` to `to`; stops counting beyond `enough`. */
  bytesOf(feed: FeedName, from: number, to: number, enough: number): Promise<number>;
  /** Everything held, as of the last durable commit. */
  feeds(): ReadonlyMap<FeedName, FeedState>;
  /** Called by projections on start: every commit after `position`, oldest first, then live ones may be watched. */
  replay(afterPosition: number): AsyncIterable<Appended>;
  /** Called by projections and sessions. Listener runs in order, after durability; it must not throw. */
  watch(listener: (appended: Appended) => void): () => void;
  /** Position of the last durable commit. */
  readonly position: number;
  /** Called once a checkpoint covers `below`: entries with smaller numbers may be dropped; hashes stay. */
  prune(feed: FeedName, below: number): Promise<void>;
  /** As `prune`; resolves when the entries stand in no file of the store any more. */
  shred(feed: FeedName, below: number): Promise<void>;
  /** Called when a signed checkpoint stands in for entries up to `head`: the feed continues after it. */
  adopt(feed: FeedName, head: Head): Promise<void>;
  /** Resolves when the store was poisoned; the program then stops acknowledging and exits. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}
