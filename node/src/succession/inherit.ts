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
  INCARNATION_KIND,
  type IncarnationBody,
  type IncarnationPlan,
} from '@branchline/feed';
import { makeStamp, type Stamp, stampCounter, stampMs } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { ChangeAgain } from './said-again.ts';

/** Entries of one commit. */
export const PART_ENTRIES_MAX = 500;

export interface Inheritance {
  readonly plan: IncarnationPlan;
  /** What only we had, by stamp; changes of documents are in `changes`. */
  readonly entries: readonly Entry[];
  readonly changes: readonly ChangeAgain[];
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
