/**
 * S-31: catalog conflicts: two authors changed one field of one product without knowing of each other.
 *
 * Every node shows the same winner meanwhile; the list keeps what lost readable until somebody decides. An id names what was seen: when a third
 * value joins, the conflict has another id, and a decision about the old one is refused.
 */
import { z } from 'zod';
import { sku } from '../ids.ts';
import { PAGE_ROWS_MAX } from '../limits.ts';
import { codeText } from '../text.ts';
import { cursor, limitOf } from './page.ts';
import { productFields } from './products.ts';

export const conflictId = z.string().regex(/^[0-9a-f]{16}$/, 'must be the id of a conflict');

/** Fields that can be in conflict, and what a decision may say. */
export const resolvableFields = z.strictObject({
  ...productFields.shape,
  brand: z.union([z.literal(''), codeText(256)]),
});
export type ResolvableField = keyof z.infer<typeof resolvableFields>;

const fieldValue = z.union([z.string(), z.int(), z.boolean(), z.null(), z.array(z.string())]);

export const conflict = z.strictObject({
  id: conflictId,
  sku,
  /** Of the product, for people. */
  name: z.string(),
  field: resolvableFields.keyof(),
  /** At least two; exactly one is shown to everybody meanwhile. */
  values: z.array(
    z.strictObject({
      value: fieldValue,
      shown: z.boolean(),
      /** The device that wrote it; null for one this node has never heard of. */
      writer: z.string().nullable(),
      branch: z.string().nullable(),
      at: z.string(),
    }),
  ),
});
export type Conflict = z.infer<typeof conflict>;

export const conflictQuery = z.strictObject({ after: cursor.optional(), limit: limitOf(PAGE_ROWS_MAX) });
export type ConflictQuery = z.output<typeof conflictQuery>;

export const conflictPage = z.strictObject({
  conflicts: z.array(conflict),
  total: z.int().min(0),
  next: z.string().optional(),
});
export type ConflictPage = z.infer<typeof conflictPage>;

/** One of the values, or another. */
export const conflictResolve = z.strictObject({ value: fieldValue });
export type ConflictResolve = z.infer<typeof conflictResolve>;

export const conflictResolved = z.strictObject({
  id: conflictId,
  sku,
  field: resolvableFields.keyof(),
  value: fieldValue,
});
export type ConflictResolved = z.infer<typeof conflictResolved>;
