/**
 * Bodies of entries about goods besides sales: refunds, reservations, transfers, the right to return, tasks. Part of the table in
 * `events.ts`; the rules there hold here.
 *
 * `goods/<branch>` is read and written by the branch. `letters/<from>/<to>` is written by the one branch and read by both, so what
 * stands in a letter is said by the branch its collection names first.
 */
import { z } from 'zod';
import { loyaltyResult, orderCustomer, orderLine, payment, paymentKind, vatShare } from './api/orders.ts';
import { linePlace } from './api/refunds.ts';
import { adjustmentReason, lotText, oversellEnd, reservationEnd, serials } from './api/stock.ts';
import {
  branchCode,
  employeeId,
  orderId,
  orderNumber,
  receiptId,
  sku,
  stockDocumentId,
  tillName,
} from './ids.ts';
import { amountMinor } from './money.ts';
import { pushedBy, soldAt } from './pos-sync-events.ts';
import { countedQuantityMilli, positiveQuantityMilli, signedQuantityMilli } from './quantity.ts';
import { freeText } from './text.ts';

const cashier = freeText(128).optional();
const reference = freeText(64).optional();
const hlc = z.string().regex(/^[0-9a-f]{16}$/);
/** A device: the short name of its key. */
const writer = z.string().regex(/^[a-z2-7]{16}$/);
/** Which holder of a right this is: 0 the device that sold, one more for each that it was handed to. */
const turn = z.int().min(0);
const tracked = { lot: lotText.optional(), serials: serials.optional() };

const refund = z.looseObject({
  id: orderId,
  number: orderNumber,
  branch: branchCode,
  till: tillName,
  cashier,
  employee: employeeId.optional(),
  refundOf: orderId,
  refundOfNumber: orderNumber,
  /** Turn of the right to return it was made under. */
  turn,
  reason: freeText().optional(),
  totalMinor: amountMinor,
  lines: z.array(orderLine.loose().extend({ line: linePlace, restock: z.boolean() })),
  payments: z.array(payment.loose()),
  vat: z.array(vatShare.loose()).optional(),
  customer: orderCustomer.loose().optional(),
  receipt: z.looseObject({ id: receiptId }),
  loyalty: loyaltyResult.loose(),
  /** As in an order. */
  soldAt: soldAt.optional(),
  pushed: pushedBy.optional(),
});

/** What went back of an order up to a moment. */
const returned = z.looseObject({
  lines: z.array(z.tuple([linePlace, positiveQuantityMilli])),
  paid: z.array(z.tuple([paymentKind, amountMinor])),
});

export const goodsEventBodies = {
  /** Feed `orders/<branch>`: goods and money go back. */
  refund,
  /** A letter to the branch that sold: the refund as it stands in the feed of the branch that made it. */
  'refund-notice': z.looseObject({ hlc, refund }),
  /** A letter: another device asks for the right to return an order. Passed on unchanged to whoever holds it now. */
  'return-request': z.looseObject({ order: orderId, to: writer, toBranch: branchCode }),
  /**
   * A letter: the right to return an order is another device's from here on, and this one's no more. Complete in itself: what went
   * back so far, and the order with who sold it.
   */
  'return-grant': z.looseObject({
    order: orderId,
    turn: turn.min(1),
    to: writer,
    toBranch: branchCode,
    returned,
    sold: z.looseObject({ branch: branchCode, hlc, writer, body: z.unknown() }),
  }),
  /** Feed `goods/<branch>`: goods are promised to a cart until a moment. */
  reservation: z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reference,
    expiresMs: z.int().min(0),
    lines: z.array(z.looseObject({ sku, quantityMilli: positiveQuantityMilli })),
  }),
  'reservation-ended': z.looseObject({ id: stockDocumentId, till: tillName, how: reservationEnd }),
  /** A letter to the branch the goods go to; they have left. */
  'transfer-sent': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reference,
    lines: z.array(z.looseObject({ sku, quantityMilli: positiveQuantityMilli, ...tracked })),
  }),
  /** A letter to the branch the goods came from; what arrived, by SKU. */
  'transfer-received': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reference,
    lines: z.array(z.looseObject({ sku, quantityMilli: countedQuantityMilli, ...tracked })),
  }),
  /** Two devices of a branch had received one transfer, each cut off from the other: this one's movement is undone. */
  'transfer-undone': z.looseObject({
    id: stockDocumentId,
    lines: z.array(z.looseObject({ sku, deltaMilli: signedQuantityMilli })),
  }),
  /** Feed `goods/<branch>`: less is on hand than was sold; somebody has to find out. */
  oversell: z.looseObject({
    id: stockDocumentId,
    sku,
    onHandMilli: signedQuantityMilli,
    /** The sale that went below zero; absent when it came about by two devices selling apart. */
    order: orderId.optional(),
    till: tillName.optional(),
    cashier,
  }),
  'oversell-resolved': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    how: oversellEnd,
    note: freeText().optional(),
  }),
  /** Feed `goods/<branch>`: when to order a product again, and up to how much; both zero = no more. */
  'reorder-point': z.looseObject({
    sku,
    till: tillName,
    minMilli: countedQuantityMilli,
    upToMilli: countedQuantityMilli,
  }),
  /** Feed `stock/<branch>`, beside its movement. */
  'stock-adjustment': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reason: adjustmentReason.or(freeText()),
    note: freeText().optional(),
    reference,
    lines: z.array(z.looseObject({ sku, deltaMilli: signedQuantityMilli, ...tracked })),
  }),
} as const;
