/**
 * Forgetting: entries that must not exist any more, on any machine, although their feed goes on.
 *
 *     erasures/<writer>: entry `erasure` { cuts: [{ feed, seq, hash }, …], after: [{ feed, seq }, …], … }
 *         ──every machine, once it has what `after` names──> adopt or cut, then shred ──> told to whoever confirms
 *
 * Whoever may write `erasures` names feeds of the family `keys` and the number up to which they are to go. What is still needed of them was
 * said again before, in what `after` names: a machine keeps the old until it has the new, so the two are never both gone everywhere.
 * A machine that has the entries shreds them: the base of the feed moves, and the segments that held them are written anew.
 * One that never had them takes the head named here as its start, so that the feed goes on there as well.
 *
 * Guarantees: only feeds of the family `keys`; done again on start as far as it was not, also where a crash came between the base and the
 * segments. Does not: reach copies made by other programs (backups, snapshots of the disk) or what a disk keeps of files that were
 * removed.
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
const afterSchema = z.object({ feed: z.string(), seq: z.int().min(1) });
const bodySchema = z.looseObject({
  cuts: z.array(cutSchema).max(CUTS_MAX),
  after: z.array(afterSchema).max(CUTS_MAX).default([]),
});

export interface Cut {
  readonly feed: FeedName;
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** An erasure, done here. */
export interface Forgotten {
  readonly feed: FeedName;
  readonly seq: number;
  readonly body: unknown;
}

export interface ForgettingOptions {
  readonly onFailed?: (error: Error) => void;
  /** Called for each erasure that is done, those of the past on every start again. */
  readonly onForgotten?: (forgotten: Forgotten) => void;
}

export interface Forgetting {
  /** Erasures that wait for what was said again elsewhere. */
  readonly waiting: number;
  /** Resolves when everything that can be done now of what was asked for until now is done. */
  settled(): Promise<void>;
  stop(): void;
}

interface Wanted extends Forgotten {
  readonly cuts: readonly Cut[];
  readonly after: readonly { readonly feed: string; readonly seq: number }[];
}

/** Does what erasures in the store ask for, those of the past first, then each as it comes. */
export async function startForgetting(
  store: FeedStore,
  options: ForgettingOptions = {},
): Promise<Forgetting> {
  let last: Promise<void> = Promise.resolve();
  let waiting: Wanted[] = [];
  const begin = (): void => {
    const ready = waiting.filter((wanted) => isReady(store, wanted));
    waiting = waiting.filter((wanted) => !ready.includes(wanted));
    for (const wanted of ready) {
      last = last
        .then(async () => {
          for (const cut of wanted.cuts) await forget(store, cut);
          options.onForgotten?.(wanted);
        })
        .catch((error: Error) => options.onFailed?.(error));
    }
  };
  const take = (run: Run): void => {
    for (const { feed, seq, kind, body } of entriesOf(run)) {
      const wanted = kind === ERASURE_KIND ? wantedOf(feed, seq, body) : undefined;
      if (wanted !== undefined) waiting.push(wanted);
    }
  };
  const stop = store.watch(({ runs }) => {
    for (const run of runs) {
      if (collectionOf(run.feed) === ERASURES_COLLECTION) take(run);
    }
    if (waiting.length > 0) begin();
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
  begin();
  return {
    get waiting() {
      return waiting.length;
    },
    settled: () => last,
    stop,
  };
}

function wantedOf(feed: FeedName, seq: number, body: unknown): Wanted | undefined {
  const parsed = bodySchema.safeParse(body);
  return parsed.success ? { feed, seq, body, cuts: cutsOf(body), after: parsed.data.after } : undefined;
}

function isReady(store: FeedStore, { after }: Wanted): boolean {
  return after.every(({ feed, seq }) => (store.feeds().get(feed as FeedName)?.head.seq ?? 0) >= seq);
}

/** The cuts of an erasure's body; none when it cannot be read, or names what must be kept. */
export function cutsOf(body: unknown): Cut[] {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) return [];
  return parsed.data.cuts.flatMap(({ feed, seq, hash }) => {
    const name = nameIn(feed);
    return name !== undefined && familyOf(collectionOf(name)) === KEYS_FAMILY
      ? [{ feed: name, seq, hash }]
      : [];
  });
}

/** Somebody else wrote the body: a name that is none must not stop a store that only watches. */
function nameIn(feed: string): FeedName | undefined {
  try {
    return parseFeedName(feed);
  } catch {
    return undefined;
  }
}

async function forget(store: FeedStore, { feed, seq, hash }: Cut): Promise<void> {
  const state = store.feeds().get(feed);
  // Shredding again what was shredded costs nothing; what was begun is finished by it.
  if (state === undefined || state.head.seq < seq) await store.adopt(feed, { seq, hash });
  await store.shred(feed, seq + 1);
}
