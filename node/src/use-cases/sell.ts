/**
 * A sale: `POST /v1/orders`.
 *
 * Refused for what the till can correct: another till's name (TILL_MISMATCH), a line without price or VAT (PRODUCT_UNKNOWN),
 * payments that do not fit (PAYMENT_SHORT, OVERPAID_NOT_CASH), a discount above its line, points that are not spendable
 * here. Never refused for stock (the goods are in the customer's hand), for the network, a clock or an unknown customer.
 *
 * Commits: the order in `orders/<branch>`, per product sold one movement in this branch's stock document, and for a named customer
 * the points earned in the loyalty document. Where a register is configured, also that the receipt is owed.
 */
import {
  type EventBody,
  earnedPoints,
  type Order,
  type OrderId,
  type OrderRequest,
  ProblemError,
  priceOrder,
  pricingProblem,
  type ReceiptId,
  uuidV7,
  type VatKind,
} from '@branchline/model';
import { stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { orderOf } from '../projections/orders.ts';
import type { Trade } from './trade.ts';

/** Random bytes of one UUID. */
const ID_BYTES = 10;

export function sell(trade: Trade, transaction: Transaction, request: OrderRequest): Decision<Order> {
  const till = ownTill(transaction, request.till);
  if (request.redeemPoints > 0) {
    throw new ProblemError('POINTS_SHORT', 'No points can be spent at this branch yet.');
  }
  const lines = request.lines.map((line, index) => {
    const product = trade.catalog.get(line.sku);
    return {
      sku: line.sku,
      name: product?.name ?? line.sku,
      quantityMilli: line.quantityMilli,
      unitPriceMinor: known(line.unitPriceMinor ?? product?.priceMinor, index, 'unitPriceMinor'),
      discountMinor: line.discountMinor,
      vat: known<VatKind>(line.vat ?? product?.vat, index, 'vat'),
      ...(line.markingCode === undefined ? {} : { markingCode: line.markingCode }),
    };
  });
  const pricing = priceOrder({ lines, payments: request.payments });
  if (!pricing.ok) {
    throw pricingProblem(pricing);
  }
  const { order: priced } = pricing;
  const ms = stampMs(transaction.stamp);
  const random = trade.randomBytes(2 * ID_BYTES);
  const customer = request.customer?.id;
  const earned = customer === undefined ? 0 : earnedPoints(priced.totalMinor, trade.programme);
  const body: EventBody<'order'> = {
    id: uuidV7(ms, random.subarray(0, ID_BYTES)) as OrderId,
    // Last of what can fail is behind us: a number is taken only by a sale that will be.
    number: trade.series.take().number,
    till,
    ...(request.cashier === undefined ? {} : { cashier: request.cashier }),
    totalMinor: priced.totalMinor,
    changeMinor: priced.changeMinor,
    lines: priced.lines.map(({ redeemedMinor, ...line }) =>
      redeemedMinor === 0 ? line : { ...line, redeemedMinor },
    ),
    payments: request.payments,
    vat: priced.vat,
    ...(request.customer === undefined ? {} : { customer: request.customer }),
    receipt: { id: uuidV7(ms, random.subarray(ID_BYTES)) as ReceiptId },
    loyalty: { earned, redeemed: 0 },
  };
  transaction.append(`orders/${trade.branch}`, 'order', body);
  if (trade.printsReceipts) {
    transaction.append(`receipts/${trade.branch}`, 'receipt', owed(body));
  }
  trade.stock.move(
    transaction,
    'sold',
    lines.map(({ sku, quantityMilli }) => ({ sku, quantityMilli })),
  );
  if (customer !== undefined && earned > 0) {
    trade.customers.earn(transaction, customer, earned);
  }
  return { status: 201, body: orderOf(trade.branch, transaction.stamp, body) };
}

/** The fiscal intent of a sale: durable with it, or neither is. */
function owed({ id, number, totalMinor, receipt }: EventBody<'order'>): EventBody<'receipt'> {
  return { id: receipt.id, what: { kind: 'sale', order: id, number, totalMinor } };
}

/** The till of the token; a body may repeat its name but not use another's. An admin's token is an office: it sells for any till. */
function ownTill(transaction: Transaction, named: string | undefined): EventBody<'order'>['till'] {
  const { till, role } = transaction.till;
  if (named !== undefined && role === 'admin') {
    return named as EventBody<'order'>['till'];
  }
  if (named !== undefined && named !== till) {
    throw new ProblemError(
      'TILL_MISMATCH',
      `The token belongs to till ${till}, the order names till ${named}.`,
    );
  }
  return till as EventBody<'order'>['till'];
}

function known<T>(value: T | undefined, index: number, field: string): T {
  if (value === undefined) {
    const detail = `Line ${index + 1}: the product is unknown here and the line has no ${field}.`;
    throw new ProblemError('PRODUCT_UNKNOWN', detail, {
      errors: [
        { path: `/lines/${index}/${field}`, reason: 'needed for a product the catalog does not know' },
      ],
    });
  }
  return value;
}
