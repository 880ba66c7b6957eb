/**
 * A sale: `POST /v1/orders`.
 *
 * Refused for what the till can correct: another till's name (TILL_MISMATCH), a line without price or VAT (PRODUCT_UNKNOWN),
 * payments that do not fit (PAYMENT_SHORT, OVERPAID_NOT_CASH), a discount above its line, points, gift cards and coupons that are not
 * spendable here (`tender`). Never refused for stock (the goods are in the customer's hand), for the network, a clock or an unknown customer.
 *
 * Commits: the order in `orders/<branch>`, per product sold one movement in this branch's stock document, and for a named customer
 * the points earned and redeemed in the loyalty document. Where a register is configured, also that the receipt is owed.
 */
import {
  type EventBody,
  earnedPoints,
  type Order,
  type OrderId,
  priceOrder,
  pricingProblem,
  type ReceiptId,
  uuidV7,
  type VatKind,
} from '@branchline/model';
import { stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { refuseInMaintenance } from '../maintenance/maintenance-desk.ts';
import { orderOf } from '../projections/orders.ts';
import type { OrderWish } from '../services.ts';
import { checkDiscounts } from './discount-limits.ts';
import { cashierOf, ownTill } from './own-till.ts';
import { known, priceLines } from './price-lines.ts';
import { moneyOnly, takesRights, tenderOf } from './tender.ts';
import type { Trade } from './trade.ts';

/** Random bytes of one UUID. */
const ID_BYTES = 10;
const DAY_MS = 86_400_000;

export async function sell(
  trade: Trade,
  transaction: Transaction,
  request: OrderWish,
): Promise<Decision<Order>> {
  const till = ownTill(transaction, request.till);
  refuseInMaintenance(trade.maintenance, transaction.till, trade.nowMs());
  const cashier = cashierOf(transaction, request.cashier);
  const { employee } = transaction.till;
  const lines = await linesOf(trade, request, stampMs(transaction.stamp));
  checkDiscounts(
    transaction.till,
    lines.map((line, index) => ({ ...line, givenMinor: request.lines[index]!.discountMinor })),
  );
  const tender = takesRights(request)
    ? await tenderOf(trade, transaction, lines, request)
    : moneyOnly(lines, request);
  const pricing = priceOrder({ ...tender, payments: request.payments });
  if (!pricing.ok) {
    throw pricingProblem(pricing);
  }
  const { order: priced } = pricing;
  const ms = stampMs(transaction.stamp);
  const random = trade.randomBytes(2 * ID_BYTES);
  const customer = request.customer?.id;
  const earned = customer === undefined ? 0 : earnedPoints(priced.totalMinor, trade.programmes.at(ms));
  const receipt = { id: uuidV7(ms, random.subarray(ID_BYTES)) as ReceiptId };
  const sold = {
    ...(cashier === undefined ? {} : { cashier }),
    ...(request.customer === undefined ? {} : { customer: request.customer }),
    lines: priced.lines,
    payments: tender.payments,
    changeMinor: priced.changeMinor,
    totalMinor: priced.totalMinor,
    receipt: { ...receipt, state: 'waiting' as const },
  };
  trade.guard.sale(sold, till);
  const body: EventBody<'order'> = {
    id: uuidV7(ms, random.subarray(0, ID_BYTES)) as OrderId,
    // Last of what can fail is behind us: a number is taken only by a sale that will be.
    number: trade.series.take().number,
    till,
    ...(cashier === undefined ? {} : { cashier }),
    ...(employee === undefined ? {} : { employee: employee.id as EventBody<'order'>['employee'] }),
    totalMinor: priced.totalMinor,
    changeMinor: priced.changeMinor,
    lines: priced.lines.map(({ redeemedMinor, ...line }) =>
      redeemedMinor === 0 ? line : { ...line, redeemedMinor },
    ),
    payments: tender.payments,
    vat: priced.vat,
    // Where the receipt goes is on the receipt alone: an order is kept for ever.
    ...(customer === undefined ? {} : { customer: { id: customer } }),
    ...(tender.coupons.length === 0 ? {} : { coupons: tender.coupons }),
    receipt,
    loyalty: { earned, redeemed: tender.points },
    ...(request.reservation === undefined ? {} : { reservation: request.reservation }),
  };
  transaction.append(`orders/${trade.branch}`, 'order', body);
  if (trade.printsReceipts) {
    transaction.append(`receipts/${trade.branch}`, 'receipt', owed(body, request.customer?.contact));
  }
  trade.stock.move(
    transaction,
    'sold',
    lines.map(({ sku, quantityMilli }) => ({ sku, quantityMilli })),
  );
  if (request.reservation !== undefined) {
    trade.reservations.sell(transaction, request.reservation);
  }
  if (customer !== undefined && earned > 0) {
    trade.customers.earn(transaction, customer, earned);
  }
  if (customer !== undefined && earned + tender.points > 0) {
    trade.customers.see(transaction, customer, Math.floor(ms / DAY_MS));
    trade.rights.used(customer, earned + tender.points);
  }
  return { status: 201, body: orderOf(trade.branch, transaction.stamp, body) };
}

/** The fiscal intent of a sale: durable with it, or neither is. */
function owed(
  { id, number, totalMinor, receipt }: EventBody<'order'>,
  contact: string | undefined,
): EventBody<'receipt'> {
  const to = contact === undefined ? {} : { contact };
  return { id: receipt.id, what: { kind: 'sale', order: id, number, totalMinor, ...to } };
}

/** The lines of a request with what they cost, before coupons and points. */
export async function linesOf(
  trade: Trade,
  { lines, customer }: Pick<OrderWish, 'lines' | 'customer'>,
  ms: number,
) {
  const prices = await priceLines(trade, lines, customer?.id, ms);
  return lines.map((line, index) => {
    const product = trade.catalog.get(line.sku);
    return {
      sku: line.sku,
      name: line.name ?? product?.name ?? line.sku,
      quantityMilli: line.quantityMilli,
      ...prices[index]!,
      vat: known<VatKind>(line.vat ?? product?.vat, index, 'vat'),
      ...(line.markingCode === undefined ? {} : { markingCode: line.markingCode }),
      ...(line.lot === undefined ? {} : { lot: line.lot }),
      ...(line.serials === undefined ? {} : { serials: line.serials }),
    };
  });
}
