/**
 * Forgetting: entries that must not exist any more, on any machine, although their feed goes on.
 *
 *     erasures/<writer>: entry `erasure` { cuts: [{ feed, seq, hash }, …], … }   ──every machine──>   adopt or cut, then shred
 *
 * Whoever may write `erasures` names feeds of the family `keys` and the number up to which they are to go. What is still needed of them was said again
 * elsewhere before. A machine that has the entries shreds them: the base of the feed moves, and the segments that held them are written anew.
 * One that never had them takes the head named here as its start, so that the feed goes on there as well.
 *
 * Guarantees: only feeds of the family `keys`; done again on start as far as it was not. Does not: reach copies made by other programs
 * (backups, snapshots of the disk) or what a disk keeps of files that were removed.
 */
import { z } from 'zod';
import { familyOf } from './collections.ts';
import { entriesOf } from './entry.ts';
import { collectionOf, parseFeedName } from './feed-name.ts';
import type { Collection, FeedName, FeedStore, Run } from './types.ts';

export const ERASURES_COLLECTION = 'erasures' as Collection;
/** Family of what can be forgotten. */
export const KEYS_FAMILY = 'keys' as Collection;
export const ERASURE_KIND = 'erasure';
/** Feeds named by one erasure. */
export const CUTS_MAX = 1_000;

const READ_BYTES = 1024 * 1024;

const cutSchema = z.object({
  feed: z.string(),
  seq: z.int().min(1),
  hash: z.instanceof(Uint8Array).refine((hash) => hash.byteLength === 32, 'must be 32 bytes'),
});
const bodySchema = z.looseObject({ cuts: z.array(cutSchema).max(CUTS_MAX) });

export interface Cut {
  readonly feed: FeedName;
  readonly seq: number;
  readonly hash: Uint8Array;
}

export interface Forgetting {
  /** Resolves when everything asked for until now is gone. */
  settled(): Promise<void>;
  stop(): void;
}

/** Does what erasures in the store ask for, those of the past first, then each as it comes. */
export async function startForgetting(
  store: FeedStore,
  onFailed: (error: Error) => void = () => undefined,
): Promise<Forgetting> {
  let last: Promise<void> = Promise.resolve();
  const take = (run: Run): void => {
    for (const { kind, body } of entriesOf(run)) {
      for (const cut of kind === ERASURE_KIND ? cutsOf(body) : []) {
        last = last.then(() => forget(store, cut)).catch(onFailed);
      }
    }
  };
  const stop = store.watch(({ runs }) => {
    for (const run of runs) {
      if (collectionOf(run.feed) === ERASURES_COLLECTION) take(run);
    }
  });
  for (const { feed, head, base } of [...store.feeds().values()]) {
    if (collectionOf(feed) !== ERASURES_COLLECTION) continue;
    for (let from = base.seq + 1; from <= head.seq; ) {
      const run = await store.read(feed, from, READ_BYTES);
      if (run === undefined) break;
      take(run);
      from += run.entries.length;
    }
  }
  return { settled: () => last, stop };
}

/** The cuts of an erasure's body; none when it cannot be read, or names what must be kept. */
export function cutsOf(body: unknown): Cut[] {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) return [];
  return parsed.data.cuts.flatMap(({ feed, seq, hash }) => {
    const name = parseFeedName(feed);
    return familyOf(collectionOf(name)) === KEYS_FAMILY ? [{ feed: name, seq, hash }] : [];
  });
}

async function forget(store: FeedStore, { feed, seq, hash }: Cut): Promise<void> {
  const state = store.feeds().get(feed);
  if (state !== undefined && state.base.seq >= seq) return;
  if (state === undefined || state.head.seq < seq) await store.adopt(feed, { seq, hash });
  await store.shred(feed, seq + 1);
}
