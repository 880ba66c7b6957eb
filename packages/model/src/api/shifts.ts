/**
 * S-26: the shift of a node, and what it adds up to.
 *
 * One node has one shift at a time; its tills share it, as they share the register. It is opened by whoever says so or by the
 * first sale, and what it adds up to is read from the log. Where a register is connected it has a fiscal shift of its own, opened
 * and closed along; what its storage counted is compared, and a difference is said, never a reason to stop.
 * All sums are positive: what was given back stands under `refunds`.
 */
import { z } from 'zod';
import { branchCode, receiptId, shiftId, tillName } from '../ids.ts';
import { amountMinor, positiveAmountMinor } from '../money.ts';
import { freeText } from '../text.ts';
import { vatKind } from '../vat.ts';
import { receiptState } from './orders.ts';

const count = z.int().min(0);
const moment = z.string();
const signedMinor = z.int();

export const settlementTotals = z.strictObject({
  count,
  totalMinor: amountMinor,
  cashMinor: amountMinor,
  cardMinor: amountMinor,
  otherMinor: amountMinor,
  /** By rate: what was sold at it, and the tax in that. */
  vat: z.array(z.strictObject({ vat: vatKind, totalMinor: amountMinor, vatMinor: amountMinor })),
});
export type SettlementTotals = z.infer<typeof settlementTotals>;

export const shiftTotals = z.strictObject({
  sales: settlementTotals,
  refunds: settlementTotals,
  cashInMinor: amountMinor,
  cashOutMinor: amountMinor,
  /** Cash that came in less what went out, in this shift. */
  drawerChangeMinor: signedMinor,
});
export type ShiftTotals = z.infer<typeof shiftTotals>;

/** What the register says, or why it says nothing. */
export const shiftRegister = z.strictObject({
  state: z.enum(['none', 'waiting', 'open', 'closed', 'expired', 'unknown']),
  words: z.string(),
  fn: z.string().optional(),
  /** Number of the fiscal shift. */
  number: count.optional(),
  /** The report of its closing. */
  fd: z.int().optional(),
  receipts: count.optional(),
  cashMinor: signedMinor.optional(),
});
export type ShiftRegister = z.infer<typeof shiftRegister>;

/** One figure on which the log and the storage do not agree. */
export const shiftDifference = z.strictObject({
  what: z.string(),
  log: z.int(),
  register: z.int(),
  words: z.string(),
});
export type ShiftDifference = z.infer<typeof shiftDifference>;

/** What a shift leaves behind: receipts not registered, documents the operator does not have. */
export const shiftBacklog = z.strictObject({
  receipts: z.array(
    z.strictObject({ id: receiptId, state: receiptState, totalMinor: amountMinor, words: z.string() }),
  ),
  /** Receipts beyond those listed. */
  moreReceipts: count,
  documentsWaiting: count.optional(),
  oldestDocumentAgeMs: count.optional(),
});
export type ShiftBacklog = z.infer<typeof shiftBacklog>;

export const shiftView = z.strictObject({
  state: z.enum(['open', 'closed']),
  branch: branchCode,
  /** The open shift, or the last one; absent before the first. */
  id: shiftId.optional(),
  openedAt: moment.optional(),
  closedAt: moment.optional(),
  openedBy: tillName.optional(),
  closedBy: tillName.optional(),
  cashier: freeText(128).optional(),
  /** When it is closed by itself. */
  closesAt: moment.optional(),
  totals: shiftTotals,
  tills: z.array(z.strictObject({ till: tillName, totals: shiftTotals })),
  /** Cash in the drawer by the log: what was left by earlier shifts and this one's change. */
  drawerMinor: signedMinor,
  countedCashMinor: amountMinor.optional(),
  register: shiftRegister,
  differences: z.array(shiftDifference),
  backlog: shiftBacklog,
  words: z.string(),
});
export type ShiftView = z.infer<typeof shiftView>;

const who = { till: tillName.optional(), cashier: freeText(128).optional() };
export const shiftRequest = z.strictObject(who);
export type ShiftRequest = z.infer<typeof shiftRequest>;
export const shiftCloseRequest = z.strictObject({ ...who, countedCashMinor: amountMinor.optional() });
export type ShiftCloseRequest = z.infer<typeof shiftCloseRequest>;
export const cashMoveRequest = z.strictObject({
  ...who,
  amountMinor: positiveAmountMinor,
  reason: freeText().optional(),
});
export type CashMoveRequest = z.infer<typeof cashMoveRequest>;

export const xReportRequest = z.strictObject({ print: z.boolean().default(true) });
export type XReportRequest = z.infer<typeof xReportRequest>;
export const xReport = z.strictObject({ shift: shiftView, printed: z.boolean(), words: z.string() });
export type XReport = z.infer<typeof xReport>;
