/**
 * S-24: transfers between branches as they travel.
 *
 * Two events, each of the branch where it happens, each possible without a network: the goods left, the goods arrived. Between them
 * they are in transit, at both branches and at head office, so that a lost box is visible.
 */
import { z } from 'zod';
import { branchCode, sku, stockDocumentId, tillName } from '../ids.ts';
import { LINES_MAX, PAGE_ROWS_MAX } from '../limits.ts';
import { countedQuantityMilli, positiveQuantityMilli, signedQuantityMilli } from '../quantity.ts';
import { freeText } from '../text.ts';
import { cursor, limitOf } from './page.ts';
import { lotText, serials } from './stock.ts';

const tracked = { lot: lotText.optional(), serials: serials.optional() };
const reference = freeText(64).optional();
const cashier = freeText(128).optional();

export const transferRequest = z.strictObject({
  to: branchCode,
  cashier,
  reference,
  lines: z
    .array(z.strictObject({ sku, quantityMilli: positiveQuantityMilli, ...tracked }))
    .min(1)
    .max(LINES_MAX),
});
export type TransferRequest = z.infer<typeof transferRequest>;

export const transferReception = z.strictObject({
  cashier,
  reference,
  /** What arrived, by SKU; left out = all as sent. A SKU not named has not arrived. */
  lines: z
    .array(z.strictObject({ sku, quantityMilli: countedQuantityMilli, ...tracked }))
    .max(LINES_MAX)
    .optional(),
  /** Who sent it, as the delivery note says: for goods that are here before word of them is; `lines` is needed then. */
  from: branchCode.optional(),
});
export type TransferReception = z.infer<typeof transferReception>;

export const transferState = z.enum(['in-transit', 'received']);
export type TransferState = z.infer<typeof transferState>;

export const transferLine = z.strictObject({
  sku,
  name: z.string(),
  /** Absent while word of the sender is still on its way. */
  sentMilli: countedQuantityMilli.optional(),
  receivedMilli: countedQuantityMilli.optional(),
  /** Received minus sent: below zero something is missing. */
  differenceMilli: signedQuantityMilli.optional(),
  ...tracked,
});

const step = z.strictObject({ at: z.string(), till: tillName, cashier, reference });

export const transfer = z.strictObject({
  id: stockDocumentId,
  from: branchCode,
  to: branchCode,
  state: transferState,
  lines: z.array(transferLine),
  /** Absent while word of the sender is still on its way. */
  sent: step.optional(),
  received: step.optional(),
});
export type Transfer = z.infer<typeof transfer>;

export const transferQuery = z.strictObject({
  after: cursor.optional(),
  limit: limitOf(PAGE_ROWS_MAX),
  state: transferState.optional(),
  branch: branchCode.optional(),
});
export type TransferQuery = z.infer<typeof transferQuery>;
/** Newest last; `next` is handed back as `after`. */
export const transferPage = z.strictObject({ transfers: z.array(transfer), next: cursor.optional() });
export type TransferPage = z.infer<typeof transferPage>;
