/**
 * Quantities as integers of thousandths: 1000 is one piece or one kilogram.
 *
 * Guarantees bounds and signs; units (piece, kg) belong to the product, and nothing here converts between them.
 */
import { z } from 'zod';
import { QUANTITY_MILLI_MAX } from './limits.ts';

/** Sold, received, sent: more than zero. */
export const positiveQuantityMilli = z.int().min(1).max(QUANTITY_MILLI_MAX);
/** Counted on a shelf: zero or more. */
export const countedQuantityMilli = z.int().min(0).max(QUANTITY_MILLI_MAX);
/** On hand: may be negative after an oversell. */
export const signedQuantityMilli = z.int();

export const unit = z.enum(['piece', 'kg', 'g', 'l', 'ml', 'm', 'm2', 'm3', 'hour', 'other']);
export type Unit = z.infer<typeof unit>;
