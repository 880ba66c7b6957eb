/**
 * S-27: a fiscal receipt as tills see it.
 *
 * `state` is for programs, `words` for the person at the till: what is the matter and what to do. Number, sign and QR text
 * are there from `fiscal` on, whatever the paper does; the order itself never depends on any of it.
 */
import { z } from 'zod';
import { branchCode, orderId, receiptId } from '../ids.ts';
import { amountMinor } from '../money.ts';
import { receiptState } from './orders.ts';

/** `none`: nothing is known of the way to the operator. */
export const ofdState = z.enum(['none', 'queued', 'delivered']);

export const fiscalReceipt = z.strictObject({
  id: receiptId,
  kind: z.enum(['sale', 'refund', 'correction']),
  /** The order or refund; a correction has none. */
  order: orderId.optional(),
  totalMinor: amountMinor,
  branch: branchCode,
  state: receiptState,
  words: z.string(),
  /** What holds it up, by code of the fiscal package. */
  reason: z.string().optional(),
  fn: z.string().optional(),
  fd: z.int().optional(),
  /** The sign as printed: ten digits. */
  fp: z.string().optional(),
  /** Wall time of the device, `2026-11-22T12:30`. */
  at: z.string().optional(),
  qr: z.string().optional(),
  ofd: ofdState,
});
export type FiscalReceipt = z.infer<typeof fiscalReceipt>;
