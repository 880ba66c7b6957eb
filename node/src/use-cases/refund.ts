/**
 * Goods and money go back: `POST /v1/orders/{id}/refunds`, whole or in part.
 *
 * Refused: more than is left of a line over all refunds at all branches (REFUND_EXCEEDS), a line the order does not have
 * (REFUND_LINE_UNKNOWN), payments that do not fit (ORDER_PAYMENT), and without the right to return, of which there is one at a time
 * (REFUND_ELSEWHERE). Never refused for the network when the order was sold on this device, nor for stock.
 *
 * Commits: the refund in `orders/<branch>` with a number of its own series, the goods returned to this branch's stock unless they
 * are not sold again, points taken back and given back, the fiscal intent where a register is configured, and for an order of another branch
 * a letter that tells it.
 */
import {
  type EventBody,
  type Order,
  type OrderId,
  ProblemError,
  paymentKind,
  type ReceiptId,
  type Refund,
  type RefundRequest,
  type Returned,
  refundOrder,
  uuidV7,
} from '@branchline/model';
import { formatStamp, stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { refuseInMaintenance } from '../maintenance/maintenance-desk.ts';
import { letterCollection } from '../projections/letters.ts';
import { refundOf } from '../projections/returns.ts';
import { cashierOf, ownTill } from './own-till.ts';
import type { Trade } from './trade.ts';

/** Random bytes of one UUID. */
const ID_BYTES = 10;

export async function refund(
  trade: Trade,
  transaction: Transaction,
  orderId: string,
  request: RefundRequest,
): Promise<Decision<Refund>> {
  const till = ownTill(transaction, request.till);
  refuseInMaintenance(trade.maintenance, transaction.till, trade.nowMs());
  const cashier = cashierOf(transaction, request.cashier);
  const { employee } = transaction.till;
  const order = await trade.returns.order(orderId);
  if (order === undefined) {
    throw new ProblemError('ORDER_NOT_FOUND', 'No order with this id is known to this node.');
  }
  const standing = await trade.returns.standing(order);
  const elsewhere = standing.elsewhere ?? handedOn(transaction, order);
  if (elsewhere !== undefined) {
    throw new ProblemError('REFUND_ELSEWHERE', elsewhere);
  }
  const refunding = refundOrder(order, withGroup(transaction, order, standing.returned), {
    lines: request.lines,
    payments: request.payments,
  });
  if (!refunding.ok) {
    const { code, detail, path } = refunding;
    throw new ProblemError(code, detail, { errors: [{ path, reason: detail }] });
  }
  const { refund: priced } = refunding;
  const kept = new Set(
    (request.lines ?? priced.lines.map(({ line }) => ({ line, restock: undefined })))
      .filter(({ restock }) => restock ?? request.restock)
      .map(({ line }) => line),
  );
  const ms = stampMs(transaction.stamp);
  const random = trade.randomBytes(2 * ID_BYTES);
  const contact = order.customer?.contact ?? (await trade.contactOf(order.receipt.id));
  trade.guard.refund(
    {
      kind: 'refund',
      order: order.id,
      number: order.number,
      original: { order: order.id, number: order.number, at: order.at },
      totalMinor: priced.totalMinor,
      lines: priced.lines,
      payments: priced.payments,
      till,
      cashier,
      contact,
    },
    order,
  );
  const body: EventBody<'refund'> = {
    id: uuidV7(ms, random.subarray(0, ID_BYTES)) as OrderId,
    // Last of what can fail is behind us: a number is taken only by a refund that will be.
    number: trade.series.takeRefund().number,
    branch: trade.branch as Order['branch'],
    till,
    ...(cashier === undefined ? {} : { cashier }),
    ...(employee === undefined ? {} : { employee: employee.id as EventBody<'order'>['employee'] }),
    refundOf: order.id,
    refundOfNumber: order.number,
    turn: standing.turn,
    ...(request.reason === undefined ? {} : { reason: request.reason }),
    totalMinor: priced.totalMinor,
    lines: priced.lines.map((line) => ({ ...line, restock: kept.has(line.line) })),
    payments: priced.payments,
    vat: priced.vat,
    ...(order.customer?.id === undefined ? {} : { customer: { id: order.customer.id } }),
    receipt: { id: uuidV7(ms, random.subarray(ID_BYTES)) as ReceiptId },
    loyalty: priced.loyalty,
  };
  transaction.append(`orders/${trade.branch}`, 'refund', body);
  if (trade.printsReceipts) {
    transaction.append(`receipts/${trade.branch}`, 'receipt', owed(body, order, contact));
  }
  const tell = letterCollection(trade.branch, order.branch);
  if (order.branch !== trade.branch && trade.mayWrite(tell)) {
    const notice: EventBody<'refund-notice'> = { hlc: formatStamp(transaction.stamp), refund: body };
    transaction.append(tell, 'refund-notice', notice);
  }
  trade.stock.move(
    transaction,
    'returned',
    body.lines.filter(({ restock }) => restock).map(({ sku, quantityMilli }) => ({ sku, quantityMilli })),
  );
  await moveRights(trade, transaction, order, body);
  noteReturned(transaction, order, body);
  return { status: 201, body: refundOf(transaction.stamp, body) };
}

/** The fiscal intent of a refund: durable with it, or neither is. */
function owed(body: EventBody<'refund'>, original: Order, contact: string | undefined): EventBody<'receipt'> {
  const { id, number, totalMinor, payments, till, cashier, receipt } = body;
  return {
    id: receipt.id,
    what: {
      kind: 'refund',
      order: id,
      number,
      totalMinor,
      original: { order: original.id, number: original.number, at: original.at },
      lines: body.lines.map((line) => ({
        sku: line.sku,
        name: line.name,
        quantityMilli: line.quantityMilli,
        totalMinor: line.totalMinor,
        vat: line.vat,
        ...(line.markingCode === undefined ? {} : { markingCode: line.markingCode }),
        line: line.line,
      })),
      payments,
      till,
      ...(cashier === undefined ? {} : { cashier }),
      ...(contact === undefined ? {} : { contact }),
    },
  };
}

/** Points follow the money: what the sale had earned is taken back, what it had redeemed is given back; so are gift cards. */
async function moveRights(
  trade: Trade,
  transaction: Transaction,
  order: Order,
  { loyalty: { earned, redeemed }, payments }: Pick<Refund, 'loyalty' | 'payments'>,
): Promise<void> {
  const customer = order.customer?.id;
  if (customer !== undefined && (earned > 0 || redeemed > 0)) {
    await trade.customers.refund(transaction, customer, { earned, redeemed });
  }
  for (const { account, amountMinor } of payments) {
    if (account !== undefined) {
      await trade.customers.refund(transaction, account, { earned: 0, redeemed: amountMinor });
    }
  }
}

// What earlier operations of the group gave back stands in no row yet; names with a slash are no SKU.
const lineName = (order: Order, line: number): string => `${order.id}/${line}`;
const paidName = (order: Order, kind: string): string => `${order.id}/paid/${kind}`;
/** Noted by whoever hands the right on. */
export const turnName = (order: string): string => `${order}/turn`;

function noteReturned(transaction: Transaction, order: Order, body: EventBody<'refund'>): void {
  for (const { line, quantityMilli } of body.lines) {
    transaction.noteMoved(lineName(order, line), quantityMilli);
  }
  for (const { kind, amountMinor } of body.payments) {
    transaction.noteMoved(paidName(order, kind), amountMinor);
  }
}

function handedOn(transaction: Transaction, order: Order): string | undefined {
  return transaction.movedMilli(turnName(order.id)) > 0
    ? 'The right was handed to another branch just now.'
    : undefined;
}

/** What went back, with what earlier operations of the same commit group gave back. */
export function withGroup(transaction: Transaction, order: Order, returned: Returned): Returned {
  const lines = new Map(returned.lines);
  for (const line of order.lines.keys()) {
    const milli = transaction.movedMilli(lineName(order, line));
    if (milli > 0) {
      lines.set(line, (lines.get(line) ?? 0) + milli);
    }
  }
  const paid = new Map(returned.paid);
  for (const kind of paymentKind.options) {
    const amountMinor = transaction.movedMilli(paidName(order, kind));
    if (amountMinor > 0) {
      paid.set(kind, (paid.get(kind) ?? 0) + amountMinor);
    }
  }
  return { lines, paid };
}
