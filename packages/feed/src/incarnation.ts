/**
 * A new incarnation: how a device goes on after a restore, or when it learns that a clone of it is at work.
 *
 *   1  a peer proves a history of our feeds that we do not have        (fork-talk.ts, ReplicationNews `ownForkFound`)
 *   2  for each of our feeds the last common entry is found            (fork-search.ts, `incarnationNeeded` with a plan)
 *   3  the device makes a new key and asks for it with the old one     (`successionRequest`, answered in the registry)
 *   4  first commits under the new key: where each old feed ended, and what only we had   (`beginIncarnation`)
 *
 * Guarantees: what the peer holds is left as it is and what it does not hold is appended again, entry for entry, so nothing
 * that was sold is lost; the first entry of each new feed names the old feed and its last common head, so that a reader
 * can tell. The same business entry may be seen twice (once in a clone's tail, once again here): it carries its own id.
 *
 * When the plan is `diverged` the store holds a history that no peer will ever accept. Set it aside whole, as evidence,
 * and open a new one: everything else comes back by replication.
 *
 * Does not: make keys, move directories, or rebuild documents. Entries that belong to their writer by content
 * (document changes name their actor) are for `translate` to leave out or to make anew.
 */
import { successionBytes } from './authority.ts';
import { decodeEntry } from './entry.ts';
import { collectionOf } from './feed-name.ts';
import type { Draft, FeedWriter } from './feed-writer.ts';
import type { DeviceKey } from './identity.ts';
import type { SuccessorMessage } from './replication-messages.ts';
import type { Entry, FeedName, FeedStore, Head, PublicKey, WriterId } from './types.ts';

/** Drafts of one commit while appending again. */
export const REAPPEND_BATCH_MAX = 256;
const READ_BYTES = 256 * 1024;

export const INCARNATION_KIND = 'incarnation';

export interface FeedEnd {
  readonly feed: FeedName;
  /** The last entry both we and the peer hold. */
  readonly common: Head;
  /** How many entries we have in all. */
  readonly ours: number;
}

export interface IncarnationPlan {
  readonly predecessor: WriterId;
  readonly ends: readonly FeedEnd[];
  /** True when we wrote entries that the peer does not hold. */
  readonly diverged: boolean;
}

/** Body of the first entry in each feed of the new writer. */
export interface IncarnationBody {
  readonly predecessor: string;
  readonly feed: string;
  readonly seq: number;
  readonly hash: Uint8Array;
  /** Entries of the old feed that follow here again. */
  readonly again: number;
}

export function planOf(predecessor: WriterId, ends: readonly FeedEnd[]): IncarnationPlan {
  return { predecessor, ends, diverged: ends.some(({ common, ours }) => ours > common.seq) };
}

/** What the device sends over a session opened with its old key. */
export function successionRequest(
  tenant: string,
  oldKey: DeviceKey,
  newKey: PublicKey,
  incarnation?: number,
): SuccessorMessage {
  const proof = oldKey.sign(successionBytes(tenant, oldKey.writer, newKey, incarnation));
  const wanted = incarnation === undefined ? {} : { incarnation };
  return { type: 'successor', predecessor: oldKey.writer, key: newKey, ...wanted, proof };
}

/** Entries of the old store that only we have, feed by feed in their order, then all together by their stamps. */
export async function onlyOurs(oldStore: FeedStore, plan: IncarnationPlan): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const { feed, common, ours } of plan.ends) {
    for (let from = common.seq + 1; from <= ours; ) {
      const run = await oldStore.read(feed, from, READ_BYTES);
      if (!run) break;
      run.entries.forEach((bytes, index) => {
        entries.push(decodeEntry(feed, run.from + index, bytes));
      });
      from = run.from + run.entries.length;
    }
  }
  return entries.sort((a, b) => (a.hlc < b.hlc ? -1 : a.hlc > b.hlc ? 1 : 0));
}

export async function beginIncarnation(options: {
  readonly writer: FeedWriter;
  readonly plan: IncarnationPlan;
  readonly entries: readonly Entry[];
  /** What an old entry becomes; by default itself. */
  readonly translate?: (entry: Entry) => readonly Draft[];
}): Promise<{ reappended: number }> {
  const { writer, plan, entries } = options;
  const translate = options.translate ?? asItWas;
  const again = new Map<FeedName, number>();
  for (const entry of entries) again.set(entry.feed, (again.get(entry.feed) ?? 0) + 1);
  const drafts: Draft[] = plan.ends.map(({ feed, common }) => {
    const body: IncarnationBody = {
      predecessor: plan.predecessor,
      feed,
      seq: common.seq,
      hash: common.hash,
      again: again.get(feed) ?? 0,
    };
    return { collection: collectionOf(feed), kind: INCARNATION_KIND, body };
  });
  drafts.push(...entries.flatMap(translate));
  for (let at = 0; at < drafts.length; at += REAPPEND_BATCH_MAX) {
    await writer.commit(drafts.slice(at, at + REAPPEND_BATCH_MAX));
  }
  return { reappended: entries.length };
}

function asItWas(entry: Entry): Draft[] {
  return [{ collection: collectionOf(entry.feed), kind: entry.kind, body: entry.body }];
}
