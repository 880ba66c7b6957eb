/**
 * Bodies of entries about branches that sell with another program and name a head office here as their cloud (`pos_offline_sync`).
 * Part of the table in `events.ts`; the rules there hold here.
 *
 * What such a branch sold stands in `orders/<branch>` and `stock/<branch>` like anybody's sales, with `pushed` in the order; everything else
 * that has to outlive a head office stands in `pos-sync/<head office>`: who may push, which numbers records go under, what else was sent.
 */
import { z } from 'zod';
import { branchCode, sku, tillName } from './ids.ts';
import { amountMinor } from './money.ts';
import { positiveQuantityMilli } from './quantity.ts';
import { codeText, freeText } from './text.ts';

/** An identifier the module keeps in a 32-bit column. */
export const cloudId = z.int().min(1).max(0x7fff_ffff);
const localId = z.int();

/** Of an order or a refund: how the branch knows it. */
export const pushedBy = z.looseObject({
  by: z.literal('pos_offline_sync'),
  localId,
  /** What tells two records with one local id apart: when it was made there, or its reference. */
  evidence: z.string().max(256),
  cloudId,
  /** The branch's own number, `Orden 00012-003-0045`, and its name. */
  reference: z.string().max(256).optional(),
  name: z.string().max(256).optional(),
  /** The key of its fiscal document. */
  accessKey: z.string().max(128).optional(),
  taxMinor: z.int().optional(),
  /** Goods that came back in the same basket; their money is in the discounts. */
  returned: z
    .array(z.looseObject({ sku, quantityMilli: positiveQuantityMilli, totalMinor: amountMinor }))
    .optional(),
  /** The record as it was sent, JSON; sealed under the customer's key where it names one. */
  record: z.string(),
});
export type PushedBy = z.infer<typeof pushedBy>;

export const posSyncEventBodies = {
  /** A branch may push and pull with this key; only its hash is kept. Said again with `revoked`, it may no longer. */
  'pos-sync-key': z.looseObject({
    id: z.string().min(1).max(64),
    branch: branchCode,
    warehouse: z.looseObject({
      name: codeText(128),
      id: z.int().optional(),
      /** Of its shelf, in the branch's own database. */
      locationId: z.int().optional(),
    }),
    keyHash: z.string().regex(/^[0-9a-f]{64}$/),
    revoked: z.boolean(),
    till: tillName,
  }),
  /** From here on these records go under these numbers. */
  'pos-sync-ids': z.looseObject({ ids: z.array(z.tuple([z.string(), z.string(), cloudId])) }),
  /** A record a branch pushed that is no order: kept as it was sent, beside what it did. */
  'pos-sync-record': z.looseObject({
    branch: branchCode,
    model: z.string().max(64),
    localId,
    evidence: z.string().max(256).optional(),
    operation: z.enum(['create', 'write', 'unlink']),
    /** What it is here: a customer, an order, a credit line. */
    key: z.string().max(200),
    cloudId,
    /** Why a person has to look at it: it could not become what it should. */
    unsettled: z.string().max(64).optional(),
    /** The reference an unsettled refund names. */
    reference: z.string().max(256).optional(),
    /** Of an unsettled one that a later record has settled. */
    settles: z.string().max(200).optional(),
    record: z.string(),
  }),
  /** What a branch made of a credit line: what it knew before, what is available there now. */
  'pos-sync-credit': z.looseObject({
    line: z.string().max(200),
    branch: branchCode,
    availableMinor: z.int(),
    limitMinor: z.int(),
    /** Spent there since, given back when negative. */
    spentMinor: z.int(),
    /** It was told to the branch, not by it. */
    served: z.boolean().optional(),
  }),
  /** What head office says for the branches where nothing else here does: methods of payment, fiscal positions. */
  'pos-sync-reference': z.looseObject({
    model: z.string().max(64),
    id: z.string().max(64),
    fields: z.record(z.string(), z.json()),
    archived: z.boolean(),
    till: tillName,
  }),
} as const;

/** As the API shows it. */
export const pushedView = z.strictObject({
  by: z.literal('pos_offline_sync'),
  localId,
  cloudId,
  reference: z.string().optional(),
  name: z.string().optional(),
  accessKey: z.string().optional(),
  taxMinor: z.int().optional(),
  returned: z
    .array(z.strictObject({ sku, quantityMilli: positiveQuantityMilli, totalMinor: amountMinor }))
    .optional(),
});
export type PushedView = z.infer<typeof pushedView>;
/** When it was sold, where that is not when it was written: ISO 8601. */
export const soldAt = freeText(32);
