/**
 * What a chain adds up to, for head office: sales by branch and day, and the archive of closed shifts.
 *
 * A report covers what is replicated to the node that is asked. Days are those of the asker: `offsetMinutes` is how far his clock is
 * ahead of UTC.
 */
import { z } from 'zod';
import { branchCode } from '../ids.ts';
import { SEARCH_ROWS_MAX } from '../limits.ts';
import { amountMinor } from '../money.ts';
import { cursor, limitOf } from './page.ts';
import { shiftView } from './shifts.ts';

const DAYS_MAX = 366;
const DAY_MS = 86_400_000;
const day = z.iso.date();
const offsetMinutes = z
  .string()
  .regex(/^-?\d{1,3}$/, 'must be minutes')
  .transform(Number)
  .pipe(
    z
      .int()
      .min(-14 * 60)
      .max(14 * 60),
  )
  .default(0);

export const salesQuery = z
  .strictObject({
    from: day,
    /** Included. */
    to: day,
    branch: branchCode.optional(),
    offsetMinutes,
    /** `next` of an answer before. */
    after: cursor.optional(),
  })
  .refine(({ from, to }) => from <= to, 'from must not be after to')
  .refine(
    ({ from, to }) => Date.parse(to) - Date.parse(from) < DAYS_MAX * DAY_MS,
    `at most ${DAYS_MAX} days in one report`,
  );
export type SalesQuery = z.output<typeof salesQuery>;

const count = z.int().min(0);
export const salesRow = z.strictObject({
  branch: branchCode,
  day,
  orders: count,
  salesMinor: amountMinor,
  refunds: count,
  refundsMinor: amountMinor,
});
export type SalesRow = z.infer<typeof salesRow>;

/** With `next` it is not all yet: ask on and add up rows of the same branch and day. */
export const salesReport = z.strictObject({ rows: z.array(salesRow), next: cursor.optional() });
export type SalesReport = z.infer<typeof salesReport>;

export const shiftArchiveQuery = z.strictObject({
  branch: branchCode.optional(),
  after: cursor.optional(),
  limit: limitOf(SEARCH_ROWS_MAX),
});
export type ShiftArchiveQuery = z.output<typeof shiftArchiveQuery>;

/** Latest first. */
export const shiftArchive = z.strictObject({ shifts: z.array(shiftView), next: cursor.optional() });
export type ShiftArchive = z.infer<typeof shiftArchive>;

/** One day of one branch; left out, it is the branch of the node that is asked. */
export const reconciliationQuery = z.strictObject({ day, branch: branchCode.optional(), offsetMinutes });
export type ReconciliationQuery = z.output<typeof reconciliationQuery>;

/**
 * Two books that do not say the same. `receipt`: money was taken or given back and no fiscal document says so. `amount`: the document
 * says another sum. `document`: the storage gave out a number that no receipt here has. `operator`: documents that he has not
 * acknowledged. `cash`: the drawer as counted against the log. `register`: what its storage counted against the log. `stock`: goods
 * sold that were not there by the books, and nobody has cleared it up.
 */
export const mismatch = z.strictObject({
  kind: z.enum(['receipt', 'amount', 'document', 'operator', 'cash', 'register', 'stock']),
  /** Number of the order or refund, `storage/document`, id of the shift or of the task. */
  ref: z.string(),
  expected: z.int().optional(),
  found: z.int().optional(),
  words: z.string(),
});
export type Mismatch = z.infer<typeof mismatch>;

export const dayReconciliation = z.strictObject({
  branch: branchCode,
  day,
  orders: count,
  refunds: count,
  salesMinor: amountMinor,
  refundsMinor: amountMinor,
  /** Fiscal documents of these orders and refunds, and those the operator has. */
  documents: count,
  confirmed: count,
  shifts: count,
  mismatches: z.array(mismatch),
  /** Beyond those listed. */
  moreMismatches: count,
  /** False when there were more orders or refunds than one answer goes through. */
  complete: z.boolean(),
  words: z.string(),
});
export type DayReconciliation = z.infer<typeof dayReconciliation>;
