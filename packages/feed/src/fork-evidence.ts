/**
 * Proof that a feed was written twice, and the ledger that keeps it.
 *
 * A *claim* says "at number `seq` the chain hash of this feed is `hash`". It is proven by a signed run in one of two ways:
 * the run ends at `seq` and the signature covers the claimed head, or the run starts right after `seq` and leads from the
 * claimed head to a signed one. Either convinces whoever knows the writer's key and nothing else. Two proven claims of
 * one number with different hashes are a fork: only the writer's key can have made both.
 *
 * Guarantees: what is in the ledger was proven by signatures; nobody can put a fork onto somebody else's feed. The ledger
 * keeps the first evidence of a feed and refuses to grow beyond its limits; a forked feed stays forked.
 */
import { Decoder, Encoder } from 'cbor-x';
import { headAfter, headSigned } from './chain.ts';
import type { ForkMessage } from './replication-messages.ts';
import type { FeedName, FeedStore, Head, PublicKey, Run } from './types.ts';

/** Feeds with evidence; beyond that forks are still refused and reported, only not written down. */
export const EVIDENCE_MAX = 1024;
/** Entries kept of either side. */
export const EVIDENCE_BYTES_MAX = 64 * 1024;
/** Entries hashed between two yields when an old chain hash is computed again. */
const HASH_SLICE_BYTES = 256 * 1024;

/** A run with the chain hash at its last entry, which its signature covers: the end of one history. */
export interface ProvenRun extends Run {
  readonly hash: Uint8Array;
}

export interface ForkEvidence {
  readonly feed: FeedName;
  /** A number at which the two histories differ. */
  readonly seq: number;
  readonly ours: ProvenRun;
  readonly theirs: ProvenRun;
  readonly foundMs: number;
}

/** Where evidence is kept. Called by the replicator when a fork was proven, and at open. */
export interface EvidenceLedger {
  record(evidence: ForkEvidence): Promise<void>;
  all(): Promise<readonly ForkEvidence[]>;
}

export function memoryEvidence(): EvidenceLedger {
  const kept = new Map<FeedName, ForkEvidence>();
  return {
    async record(evidence) {
      if (!kept.has(evidence.feed) && kept.size < EVIDENCE_MAX) kept.set(evidence.feed, evidence);
    },
    async all() {
      return [...kept.values()];
    },
  };
}

/** The part of an abstract-level sublevel (binary values) that the ledger uses. */
export interface EvidenceLevel {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array, options: { sync: boolean }): Promise<void>;
  values(): { all(): Promise<Uint8Array[]> };
}

const CBOR = { useRecords: false, tagUint8Array: false } as const;

/** Kept in a sublevel with `valueEncoding: 'view'`; never rebuilt, so the sublevel must not be cleared with the index. */
export function levelEvidence(level: EvidenceLevel): EvidenceLedger {
  const encoder = new Encoder(CBOR);
  const decoder = new Decoder(CBOR);
  return {
    async record(evidence) {
      if ((await level.get(evidence.feed)) !== undefined) return;
      if ((await level.values().all()).length >= EVIDENCE_MAX) return;
      await level.put(evidence.feed, encoder.encode(evidence), { sync: true });
    },
    async all() {
      return (await level.values().all()).map((bytes) => decoder.decode(bytes) as ForkEvidence);
    },
  };
}

/** Does the evidence in this message prove its claim? */
export function provesClaim(message: ForkMessage, key: PublicKey): boolean {
  const { evidence, seq, hash } = message;
  if (!evidence || evidence.entries.length === 0 || hash.byteLength !== 32) return false;
  const feed = message.feed as FeedName;
  const last = evidence.from + evidence.entries.length - 1;
  if (last === seq) return headSigned(feed, { seq, hash }, evidence.signature, key);
  if (evidence.from !== seq + 1) return false;
  return headSigned(feed, headAfter({ seq, hash }, evidence.entries), evidence.signature, key);
}

/** Our claim about a feed at `head`, with its proof where one can be read. */
export async function claimAt(store: FeedStore, feed: FeedName, head: Head): Promise<ForkMessage> {
  const bare: ForkMessage = { type: 'fork', feed, seq: head.seq, hash: head.hash };
  const state = store.feeds().get(feed);
  if (!state) return bare;
  const next = head.seq < state.head.seq ? head.seq + 1 : await lastRunStart(store, feed);
  if (next === undefined || next <= state.base.seq) return bare;
  const run = await store.read(feed, next, 1);
  if (!run) return bare;
  return { ...bare, evidence: { from: run.from, entries: run.entries, signature: run.signature } };
}

/** First number of a short run that ends at the feed's head. */
async function lastRunStart(store: FeedStore, feed: FeedName): Promise<number | undefined> {
  const state = store.feeds().get(feed);
  return state && state.head.seq > state.base.seq ? state.head.seq : undefined;
}

/** The chain hash at `seq`, computed again from the last hash kept; undefined when it is not held any more. */
export async function headAt(
  store: FeedStore,
  feed: FeedName,
  seq: number,
  pause: () => Promise<void>,
): Promise<Head | undefined> {
  const state = store.feeds().get(feed);
  if (!state || seq > state.head.seq || seq < state.base.seq) return undefined;
  if (seq === state.head.seq) return state.head;
  let head = state.base;
  while (head.seq < seq) {
    const run = await store.read(feed, head.seq + 1, HASH_SLICE_BYTES);
    if (!run) return undefined;
    head = headAfter(head, run.entries.slice(0, seq - head.seq));
    if (head.seq < seq) await pause();
  }
  return head;
}

/** What a proven message proves, ready to be kept. Call it after `provesClaim`. */
export function provenBy(message: ForkMessage): ProvenRun | undefined {
  const { evidence, seq, hash } = message;
  if (!evidence) return undefined;
  const ends = evidence.from + evidence.entries.length - 1 === seq;
  const end = ends ? { seq, hash } : headAfter({ seq, hash }, evidence.entries);
  return proven({ feed: message.feed as FeedName, ...evidence }, end.hash);
}

/** Only the end is needed to prove, so a long run keeps its last entries. */
export function proven(run: Run, hash: Uint8Array): ProvenRun {
  let first = run.entries.length;
  for (let bytes = 0; first > 0; first -= 1) {
    bytes += run.entries[first - 1]!.byteLength;
    if (bytes > EVIDENCE_BYTES_MAX && first < run.entries.length) break;
  }
  const { feed, from, entries, signature } = run;
  return { feed, from: from + first, entries: entries.slice(first), signature, hash };
}

/** What is kept, as a claim that convinces others. */
export function claimOf({ feed, from, entries, signature, hash }: ProvenRun): ForkMessage {
  return { type: 'fork', feed, seq: from + entries.length - 1, hash, evidence: { from, entries, signature } };
}
