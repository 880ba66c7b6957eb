/**
 * What a device says first under a new key: where each feed of the old one ended, and again what only it had, with the numbers
 * already printed and the stamps of then.
 *
 * Entries go in as they were; what they did to documents is done again by the new writer (`said-again.ts`), in the last commit.
 *
 * Guarantees: it is said in parts of PART_ENTRIES_MAX, each once: a part has a key of its own, so a crash between two of them, or
 * after the last, repeats nothing. Nobody sells meanwhile.
 */
import {
  collectionOf,
  type Entry,
  type FeedStore,
  INCARNATION_KIND,
  type IncarnationBody,
  type IncarnationPlan,
  onlyOurs,
  type WriterId,
} from '@branchline/feed';
import { type Clock, makeStamp, type Stamp, stampCounter, stampMs } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { NodeLog } from '../ports.ts';
import type { RowLevel } from '../projections/rows.ts';
import type { SuccessionRecord } from './lineage.ts';
import { type ChangeAgain, saidAgain } from './said-again.ts';
import { planOfRecord } from './take-over.ts';

/** Entries of one commit. */
export const PART_ENTRIES_MAX = 500;

/** A history that was set aside, opened to be read. */
export interface Aside {
  readonly store: FeedStore;
  readonly level: { sublevel(name: 'rows'): unknown };
  close(): Promise<unknown>;
}

export interface Inheritance {
  readonly plan: IncarnationPlan;
  /** What only we had, by stamp; changes of documents are in `changes`. */
  readonly entries: readonly Entry[];
  readonly changes: readonly ChangeAgain[];
}

/** Called before a new key writes: what it has not said yet. `openAside` opens the history that was set aside. */
export async function inheritanceOf(options: {
  readonly last: SuccessionRecord | undefined;
  readonly store: FeedStore;
  readonly openAside: (predecessor: WriterId) => Promise<Aside>;
  readonly clock: Clock;
  readonly log: Pick<NodeLog, 'error'>;
}): Promise<Inheritance | undefined> {
  const { last, store, openAside, clock, log } = options;
  if (last === undefined || last.settled) {
    return undefined;
  }
  const plan = planOfRecord(last, store);
  if (!plan.diverged || last.evidence === undefined) {
    return { plan, entries: [], changes: [] };
  }
  const aside = await openAside(last.predecessor);
  try {
    const entries = await onlyOurs(aside.store, plan);
    const rows = aside.level.sublevel('rows') as unknown as RowLevel;
    const { changes, lost } = await saidAgain({ store: aside.store, rows }, entries, clock);
    if (lost.length > 0) {
      log.error({ documents: lost }, 'changes of these documents stay with the history set aside');
    }
    return { plan, entries, changes };
  } finally {
    await aside.close();
  }
}

/** What each commit does, in order. */
export function inheritanceParts(inheritance: Inheritance): ((transaction: Transaction) => void)[] {
  const { plan, changes } = inheritance;
  const entries = inheritance.entries.filter(({ kind }) => kind !== 'change');
  const parts = [(transaction: Transaction) => sayWhereFeedsEnd(transaction, plan, entries)];
  for (let from = 0; from < entries.length; from += PART_ENTRIES_MAX) {
    const part = entries.slice(from, from + PART_ENTRIES_MAX);
    parts.push((transaction) => {
      for (const { feed, kind, body, hlc } of part) {
        transaction.append(collectionOf(feed), kind, body, hlc);
      }
    });
  }
  if (changes.length > 0) {
    parts.push((transaction) => {
      for (const { document, mutator } of changes) {
        transaction.change(document, mutator);
      }
    });
  }
  return parts;
}

function sayWhereFeedsEnd(transaction: Transaction, plan: IncarnationPlan, entries: readonly Entry[]): void {
  const stamps = stampsBefore(entries[0]?.hlc ?? transaction.stamp, plan.ends.length);
  for (const [index, { feed, common }] of plan.ends.entries()) {
    const body: IncarnationBody = {
      predecessor: plan.predecessor,
      feed,
      seq: common.seq,
      hash: common.hash,
      again: entries.filter((entry) => entry.feed === feed).length,
    };
    transaction.append(collectionOf(feed), INCARNATION_KIND, body, stamps[index]);
  }
}

/** Stamps just before one, in order: the new feeds begin where the repeated entries begin. */
function stampsBefore(first: Stamp, count: number): Stamp[] {
  const ms = stampMs(first);
  const counter = stampCounter(first);
  return Array.from({ length: count }, (_, index) => {
    const back = counter - count + index;
    return back >= 0 ? makeStamp(ms, back) : makeStamp(ms - 1, 65_535 - count + index);
  });
}
