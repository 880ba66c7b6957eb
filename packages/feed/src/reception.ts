/**
 * What a session does with entries that arrive: may this peer give us these, may their writer have written them, do they
 * verify, and only then the store.
 *
 *   take     admitted and verified: on disk when `take` resolves
 *   hold     of a writer the registry does not know yet: kept, bounded, looked at again when the registry grows
 *   drop     of a feed already refused in this session: not worth a second look
 *   refuse   not readable by both sides, not the writer's to write, after a revocation, forged
 *
 * Guarantees: nothing reaches the store that the registry does not admit, whoever forwards it; a bad run changes nothing and
 * does not harm the good ones beside it; at most HELD_BYTES_MAX wait for the registry.
 */

import { headAfter } from './chain.ts';
import { REGISTRY_COLLECTION } from './collections.ts';
import { FeedError } from './errors.ts';
import { collectionOf, parseFeedName, writerOf } from './feed-name.ts';
import { type ForkEvidence, headAt, proven } from './fork-evidence.ts';
import type { ReplicationContext } from './replication-context.ts';
import type { EntriesMessage } from './replication-messages.ts';
import { lastSeq } from './run.ts';
import type { Collection, FeedName, Run } from './types.ts';

/** Waiting for the registry, per peer. */
export const HELD_BYTES_MAX = 1024 * 1024;
/** One message's entries. Keeps every stored run, and so every run sent on, within a frame. */
export const RUN_BYTES_MAX = 896 * 1024;

export type Taken =
  | { readonly type: 'taken'; readonly feed: FeedName; readonly seq: number }
  | { readonly type: 'refused'; readonly feed: FeedName; readonly code: string }
  /** Does not continue what we hold: forged, or of another history. Only a proof can tell. */
  | { readonly type: 'unproven'; readonly feed: FeedName }
  /** Known to have been written twice: nothing is added to it. */
  | { readonly type: 'quarantined'; readonly feed: FeedName }
  | { readonly type: 'forked'; readonly evidence: ForkEvidence }
  /** Entries of our own writer that we have not written. */
  | { readonly type: 'ownAhead'; readonly feed: FeedName };

type ReceptionContext = Pick<
  ReplicationContext,
  'store' | 'registry' | 'clock' | 'self' | 'isForked' | 'isSuperseded'
>;

export class Reception {
  readonly #context: ReceptionContext;
  readonly #shared: (collection: Collection) => boolean;
  readonly #held: EntriesMessage[] = [];
  readonly #suspended = new Set<FeedName>();
  #heldBytes = 0;

  constructor(context: ReceptionContext, shared: (collection: Collection) => boolean) {
    this.#context = context;
    this.#shared = shared;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** In the order given. Throws when the store itself is in trouble, or when the peer must be asked anew (`FEED_GAP`). */
  async take(messages: readonly EntriesMessage[]): Promise<Taken[]> {
    const results: Taken[] = [];
    let runs: Run[] = [];
    for (const message of messages) {
      const run = runOf(message);
      const verdict = this.#judge(run);
      if (verdict === 'take') {
        runs.push(run);
        // What the registry says decides about what comes after it.
        if (collectionOf(run.feed) !== REGISTRY_COLLECTION) continue;
        results.push(...(await this.#store(runs)));
        runs = [];
      } else if (verdict === 'hold') {
        this.#hold(message);
      } else if (verdict !== 'drop') {
        results.push(verdict);
      }
    }
    results.push(...(await this.#store(runs)));
    return results;
  }

  /** Called when the registry grew: what was held, to be taken again. */
  release(): EntriesMessage[] {
    this.#heldBytes = 0;
    return this.#held.splice(0);
  }

  #judge(run: Run): 'take' | 'hold' | 'drop' | Taken {
    const { registry, self, store } = this.#context;
    const { feed } = run;
    const writer = writerOf(feed);
    if (this.#context.isForked(feed)) return { type: 'quarantined', feed };
    if (this.#suspended.has(feed)) return 'drop';
    if (bytesOf(run.entries) > RUN_BYTES_MAX) return { type: 'refused', feed, code: 'FEED_LIMIT' };
    if (writer === self) {
      const ours = store.feeds().get(feed)?.head.seq ?? 0;
      return lastSeq(run) <= ours ? 'drop' : { type: 'ownAhead', feed };
    }
    if (!this.#shared(collectionOf(feed))) return { type: 'refused', feed, code: 'PEER_NOT_GRANTED' };
    if (registry.keyOf(writer) === undefined) return 'hold';
    if (!registry.mayWrite(writer, feed)) return { type: 'refused', feed, code: 'WRITER_NOT_GRANTED' };
    if (!registry.mayWrite(writer, feed, lastSeq(run)))
      return { type: 'refused', feed, code: 'WRITER_REVOKED' };
    return 'take';
  }

  async #store(runs: readonly Run[]): Promise<Taken[]> {
    if (runs.length === 0) return [];
    try {
      await this.#context.store.append({ runs });
      return runs.map((run) => ({ type: 'taken', feed: run.feed, seq: lastSeq(run) }));
    } catch (error) {
      if (!(error instanceof FeedError) || error.code.startsWith('STORE_')) throw error;
      if (runs.length === 1) return this.#refused(runs[0]!, error);
    }
    // One of them is bad: each for itself.
    const results: Taken[] = [];
    for (const run of runs) {
      if (this.#suspended.has(run.feed)) continue;
      results.push(...(await this.#store([run])));
    }
    return results;
  }

  async #refused(run: Run, error: FeedError): Promise<Taken[]> {
    const { feed } = run;
    switch (error.code) {
      case 'FEED_GAP':
        throw error;
      case 'FEED_FORK': {
        this.#suspended.add(feed);
        const evidence = await evidenceOf(this.#context, run, error.seq ?? run.from);
        return evidence ? [{ type: 'forked', evidence }] : [{ type: 'unproven', feed }];
      }
      case 'FEED_SIGNATURE':
        this.#suspended.add(feed);
        return [
          { type: 'refused', feed, code: error.code },
          { type: 'unproven', feed },
        ];
      default:
        this.#suspended.add(feed);
        return [{ type: 'refused', feed, code: error.code }];
    }
  }

  #hold(message: EntriesMessage): void {
    const bytes = bytesOf(message.entries);
    if (this.#heldBytes + bytes > HELD_BYTES_MAX) {
      throw new FeedError('FEED_LIMIT', `more than ${HELD_BYTES_MAX} bytes wait for the registry`);
    }
    this.#heldBytes += bytes;
    this.#held.push(message);
  }
}

/** Both sides of a fork the store found by comparing. Undefined when ours cannot be read any more. */
async function evidenceOf(
  context: ReceptionContext,
  theirs: Run,
  seq: number,
): Promise<ForkEvidence | undefined> {
  const { store, clock } = context;
  const { feed, from } = theirs;
  const before = await headAt(store, feed, from - 1, () => clock.yield());
  const ours = before && (await store.read(feed, from, 1));
  if (!before || !ours) return undefined;
  return {
    feed,
    seq,
    ours: proven(ours, headAfter(before, ours.entries).hash),
    theirs: proven(theirs, headAfter(before, theirs.entries).hash),
    foundMs: clock.nowMs(),
  };
}

function runOf(message: EntriesMessage): Run {
  const { from, entries, signature } = message;
  return { feed: parseFeedName(message.feed), from, entries, signature };
}

function bytesOf(entries: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.byteLength;
  return bytes;
}
