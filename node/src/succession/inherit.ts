/**
 * What a device says again under its new key: the entries that only it had, with the numbers already printed.
 *
 * Orders, goods receipts, counts and notes of who changed what go in as they were, with their old stamps, behind an entry per
 * feed that names where the old feed ended. What they did to stock and points is done again by the new writer, because those
 * are cumulative per writer. Fields of products and customers that only we had changed are written again with the values they
 * have in the rows handed in.
 *
 * All of it is one commit: a crash leaves everything or nothing, and a second attempt finds the first.
 */
import type { Mutator } from '@branchline/docs';
import {
  collectionOf,
  type Entry,
  type FeedStore,
  feedName,
  INCARNATION_KIND,
  type IncarnationBody,
  type IncarnationPlan,
  type WriterId,
} from '@branchline/feed';
import { eventBodies } from '@branchline/model';
import { makeStamp, type Stamp, stampCounter, stampMs } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { Trade } from '../use-cases/trade.ts';

export interface Inheritance {
  readonly plan: IncarnationPlan;
  /** What only we had, by stamp. */
  readonly entries: readonly Entry[];
  /** Registers only we had changed: the document and what sets them to the values they had here. */
  readonly registers: readonly { readonly document: string; readonly mutator: Mutator }[];
}

/** True once the new writer has said where it comes from. */
export function hasInherited(store: FeedStore, writer: WriterId, plan: IncarnationPlan): boolean {
  return plan.ends.some(({ feed }) => store.feeds().has(feedName(collectionOf(feed), writer)));
}

export function inherit(trade: Trade, transaction: Transaction, inheritance: Inheritance): { again: number } {
  const { plan, entries, registers } = inheritance;
  const again = new Map<string, number>();
  for (const { feed } of entries) {
    again.set(feed, (again.get(feed) ?? 0) + 1);
  }
  const stamps = stampsBefore(entries[0]?.hlc ?? transaction.stamp, plan.ends.length);
  for (const [index, { feed, common }] of plan.ends.entries()) {
    const body: IncarnationBody = {
      predecessor: plan.predecessor,
      feed,
      seq: common.seq,
      hash: common.hash,
      again: again.get(feed) ?? 0,
    };
    transaction.append(collectionOf(feed), INCARNATION_KIND, body, stamps[index]);
  }
  for (const entry of entries) {
    if (entry.kind !== 'change') {
      transaction.append(collectionOf(entry.feed), entry.kind, entry.body, entry.hlc);
      repeat(trade, transaction, entry);
    }
  }
  for (const { document, mutator } of registers) {
    transaction.change(document, mutator);
  }
  return { again: entries.length };
}

/** Does again what the entry did to documents whose cells belong to their writer. */
function repeat(trade: Trade, transaction: Transaction, { kind, body }: Entry): void {
  switch (kind) {
    case 'order': {
      const { lines, customer, loyalty } = eventBodies.order.parse(body);
      trade.stock.move(transaction, 'sold', lines);
      if (customer?.id !== undefined && loyalty.earned > 0) {
        trade.customers.earn(transaction, customer.id, loyalty.earned);
      }
      break;
    }
    case 'stock-receipt':
      trade.stock.move(transaction, 'received', eventBodies['stock-receipt'].parse(body).lines);
      break;
    case 'stock-count': {
      const { lines } = eventBodies['stock-count'].parse(body);
      const differences = lines.map(({ sku, deltaMilli }) => ({ sku, quantityMilli: deltaMilli }));
      trade.stock.move(transaction, 'adjusted', differences);
      break;
    }
    default:
      break;
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
