/**
 * Sales by branch and day, added up from the orders held here. One call reads so many orders at most and says where to go on, in
 * slices with room for others between them, so a year of a chain does not hold up a sale.
 *
 * Nothing is kept between calls: orders of yesterday may still arrive from a branch that was cut off, and then they count.
 */
import type { Order, Refund, SalesQuery, SalesReport, SalesRow } from '@branchline/model';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import { dayOf, idsAround, isWithin, type Span, spanOfDays, stampAt } from './days.ts';

/** Orders read for one answer, and refunds. */
export const REPORT_ORDERS_MAX = 10_000;
const SLICE = 250;
const BY_TIME = 't/';
const REFUNDS = 'b/';

export async function salesReport(rows: Rows, query: SalesQuery): Promise<SalesReport> {
  const span = spanOfDays(query.from, query.to, query.offsetMinutes);
  const sums = new Map<string, SalesRow>();
  const next = await addOrders(rows, query, span, sums);
  if (query.after === undefined) {
    await addRefunds(rows, query.branch, span, sums);
    await addPushed(rows, query.branch, span, sums);
  }
  const found = [...sums.values()].sort((a, b) => compare(b.day, a.day) || compare(a.branch, b.branch));
  return { rows: found, ...(next === undefined ? {} : { next }) };
}

/** Where to go on, when it is not all. */
async function addOrders(
  rows: Rows,
  query: SalesQuery,
  span: Span,
  sums: Map<string, SalesRow>,
): Promise<string | undefined> {
  const prefix =
    query.branch === undefined ? BY_TIME : rowKeys.branchOrder(query.branch, '', '').slice(0, -1);
  const start = `${prefix}${query.after ?? stampAt(span.fromMs)}`;
  const below = `${prefix}${stampAt(span.untilMs)}`;
  let ids: string[] = [];
  let read = 0;
  let last = '';
  const addSlice = async (): Promise<void> => {
    for (const text of await rows.getTexts(ids.map(rowKeys.order))) {
      if (text !== undefined) {
        const { branch, at, soldAt, totalMinor } = JSON.parse(text) as Order;
        // What another program sold counts on the day it was sold, not on the one it came: see `addPushed`.
        if (soldAt === undefined) {
          add(sums, branch, dayOf(at, span), { orders: 1, salesMinor: totalMinor });
        }
      }
    }
    ids = [];
  };
  if (start >= below) {
    return undefined;
  }
  for await (const [key] of rows.texts({ after: start, below, limit: REPORT_ORDERS_MAX + 1 })) {
    if (read === REPORT_ORDERS_MAX) {
      await addSlice();
      return last;
    }
    last = key.slice(prefix.length);
    ids.push(last.slice(last.indexOf('/') + 1));
    read += 1;
    if (ids.length === SLICE) {
      await addSlice();
    }
  }
  await addSlice();
  return undefined;
}

/** Orders of branches with another program, by the moment it says. */
async function addPushed(
  rows: Rows,
  only: string | undefined,
  span: Span,
  sums: Map<string, SalesRow>,
): Promise<void> {
  const after = rowKeys.pushedByTime(stampAt(span.fromMs), '');
  const below = rowKeys.pushedByTime(stampAt(span.untilMs), '');
  if (after >= below) {
    return;
  }
  for await (const [key, branch] of rows.texts({ after, below })) {
    if (only === undefined || branch === only) {
      const text = await rows.getText(rowKeys.order(key.slice(key.lastIndexOf('/') + 1)));
      const { soldAt, totalMinor } = JSON.parse(text!) as Order;
      add(sums, branch as SalesRow['branch'], dayOf(soldAt!, span), { orders: 1, salesMinor: totalMinor });
    }
  }
}

/** Ids of refunds begin with their time; a day on both sides for devices whose clock is off. */
async function addRefunds(
  rows: Rows,
  only: string | undefined,
  span: Span,
  sums: Map<string, SalesRow>,
): Promise<void> {
  const [from, until] = idsAround(span).map((id) => `${REFUNDS}${id}`) as [string, string];
  const below = until > from ? until : after(REFUNDS);
  for await (const [, text] of rows.texts({ after: from, below, limit: REPORT_ORDERS_MAX })) {
    const { at: writtenAt, soldAt, branch, totalMinor } = (JSON.parse(text) as { refund: Refund }).refund;
    const at = soldAt ?? writtenAt;
    if (isWithin(Date.parse(at), span) && (only === undefined || branch === only)) {
      add(sums, branch, dayOf(at, span), { refunds: 1, refundsMinor: totalMinor });
    }
  }
}

function add(
  sums: Map<string, SalesRow>,
  branch: SalesRow['branch'],
  day: string,
  more: Partial<Record<'orders' | 'salesMinor' | 'refunds' | 'refundsMinor', number>>,
): void {
  const key = `${day} ${branch}`;
  const sum = sums.get(key) ?? { branch, day, orders: 0, salesMinor: 0, refunds: 0, refundsMinor: 0 };
  sums.set(key, {
    ...sum,
    orders: sum.orders + (more.orders ?? 0),
    salesMinor: sum.salesMinor + (more.salesMinor ?? 0),
    refunds: sum.refunds + (more.refunds ?? 0),
    refundsMinor: sum.refundsMinor + (more.refundsMinor ?? 0),
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
