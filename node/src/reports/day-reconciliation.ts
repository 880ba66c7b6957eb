/**
 * One day of one branch, compared book by book: orders against fiscal documents, documents against the numbers of the storage and
 * the operator's acknowledgements, the drawer against its count, the storage's counters against the log, goods against the shelf.
 *
 *   orders, refunds ─ receipt ─▶ document n of storage F ─▶ acknowledged?
 *                                    └ between the first and the last of the day: is every number one of ours?
 *   closed shifts ─▶ counted = drawer? storage = log?        oversold goods ─▶ cleared up?
 *
 * Guarantees: it only reads; asked again later it tells what is so then: a receipt that was printed late, a document delivered since,
 * are no mismatch any more. A sum is compared where the storage showed the document.
 * Does not: re-derive balances from the feeds; `verify` does.
 */
import { receiptTotal } from '@branchline/fiscal';
import type { DayReconciliation, Mismatch, Order, ReconciliationQuery, Refund } from '@branchline/model';
import { parseStamp, stampMs } from 'hlc-ts';
import { receiptWords } from '../fiscal/receipt-words.ts';
import { type KnownReceipt, type Receipts, stateAfter } from '../fiscal/receipts.ts';
import { after, ordinal, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import { idsAround, isWithin, type Span, spanOfDays, stampAt } from './days.ts';
import { shiftArchive } from './shift-archive.ts';

/** Orders, and refunds, gone through for one answer. */
export const RECONCILED_MAX = 10_000;
export const MISMATCHES_MAX = 500;
const SLICE = 250;
const SHIFTS_AT_ONCE = 50;
const REPORTED_WITHIN_MS = 86_400_000;
const REFUNDS = 'b/';

export interface ReconciliationSources {
  readonly rows: Rows;
  readonly receipts: Pick<Receipts, 'get' | 'tagsOf'>;
  /** This node's. */
  readonly branch: string;
}

interface Settlement {
  readonly number: string;
  readonly totalMinor: number;
  readonly receipt: { readonly id: string };
}

/** Numbers of documents by storage. */
type Documents = Map<string, number[]>;

export async function reconcileDay(
  sources: ReconciliationSources,
  query: ReconciliationQuery,
): Promise<DayReconciliation> {
  const branch = (query.branch ?? sources.branch) as DayReconciliation['branch'];
  const span = spanOfDays(query.day, query.day, query.offsetMinutes);
  const found = new Mismatches();
  const documents: Documents = new Map();
  const orders = await ordersOf(sources.rows, branch, span);
  const refunds = await refundsOf(sources.rows, branch, span);
  for (const settlement of [...orders.found, ...refunds.found]) {
    await compareReceipt(sources, settlement, documents, found);
  }
  const confirmed = await compareDocuments(sources.rows, documents, found);
  const shifts = await compareShifts(sources.rows, branch, span, found);
  await listOversells(sources.rows, branch, span, found);
  return {
    branch,
    day: query.day,
    orders: orders.found.length,
    refunds: refunds.found.length,
    salesMinor: sum(orders.found),
    refundsMinor: sum(refunds.found),
    documents: [...documents.values()].reduce((total, numbers) => total + numbers.length, 0),
    confirmed,
    shifts,
    mismatches: found.listed,
    moreMismatches: found.count - found.listed.length,
    complete: orders.isWhole && refunds.isWhole,
    words: found.count === 0 ? 'Every book says the same.' : `${found.count} things need somebody to look.`,
  };
}

class Mismatches {
  readonly listed: Mismatch[] = [];
  count = 0;

  add(mismatch: Mismatch): void {
    this.count += 1;
    if (this.listed.length < MISMATCHES_MAX) {
      this.listed.push(mismatch);
    }
  }
}

async function ordersOf(
  rows: Rows,
  branch: string,
  span: Span,
): Promise<{ found: Order[]; isWhole: boolean }> {
  const prefix = rowKeys.branchOrder(branch, '', '').slice(0, -1);
  const range = { after: `${prefix}${stampAt(span.fromMs)}`, below: `${prefix}${stampAt(span.untilMs)}` };
  const found: Order[] = [];
  let ids: string[] = [];
  let count = 0;
  const takeSlice = async (): Promise<void> => {
    for (const text of await rows.getTexts(ids.map(rowKeys.order))) {
      if (text !== undefined) {
        found.push(JSON.parse(text) as Order);
      }
    }
    ids = [];
  };
  for await (const [key] of rows.texts({ ...range, limit: RECONCILED_MAX + 1 })) {
    count += 1;
    if (count > RECONCILED_MAX) {
      break;
    }
    ids.push(key.slice(key.lastIndexOf('/') + 1));
    if (ids.length === SLICE) {
      await takeSlice();
    }
  }
  await takeSlice();
  return { found, isWhole: count <= RECONCILED_MAX };
}

async function refundsOf(
  rows: Rows,
  branch: string,
  span: Span,
): Promise<{ found: Refund[]; isWhole: boolean }> {
  const [from, below] = idsAround(span).map((id) => `${REFUNDS}${id}`) as [string, string];
  const found: Refund[] = [];
  let count = 0;
  for await (const [, text] of rows.texts({ after: from, below, limit: RECONCILED_MAX + 1 })) {
    count += 1;
    const { refund } = JSON.parse(text) as { refund: Refund };
    if (count <= RECONCILED_MAX && refund.branch === branch && isWithin(Date.parse(refund.at), span)) {
      found.push(refund);
    }
  }
  return { found, isWhole: count <= RECONCILED_MAX };
}

/** A branch without a register wants no documents: its orders have receipts nobody ever asked for. */
async function compareReceipt(
  { receipts }: ReconciliationSources,
  { number, totalMinor, receipt }: Settlement,
  documents: Documents,
  found: Mismatches,
): Promise<void> {
  const known = await receipts.get(receipt.id);
  if (known === undefined) {
    return;
  }
  const { outcome } = known;
  if (outcome === undefined) {
    const reason = reasonOf(known);
    found.add({
      kind: 'receipt',
      ref: number,
      expected: totalMinor,
      words: `${number} has no fiscal document. ${receiptWords(stateAfter(known.last), reason)}`,
    });
    return;
  }
  const { fn, fd } = outcome;
  const numbers = documents.get(fn) ?? [];
  numbers.push(fd);
  documents.set(fn, numbers);
  const tags = await receipts.tagsOf(fn, fd);
  const registered = tags && receiptTotal(tags);
  if (registered !== undefined && registered !== totalMinor) {
    found.add({
      kind: 'amount',
      ref: `${fn}/${fd}`,
      expected: totalMinor,
      found: registered,
      words: `Document ${fd} of storage ${fn} says another sum than ${number}: it needs a correction.`,
    });
  }
}

function reasonOf({ last }: KnownReceipt): string | undefined {
  return last !== undefined && 'reason' in last ? last.reason : undefined;
}

/** How many of them the operator has acknowledged. */
async function compareDocuments(rows: Rows, documents: Documents, found: Mismatches): Promise<number> {
  let confirmed = 0;
  for (const [fn, numbers] of documents) {
    const first = Math.min(...numbers);
    const last = Math.max(...numbers);
    await findGaps(rows, fn, first, last, found);
    const tickets = await rows.getTexts(numbers.map((fd) => rowKeys.receiptTicket(fn, ordinal(fd))));
    const waiting = numbers.filter((_, at) => tickets[at] === undefined);
    confirmed += numbers.length - waiting.length;
    if (waiting.length > 0) {
      found.add({
        kind: 'operator',
        ref: `${fn}/${Math.min(...waiting)}`,
        expected: numbers.length,
        found: numbers.length - waiting.length,
        words: `The operator has not acknowledged ${waiting.length} documents of storage ${fn}, from number ${Math.min(...waiting)} on.`,
      });
    }
  }
  return confirmed;
}

/** Numbers between the first and the last document of the day that no job of ours has. */
async function findGaps(
  rows: Rows,
  fn: string,
  first: number,
  last: number,
  found: Mismatches,
): Promise<void> {
  const prefix = rowKeys.receiptDocument(fn, '');
  let expected = first + 1;
  const range = {
    after: rowKeys.receiptDocument(fn, ordinal(first)),
    below: rowKeys.receiptDocument(fn, ordinal(last + 1)),
  };
  for await (const [key] of rows.texts(range)) {
    const fd = Number(key.slice(prefix.length));
    if (fd > expected) {
      const words = fd === expected + 1 ? `Document ${expected}` : `Documents ${expected} to ${fd - 1}`;
      found.add({
        kind: 'document',
        ref: `${fn}/${expected}`,
        expected: 0,
        found: fd - expected,
        words: `${words} of storage ${fn} belong to nothing sold here: another program used the register.`,
      });
    }
    expected = fd + 1;
  }
}

/** Shifts closed that day. */
async function compareShifts(rows: Rows, branch: string, span: Span, found: Mismatches): Promise<number> {
  let count = 0;
  // Reported when the register is done, which may be the day after.
  let cursor: string | undefined = stampAt(span.untilMs + REPORTED_WITHIN_MS);
  while (cursor !== undefined) {
    const page = await shiftArchive(rows, {
      branch: branch as DayReconciliation['branch'],
      limit: SHIFTS_AT_ONCE,
      after: cursor,
    });
    cursor = page.next;
    for (const { id = '', closedAt, drawerMinor, countedCashMinor, differences } of page.shifts) {
      const closedMs = Date.parse(closedAt ?? '');
      if (closedMs < span.fromMs) {
        return count;
      }
      if (!isWithin(closedMs, span)) {
        continue;
      }
      count += 1;
      if (countedCashMinor !== undefined && countedCashMinor !== drawerMinor) {
        found.add({
          kind: 'cash',
          ref: id,
          expected: drawerMinor,
          found: countedCashMinor,
          words: 'The drawer was counted, and the log says another sum.',
        });
      }
      for (const { log, register, words } of differences) {
        found.add({ kind: 'register', ref: id, expected: log, found: register, words });
      }
    }
  }
  return count;
}

/** Tasks of that day that nobody has resolved until now. */
async function listOversells(rows: Rows, branch: string, span: Span, found: Mismatches): Promise<void> {
  const prefix = rowKeys.oversell(branch, '');
  for await (const [, text] of rows.texts({ after: prefix, below: after(prefix) })) {
    const row = JSON.parse(text) as {
      readonly hlc: string;
      readonly body: { readonly id: string; readonly sku: string; readonly onHandMilli: number };
    };
    const { id, sku, onHandMilli } = row.body;
    const isOfDay = isWithin(stampMs(parseStamp(row.hlc)), span);
    if (isOfDay && (await rows.getText(rowKeys.oversellResolved(branch, id))) === undefined) {
      found.add({
        kind: 'stock',
        ref: id,
        expected: 0,
        found: onHandMilli,
        words: `More of ${sku} was sold than the books had; count the shelf and resolve the task.`,
      });
    }
  }
}

function sum(settlements: readonly Settlement[]): number {
  return settlements.reduce((total, { totalMinor }) => total + totalMinor, 0);
}
