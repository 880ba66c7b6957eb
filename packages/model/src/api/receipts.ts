/**
 * S-27: a fiscal receipt as tills see it.
 *
 * `state` is for programs, `words` for the person at the till: what is the matter and what to do. Number, sign and QR text
 * are there from `fiscal` on, whatever the paper does; the order itself never depends on any of it.
 */
import { z } from 'zod';
import { branchCode, orderId, receiptId, tillName } from '../ids.ts';
import { LINES_MAX, PAYMENTS_MAX } from '../limits.ts';
import { amountMinor } from '../money.ts';
import { positiveQuantityMilli } from '../quantity.ts';
import { freeText } from '../text.ts';
import { vatKind } from '../vat.ts';
import { markingCode, payment, receiptState } from './orders.ts';

/** `none`: nothing is known of the way to the operator. */
export const ofdState = z.enum(['none', 'queued', 'delivered']);

export const fiscalReceipt = z.strictObject({
  id: receiptId,
  kind: z.enum(['sale', 'refund', 'correction']),
  /** The order or refund; a correction has none. */
  order: orderId.optional(),
  totalMinor: amountMinor,
  branch: branchCode,
  state: receiptState,
  words: z.string(),
  /** Where somebody has to decide: what to look at, and what to choose. */
  toDecide: z.string().optional(),
  /** What holds it up, by code of the fiscal package. */
  reason: z.string().optional(),
  fn: z.string().optional(),
  fd: z.int().optional(),
  /** The sign as printed: ten digits. */
  fp: z.string().optional(),
  /** Wall time of the device, `2026-11-22T12:30`. */
  at: z.string().optional(),
  qr: z.string().optional(),
  ofd: ofdState,
});
export type FiscalReceipt = z.infer<typeof fiscalReceipt>;

const lines = z
  .array(
    z.strictObject({
      name: freeText(),
      quantityMilli: positiveQuantityMilli,
      unitPriceMinor: amountMinor,
      vat: vatKind,
      markingCode: markingCode.optional(),
    }),
  )
  .min(1)
  .max(LINES_MAX);

/**
 * A correction receipt: what was settled without a register, or wrongly. `day` is that of the settlement, its rates are those of
 * that day. From FFD 1.2 `wrongSign` names the receipt that was wrong, by its printed sign.
 */
export const correctionRequest = z.strictObject({
  till: tillName.optional(),
  cashier: freeText(128).optional(),
  settlement: z.enum(['sale', 'sale-return', 'purchase', 'purchase-return']).default('sale'),
  by: z.enum(['own', 'order']).default('own'),
  day: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day like 2026-11-22'),
  /** Of the tax service's order, with `by: order`. */
  documentNumber: freeText(32).optional(),
  reason: freeText().optional(),
  wrongSign: z
    .string()
    .regex(/^\d{1,10}$/, 'must be the sign as printed')
    .optional(),
  lines,
  payments: z.array(payment).min(1).max(PAYMENTS_MAX),
});
export type CorrectionRequest = z.infer<typeof correctionRequest>;
export type CorrectionRequestInput = z.input<typeof correctionRequest>;

const reason = freeText();
/** What a person has found out about a receipt that no program could settle. */
export const receiptDecision = z.discriminatedUnion('decision', [
  /** The paper is there: document `fd` with the sign `fp`. */
  z.strictObject({
    decision: z.literal('printed'),
    fd: z.int().min(1),
    fp: z.string().regex(/^\d{1,10}$/, 'must be the sign as printed'),
    reason,
  }),
  /** No document was made: make one. */
  z.strictObject({ decision: z.literal('print-again'), reason }),
  /** There will be no document; a correction may be due. */
  z.strictObject({ decision: z.literal('none'), reason }),
]);
export type ReceiptDecision = z.infer<typeof receiptDecision>;
