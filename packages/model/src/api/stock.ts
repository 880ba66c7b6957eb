/**
 * S-24: stock as it travels: levels, goods receipts, counts, adjustments, reservations, oversells and reordering.
 *
 * A level is the sum of every device's cumulative movements; it may be negative, because a sale of goods in the
 * customer's hand is never refused. A count records the difference to what the counter saw, not the number itself, so
 * that sales made meanwhile are not lost.
 */
import { z } from 'zod';
import { branchCode, orderId, sku, stockDocumentId, tillName } from '../ids.ts';
import {
  CODE_CHARS_MAX,
  LINES_MAX,
  QUANTITY_MILLI_MAX,
  RESERVATION_SECONDS_DEFAULT,
  RESERVATION_SECONDS_MAX,
  SEARCH_ROWS_MAX,
  SERIALS_MAX,
} from '../limits.ts';
import { countedQuantityMilli, positiveQuantityMilli, signedQuantityMilli } from '../quantity.ts';
import { codeText, freeText } from '../text.ts';
import { limitOf } from './page.ts';

const moment = z.string();
const hlc = z.string().regex(/^[0-9a-f]{16}$/);

/** Batch of a maker, as printed on the goods. */
export const lotText = codeText(CODE_CHARS_MAX);
/** One per piece. */
export const serials = z.array(codeText(CODE_CHARS_MAX)).max(SERIALS_MAX);
const tracked = { lot: lotText.optional(), serials: serials.optional() };

/** What another branch had when it was last heard of. */
export const stockElsewhere = z.strictObject({
  branch: branchCode,
  onHandMilli: signedQuantityMilli,
  /** The last word of that branch about its stock that is known here, and how old it is. */
  asOf: moment,
  ageSeconds: z.int().min(0),
});

export const stockLevel = z.strictObject({
  sku,
  branch: branchCode,
  onHandMilli: signedQuantityMilli,
  receivedMilli: signedQuantityMilli,
  soldMilli: signedQuantityMilli,
  returnedMilli: signedQuantityMilli,
  adjustedMilli: signedQuantityMilli,
  /** Promised to carts at this branch, and what is left of on hand beside it; only of this node's branch. */
  reservedMilli: countedQuantityMilli.optional(),
  availableMilli: signedQuantityMilli.optional(),
  /** Sent to this branch and not received yet; only of this node's branch. */
  inTransitMilli: countedQuantityMilli.optional(),
  /** Branches whose stock this node may read. */
  elsewhere: z.array(stockElsewhere).optional(),
});
export type StockLevel = z.infer<typeof stockLevel>;

export const stockQuery = z.strictObject({ branch: branchCode.optional() });
export type StockQuery = z.infer<typeof stockQuery>;

/** Delivery note, count sheet: whatever people look it up by. */
const reference = freeText(64).optional();

const receivedLine = z.strictObject({ sku, quantityMilli: positiveQuantityMilli, ...tracked });
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
  ...tracked,
});
export const stockCountRequest = z.strictObject({
  reference,
  lines: z.array(countedLine).min(1).max(LINES_MAX),
});
export type StockCountRequest = z.infer<typeof stockCountRequest>;

/** What a receipt, a count or an adjustment did: per SKU the movement, and what is on hand after it. */
export const stockMovement = z.strictObject({
  id: stockDocumentId,
  hlc: z.string().regex(/^[0-9a-f]{16}$/),
  lines: z.array(z.strictObject({ sku, deltaMilli: signedQuantityMilli, onHandMilli: signedQuantityMilli })),
});
export type StockMovement = z.infer<typeof stockMovement>;

export const adjustmentReason = z.enum([
  'damaged',
  'expired',
  'stolen',
  'lost',
  'found',
  'sample',
  'own-use',
  'correction',
  'other',
]);
export type AdjustmentReason = z.infer<typeof adjustmentReason>;

export const stockAdjustmentRequest = z
  .strictObject({
    reason: adjustmentReason,
    /** Needed for `other`. */
    note: freeText().optional(),
    cashier: freeText(128).optional(),
    reference,
    lines: z
      .array(
        z.strictObject({
          sku,
          /** More, or less, than the books say; not zero. */
          deltaMilli: z
            .int()
            .min(-QUANTITY_MILLI_MAX)
            .max(QUANTITY_MILLI_MAX)
            .refine((milli) => milli !== 0, 'must not be zero'),
          ...tracked,
        }),
      )
      .min(1)
      .max(LINES_MAX),
  })
  .refine(({ reason, note }) => reason !== 'other' || note !== undefined, {
    path: ['note'],
    message: 'needed for the reason "other"',
  });
