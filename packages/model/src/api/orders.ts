/**
 * S-20, S-21: orders as they travel.
 *
 * A till sends what was sold and paid; totals, number, stamp and VAT split are the node's. A field this page does not
 * name is refused, so a till can never set a number, a state or a total.
 */
import { z } from 'zod';
import {
  branchCode,
  customerId,
  employeeId,
  orderId,
  orderNumber,
  receiptId,
  sku,
  stockDocumentId,
  tillName,
} from '../ids.ts';
import {
  CODE_CHARS_MAX,
  LINES_MAX,
  MARKING_CODE_CHARS_MAX,
  PAGE_ROWS_MAX,
  PAYMENTS_MAX,
  POINTS_MAX,
  SERIALS_MAX,
  TEXT_CHARS_MAX,
} from '../limits.ts';
import { amountMinor, positiveAmountMinor } from '../money.ts';
import { pushedView, soldAt } from '../pos-sync-events.ts';
import { positiveQuantityMilli } from '../quantity.ts';
import { codeText, freeText } from '../text.ts';
import { vatKind } from '../vat.ts';
import { COUPONS_MAX, voucherCode } from '../voucher.ts';
import { cursor, limitOf } from './page.ts';

export const paymentKind = z.enum(['cash', 'card', 'giftCard', 'other']);
export const payment = z.strictObject({
  kind: paymentKind,
  amountMinor: positiveAmountMinor,
  /** Of a gift card: the last signs of its code. */
  ending: z.string().max(8).optional(),
  /** Of a gift card: its account, a hash of its code. */
  account: z.string().max(128).optional(),
});
/** As a till sends it. */
export const paymentRequest = z
  .strictObject({
    kind: paymentKind,
    amountMinor: positiveAmountMinor,
    /** Of a gift card, and only of one. */
    code: voucherCode.optional(),
  })
  .refine(
    ({ kind, code }) => (kind === 'giftCard') === (code !== undefined),
    'a gift card is paid with by its code',
  );
export type PaymentRequest = z.infer<typeof paymentRequest>;
/** A coupon used for an order. */
export const usedCoupon = z.strictObject({
  ending: z.string(),
  account: z.string(),
  discountMinor: amountMinor,
});
export const points = z.int().min(0).max(POINTS_MAX);
/** State of the fiscal receipt, S-27. */
export const receiptState = z.enum([
  'waiting',
  'printing',
  'fiscal',
  'printed',
  'uncertain',
  'review',
  'failed',
]);
export type ReceiptState = z.infer<typeof receiptState>;

const GROUP_SEPARATOR = '\u001d';

function isScanned(code: string): boolean {
  return [...code].every((sign) => sign === GROUP_SEPARATOR || (sign >= ' ' && sign <= '~'));
}

/** The code of one piece as scanned, group separators (`\u001d`) included. */
export const markingCode = z
  .string()
  .min(1)
  .max(MARKING_CODE_CHARS_MAX)
  .refine(isScanned, 'must be the code as scanned: printable ASCII and group separators');

export const orderLineRequest = z.strictObject({
  sku,
  quantityMilli: positiveQuantityMilli,
  unitPriceMinor: amountMinor.optional(),
  discountMinor: amountMinor.default(0),
  vat: vatKind.optional(),
  markingCode: markingCode.optional(),
  /** Batch and serial numbers, as printed on the goods. */
  lot: codeText(CODE_CHARS_MAX).optional(),
  serials: z.array(codeText(CODE_CHARS_MAX)).max(SERIALS_MAX).optional(),
});
export const orderCustomer = z.strictObject({
  id: customerId.optional(),
  /** Where an electronic receipt goes: a phone number or an e-mail address. */
  contact: freeText(128).optional(),
});
export const orderRequest = z.strictObject({
  /** Must be the till of the token; left out, it is. */
  till: tillName.optional(),
  cashier: freeText(128).optional(),
  lines: z.array(orderLineRequest).min(1).max(LINES_MAX),
  payments: z.array(paymentRequest).max(PAYMENTS_MAX),
  customer: orderCustomer.optional(),
  redeemPoints: points.default(0),
  /** Codes of coupons; what they take off is in the discounts of the lines. */
  coupons: z.array(voucherCode).max(COUPONS_MAX).optional(),
  /** The reservation this sale ends; an ended or unknown one is no reason to refuse goods in the hand. */
  reservation: stockDocumentId.optional(),
});
export type OrderRequest = z.infer<typeof orderRequest>;
/** What a till may write: fields with a default left out. */
export type OrderRequestInput = z.input<typeof orderRequest>;

export const vatShare = z.strictObject({ vat: vatKind, totalMinor: amountMinor, vatMinor: amountMinor });

export const orderLine = z.strictObject({
  sku,
  name: freeText(),
  quantityMilli: positiveQuantityMilli,
  unitPriceMinor: amountMinor,
  discountMinor: amountMinor,
  /** The promotion that counted, and its part of `discountMinor`. */
  promotion: z.strictObject({ id: z.string(), discountMinor: amountMinor }).optional(),
  /** Share of the redeemed points in this line, when there is one. */
  redeemedMinor: amountMinor.optional(),
  totalMinor: amountMinor,
  vat: vatKind,
  markingCode: markingCode.optional(),
  lot: codeText(CODE_CHARS_MAX).optional(),
  serials: z.array(codeText(CODE_CHARS_MAX)).max(SERIALS_MAX).optional(),
});
export type OrderLine = z.infer<typeof orderLine>;

export const loyaltyResult = z.strictObject({ earned: points, redeemed: points });

export const order = z.strictObject({
  id: orderId,
  number: orderNumber,
  /** 16 hexadecimal digits; sorts by time. */
  hlc: z.string().regex(/^[0-9a-f]{16}$/),
  /** The same moment for people, ISO 8601. */
  at: z.string(),
  state: z.literal('accepted'),
  branch: branchCode,
  till: tillName,
  cashier: freeText(128).optional(),
  /** Who had signed in at the till. */
  employee: employeeId.optional(),
  totalMinor: amountMinor,
  changeMinor: amountMinor,
  lines: z.array(orderLine),
  payments: z.array(payment),
  vat: z.array(vatShare).optional(),
  customer: orderCustomer.optional(),
  coupons: z.array(usedCoupon).optional(),
  receipt: z.strictObject({ id: receiptId, state: receiptState }),
  loyalty: loyaltyResult,
  /** When it was sold, where that is not `at`: sold by a branch with another program, and pushed here later. */
  soldAt: soldAt.optional(),
  pushed: pushedView.optional(),
});
export type Order = z.infer<typeof order>;

export const orderListQuery = z.strictObject({
  after: cursor.optional(),
  limit: limitOf(PAGE_ROWS_MAX),
  branch: branchCode.optional(),
  /** Oldest first when left out. */
  sort: z.enum(['oldest', 'newest']).optional(),
  /** The one order with this number, */
  number: orderNumber.optional(),
  /** or the one whose receipt has a QR code with this text; that of a refund finds the order given back. */
  qr: codeText(TEXT_CHARS_MAX).optional(),
});
export type OrderListQuery = z.infer<typeof orderListQuery>;
/** `next` is handed back as `after`; absent on the last page. */
export const orderPage = z.strictObject({ orders: z.array(order), next: cursor.optional() });
export type OrderPage = z.infer<typeof orderPage>;
