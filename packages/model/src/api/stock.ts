/**
 * S-24: stock as it travels: levels, goods receipts, counts.
 *
 * A level is the sum of every device's cumulative movements; it may be negative, because a sale of goods in the
 * customer's hand is never refused. A count records the difference to what the counter saw, not the number itself, so
 * that sales made meanwhile are not lost.
 */
import { z } from 'zod';
import { branchCode, sku, stockDocumentId } from '../ids.ts';
import { LINES_MAX } from '../limits.ts';
import { countedQuantityMilli, positiveQuantityMilli, signedQuantityMilli } from '../quantity.ts';
import { freeText } from '../text.ts';

export const stockLevel = z.strictObject({
  sku,
  branch: branchCode,
  onHandMilli: signedQuantityMilli,
  receivedMilli: signedQuantityMilli,
  soldMilli: signedQuantityMilli,
  returnedMilli: signedQuantityMilli,
  adjustedMilli: signedQuantityMilli,
});
export type StockLevel = z.infer<typeof stockLevel>;

export const stockQuery = z.strictObject({ branch: branchCode.optional() });
export type StockQuery = z.infer<typeof stockQuery>;

/** Delivery note, count sheet: whatever people look it up by. */
const reference = freeText(64).optional();

const receivedLine = z.strictObject({ sku, quantityMilli: positiveQuantityMilli });
export const stockReceiptRequest = z.strictObject({
  reference,
  lines: z.array(receivedLine).min(1).max(LINES_MAX),
});
export type StockReceiptRequest = z.infer<typeof stockReceiptRequest>;

const countedLine = z.strictObject({
  sku,
  quantityMilli: countedQuantityMilli,
  /** What the counter saw as on hand when counting; left out = what the node sees now. */
  seenMilli: signedQuantityMilli.optional(),
});
export const stockCountRequest = z.strictObject({
  reference,
  lines: z.array(countedLine).min(1).max(LINES_MAX),
});
export type StockCountRequest = z.infer<typeof stockCountRequest>;

/** What a receipt or a count did: per SKU the movement, and what is on hand after it. */
export const stockMovement = z.strictObject({
  id: stockDocumentId,
  hlc: z.string().regex(/^[0-9a-f]{16}$/),
  lines: z.array(z.strictObject({ sku, deltaMilli: signedQuantityMilli, onHandMilli: signedQuantityMilli })),
});
export type StockMovement = z.infer<typeof stockMovement>;