export type StockAdjustmentRequest = z.infer<typeof stockAdjustmentRequest>;

/** How a reservation ends: by a sale, by the till, by its time. */
export const reservationEnd = z.enum(['sold', 'released', 'expired']);
export type ReservationEnd = z.infer<typeof reservationEnd>;

export const reservationRequest = z.strictObject({
  cashier: freeText(128).optional(),
  reference,
  /** Seconds it stands, counted from the answer. */
  ttlSeconds: z.int().min(1).max(RESERVATION_SECONDS_MAX).default(RESERVATION_SECONDS_DEFAULT),
  lines: z
    .array(z.strictObject({ sku, quantityMilli: positiveQuantityMilli }))
    .min(1)
    .max(LINES_MAX),
});
export type ReservationRequest = z.infer<typeof reservationRequest>;
export type ReservationRequestInput = z.input<typeof reservationRequest>;

export const reservation = z.strictObject({
  id: stockDocumentId,
  hlc,
  branch: branchCode,
  till: tillName,
  cashier: freeText(128).optional(),
  reference,
  expiresAt: moment,
  lines: z.array(z.strictObject({ sku, quantityMilli: positiveQuantityMilli })),
});
export type Reservation = z.infer<typeof reservation>;
export const reservationList = z.strictObject({ reservations: z.array(reservation) });
export const reservationEnded = z.strictObject({ id: stockDocumentId, how: reservationEnd });
export type ReservationEnded = z.infer<typeof reservationEnded>;

/** How it came about that more was sold than there was. */
export const oversellEnd = z.enum([
  'found',
  'counted',
  'received',
  'ordered',
  'refunded',
  'written-off',
  'other',
]);
export type OversellEnd = z.infer<typeof oversellEnd>;

/** A task: goods were sold that the books do not have. */
export const oversell = z.strictObject({
  id: stockDocumentId,
  sku,
  branch: branchCode,
  at: moment,
  /** When it was noticed. */
  onHandMilli: signedQuantityMilli,
  /** The sale that went below zero; absent when two devices had sold apart from each other. */
  order: orderId.optional(),
  /** Whose it is to find out: the till and cashier of that sale, or the manager of the branch. */
  owner: z.strictObject({
    branch: branchCode,
    till: tillName.optional(),
    cashier: freeText(128).optional(),
  }),
  state: z.enum(['open', 'resolved']),
  resolved: z
    .strictObject({
      how: oversellEnd,
      till: tillName,
      cashier: freeText(128).optional(),
      note: freeText().optional(),
      at: moment,
    })
    .optional(),
});
export type Oversell = z.infer<typeof oversell>;
export const oversellList = z.strictObject({ oversells: z.array(oversell) });
export const oversellQuery = z.strictObject({
  state: z.enum(['open', 'resolved', 'all']).default('open'),
  limit: limitOf(SEARCH_ROWS_MAX),
});
export type OversellQuery = z.infer<typeof oversellQuery>;
export const oversellResolution = z.strictObject({
  how: oversellEnd,
  cashier: freeText(128).optional(),
  note: freeText().optional(),
});
export type OversellResolution = z.infer<typeof oversellResolution>;

/** Order again below `minMilli`, up to `upToMilli`; both zero = no more. */
export const reorderPointPut = z
  .strictObject({ minMilli: countedQuantityMilli, upToMilli: countedQuantityMilli })
  .refine(({ minMilli, upToMilli }) => upToMilli >= minMilli, {
    path: ['upToMilli'],
    message: 'must not be below minMilli',
  });
export type ReorderPointPut = z.infer<typeof reorderPointPut>;
export const reorderPoint = z.strictObject({
  sku,
  branch: branchCode,
  minMilli: countedQuantityMilli,
  upToMilli: countedQuantityMilli,
});
export type ReorderPoint = z.infer<typeof reorderPoint>;
export const reorderSuggestion = reorderPoint.extend({
  name: z.string(),
  onHandMilli: signedQuantityMilli,
  reservedMilli: countedQuantityMilli,
  inTransitMilli: countedQuantityMilli,
  /** What is missing to `upToMilli`. */
  orderMilli: countedQuantityMilli,
});
export type ReorderSuggestion = z.infer<typeof reorderSuggestion>;
export const reorderList = z.strictObject({ suggestions: z.array(reorderSuggestion) });
export const reorderQuery = z.strictObject({ limit: limitOf(SEARCH_ROWS_MAX) });
