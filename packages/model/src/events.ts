/**
 * Bodies of feed entries, by kind: what a node writes into its feeds and every other node reads.
 *
 * Feeds are immutable, so these schemas only grow: a new field is optional, a field never changes its meaning, a kind
 * is never reused. They are loose where the API is strict: a node of an older version must be able to read what a newer
 * one wrote. Personal data does not belong here (it could never be removed), except the contact a receipt must keep.
 *
 * The stamp and the writer of an entry are in its envelope and are not repeated in its body. Automerge changes (kind
 * `change`) are bytes and are described by the documents.
 */
import { z } from 'zod';
import { loyaltyResult, orderCustomer, orderLine, payment, vatShare } from './api/orders.ts';
import { productFields } from './api/products.ts';
import { customerId, orderId, orderNumber, receiptId, sku, stockDocumentId, tillName } from './ids.ts';
import { amountMinor } from './money.ts';
import { countedQuantityMilli, positiveQuantityMilli, signedQuantityMilli } from './quantity.ts';
import { freeText } from './text.ts';

export const tillRole = z.enum(['cashier', 'manager', 'admin']);
export type TillRole = z.infer<typeof tillRole>;

const cashier = freeText(128).optional();
const reference = freeText(64).optional();

/** Bodies by entry kind. */
export const eventBodies = {
  order: z.looseObject({
    id: orderId,
    number: orderNumber,
    till: tillName,
    cashier,
    totalMinor: amountMinor,
    changeMinor: amountMinor,
    lines: z.array(orderLine.loose()),
    payments: z.array(payment.loose()),
    vat: z.array(vatShare.loose()).optional(),
    customer: orderCustomer.loose().optional(),
    receipt: z.looseObject({ id: receiptId }),
    loyalty: loyaltyResult.loose(),
  }),
  'stock-receipt': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reference,
    lines: z.array(z.looseObject({ sku, quantityMilli: positiveQuantityMilli })),
  }),
  'stock-count': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reference,
    /** `deltaMilli` is what entered the stock: counted − seen. */
    lines: z.array(
      z.looseObject({
        sku,
        countedMilli: countedQuantityMilli,
        seenMilli: signedQuantityMilli,
        deltaMilli: signedQuantityMilli,
      }),
    ),
  }),
  'stock-adjustment': z.looseObject({
    id: stockDocumentId,
    till: tillName,
    cashier,
    reason: freeText(),
    lines: z.array(z.looseObject({ sku, deltaMilli: signedQuantityMilli })),
  }),
  /** Who changed which fields of a product; the values are in the document's change beside it. */
  'product-change': z.looseObject({ sku, till: tillName, fields: z.array(productFields.keyof()) }),
  /** Who touched a profile; never what it says. */
  'customer-change': z.looseObject({ id: customerId, till: tillName, fields: z.array(freeText(32)) }),
  /** A till token of this node (feed `local`): its hash, never the token. */
  till: z.looseObject({
    till: tillName,
    role: tillRole,
    /** SHA-256 of the token, hexadecimal; empty once revoked. */
    tokenHash: z.string().regex(/^([0-9a-f]{64})?$/),
    revoked: z.boolean(),
  }),
  /** The answer given under an Idempotency-Key (feed `local`), in the same commit as what it did. */
  request: z.looseObject({
    key: z.string().min(1),
    till: tillName,
    /** SHA-256 over method, path and raw body, hexadecimal. */
    fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
    status: z.int(),
    /** The JSON text of the answer, to be repeated byte for byte. */
    answer: z.string(),
  }),
} as const;

export type EventKind = keyof typeof eventBodies;
export const eventKinds = Object.keys(eventBodies) as readonly EventKind[];
export type EventBody<K extends EventKind> = z.infer<(typeof eventBodies)[K]>;
