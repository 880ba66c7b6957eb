/**
 * S-22: refunds as they travel.
 *
 * A refund names lines of an order by their place and how much of each goes back; sums, points and VAT follow from the order. Its
 * answer has the shape of an order, with positive amounts: what goes back.
 */
import { z } from 'zod';
import { branchCode, employeeId, orderId, orderNumber, receiptId, tillName } from '../ids.ts';
import { LINES_MAX, PAYMENTS_MAX } from '../limits.ts';
import { amountMinor, positiveAmountMinor } from '../money.ts';
import { pushedView, soldAt } from '../pos-sync-events.ts';
import { positiveQuantityMilli } from '../quantity.ts';
import { freeText } from '../text.ts';
import {
  loyaltyResult,
  order,
  orderCustomer,
  orderLine,
  payment,
  paymentKind,
  receiptState,
  vatShare,
} from './orders.ts';

/** Place of a line in its order, counted from 0. */
export const linePlace = z
  .int()
  .min(0)
  .max(LINES_MAX - 1);

export const refundRequest = z.strictObject({
  /** Must be the till of the token; left out, it is. */
  till: tillName.optional(),
  cashier: freeText(128).optional(),
  /** Left out: everything that has not gone back yet. */
  lines: z
    .array(
      z.strictObject({
        line: linePlace,
        quantityMilli: positiveQuantityMilli,
        /** Back on the shelf? Left out: as the refund says. */
        restock: z.boolean().optional(),
      }),
    )
    .min(1)
    .max(LINES_MAX)
    .optional(),
  /** Money out; left out: the way it came, what was not cash first. */
  payments: z
    .array(z.strictObject({ kind: paymentKind, amountMinor: positiveAmountMinor }))
    .max(PAYMENTS_MAX)
    .optional(),
  reason: freeText().optional(),
  /** False for goods that are not sold again. */
  restock: z.boolean().default(true),
  /** The branch that sold it, for an order this node has never seen: it is asked for the order and the right to return. */
  soldAt: branchCode.optional(),
});
export type RefundRequest = z.infer<typeof refundRequest>;
/** What a till may write: fields with a default left out. */
export type RefundRequestInput = z.input<typeof refundRequest>;

export const refundLine = orderLine.extend({ line: linePlace, restock: z.boolean() });

export const refund = z.strictObject({
  kind: z.literal('refund'),
  id: orderId,
  number: orderNumber,
  hlc: z.string().regex(/^[0-9a-f]{16}$/),
  at: z.string(),
  state: z.literal('accepted'),
  /** Where it was given back. */
  branch: branchCode,
  till: tillName,
  cashier: freeText(128).optional(),
  employee: employeeId.optional(),
  refundOf: orderId,
  refundOfNumber: orderNumber,
  reason: freeText().optional(),
  totalMinor: amountMinor,
  changeMinor: z.literal(0),
  lines: z.array(refundLine),
  payments: z.array(payment),
  vat: z.array(vatShare).optional(),
  customer: orderCustomer.optional(),
  receipt: z.strictObject({ id: receiptId, state: receiptState }),
  /** Points taken back that the sale had earned, and points given back that it had redeemed. */
  loyalty: loyaltyResult,
  /** As in an order. */
  soldAt: soldAt.optional(),
  pushed: pushedView.optional(),
});
export type Refund = z.infer<typeof refund>;

/** What can still go back, and who may do it. */
export const refundable = z.strictObject({
  totalMinor: amountMinor,
  lines: z.array(
    z.strictObject({ line: linePlace, quantityMilli: positiveQuantityMilli, totalMinor: amountMinor }),
  ),
  /** The branch that holds the right to return, and whether it is this device. */
  branch: branchCode,
  here: z.boolean(),
});
export type Refundable = z.infer<typeof refundable>;

/** One order as it is read alone; what concerns its return is there once something has gone back. */
export const orderDetail = order.extend({
  refunds: z.array(refund).optional(),
  refundable: refundable.optional(),
});
export type OrderDetail = z.infer<typeof orderDetail>;
