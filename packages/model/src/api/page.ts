/**
 * Pages and query strings: how lists are asked for and answered.
 *
 * `after` is the cursor of an earlier page, opaque to tills; `limit` is bounded. Query values arrive as text; numbers
 * are accepted only as plain decimal digits.
 */
import { z } from 'zod';
import { PAGE_ROWS_DEFAULT, TEXT_CHARS_MAX } from '../limits.ts';
import { codeText } from '../text.ts';

/** `limit=` of a list that answers at most `rowsMax` rows. */
export function limitOf(rowsMax: number) {
  return z
    .union([z.int(), z.string().regex(/^\d{1,4}$/, 'must be a whole number')])
    .transform(Number)
    .pipe(z.int().min(1).max(rowsMax))
    .default(Math.min(PAGE_ROWS_DEFAULT, rowsMax))
    .meta({ type: 'integer', minimum: 1, maximum: rowsMax, default: Math.min(PAGE_ROWS_DEFAULT, rowsMax) });
}

export const cursor = codeText(TEXT_CHARS_MAX);
export const searchText = z.string().max(TEXT_CHARS_MAX);
