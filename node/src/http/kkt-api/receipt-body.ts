/**
 * A receipt as the replaced adapter takes it, and what it comes to in integers: lines that add up, money that adds up.
 *
 * Its own rules hold to the letter: a line is its price times its quantity, give or take 0.01; the receipt is what was paid, give or take
 * 0.01; fields it does not know are dropped. Beyond them: sums are whole hundredths, quantities whole thousandths, rates those of the
 * law. The total a line states is what the receipt says, and where money and lines differ by 0.01 the money that was really taken counts:
 * the largest line takes the difference.
 */
import {
  AMOUNT_MINOR_MAX,
  divideHalfUp,
  freeText,
  grossMinor,
  LINES_MAX,
  markingCode,
  PAYMENTS_MAX,
  QUANTITY_MILLI_MAX,
  type VatKind,
  vatKindsOn,
} from '@branchline/model';
import { z } from 'zod';
import { decimal, scaledDecimal } from './decimal.ts';

/** Lines and payments may differ by this, in hundredths. */
const TOLERANCE_MINOR = 1;
/** price × quantity is compared in units of 10^-15. */
const FINE = 15;

const minor = decimal.transform((text, context) => wholeOf(text, 2, AMOUNT_MINOR_MAX, context));
const milli = decimal.transform((text, context) => wholeOf(text, 3, QUANTITY_MILLI_MAX, context));

const RATES: ReadonlySet<number> = new Set([22, 20, 10, 7, 5, 0]);

const contact = freeText(128).nullish().catch(undefined);

const receiptItem = z
  .object({
    name: freeText(255).refine((text) => text.trim() !== '', 'must not be blank'),
    price: decimal,
    quantity: milli,
    total: minor,
    vat_rate: z
      .int()
      .refine((rate) => RATES.has(rate), 'must be a rate of the law: 22, 20, 10, 7, 5 or 0')
      .nullish(),
    /** Of the product, where the caller's catalog and ours are the same. */
    sku: z.string().min(1).max(64).optional().catch(undefined),
    mark_code: markingCode.nullish(),
  })
  .superRefine(({ price, quantity, total }, context) => {
    const fine = scaledDecimal(price, FINE);
    if (fine === undefined || !Number.isInteger(quantity) || !Number.isInteger(total)) {
      return;
    }
    const gross = fine * BigInt(quantity);
    const stated = BigInt(total) * 10n ** BigInt(FINE - 2 + 3);
    const apart = gross > stated ? gross - stated : stated - gross;
    if (apart > BigInt(TOLERANCE_MINOR) * 10n ** BigInt(FINE - 2 + 3)) {
      const message = 'Value error, total does not match price times quantity';
      context.addIssue({ code: 'custom', path: ['total'], message });
    }
  });
export type ReceiptItem = z.output<typeof receiptItem>;

export const receiptBody = z
  .object({
    pos_id: z.string().min(1).max(255),
    type: z.enum(['sale', 'refund', 'correction']),
    items: z.array(receiptItem).min(1).max(LINES_MAX),
    payments: z
      .array(z.object({ type: z.enum(['cash', 'card', 'other']), amount: minor }))
      .min(1)
      .max(PAYMENTS_MAX),
    /** What a refund gives back: one of the two. */
    original_receipt_id: z.string().max(64).nullish(),
    original_fiscal_doc_id: z.union([z.int().min(1), z.string().max(64)]).nullish(),
    /** The day of what a correction puts right; left out, today. */
    correction_date: z
      .string()
      .regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day like 2026-11-22')
      .nullish(),
    /** Where an electronic receipt goes. */
    customer: z.object({ email: contact, phone: contact }).nullish().catch(undefined),
  })
  .superRefine(({ items, payments }, context) => {
    const sold = items.reduce((sum, { total }) => sum + total, 0);
    const paid = payments.reduce((sum, { amount }) => sum + amount, 0);
    if (Math.abs(sold - paid) > TOLERANCE_MINOR) {
      const message = 'Value error, the payments do not match the total of the items';
      context.addIssue({ code: 'custom', path: ['payments'], message });
    }
  });
export type ReceiptBody = z.output<typeof receiptBody>;

export interface SoldItem {
  readonly name: string;
  readonly sku: string | undefined;
  readonly quantityMilli: number;
  readonly unitPriceMinor: number;
  /** Gross less this is the total the line stated. */
  readonly discountMinor: number;
  readonly totalMinor: number;
  readonly vatRate: number | undefined;
  readonly markingCode: string | undefined;
}

/** The lines as they are registered: their totals add up to what was paid. */
export function soldItems({ items, payments }: ReceiptBody): SoldItem[] {
  const paid = payments.reduce((sum, { amount }) => sum + amount, 0);
  const sold = items.reduce((sum, { total }) => sum + total, 0);
  const largest = items.reduce((at, { total }, index) => (total > items[at]!.total ? index : at), 0);
  return items.map((item, index) => {
    const totalMinor = item.total + (index === largest ? paid - sold : 0);
    const { quantity: quantityMilli } = item;
    let unitPriceMinor = Math.max(1, Number(hundredthsOf(item.price)));
    if (grossMinor(quantityMilli, unitPriceMinor) < totalMinor) {
      // The smallest price that reaches the total; what it is too much is the discount.
      unitPriceMinor = divideHalfUp(totalMinor, 1_000, quantityMilli);
      while (grossMinor(quantityMilli, unitPriceMinor) < totalMinor) {
        unitPriceMinor += 1;
      }
    }
    return {
      name: item.name.trim(),
      sku: item.sku,
      quantityMilli,
      unitPriceMinor,
      discountMinor: grossMinor(quantityMilli, unitPriceMinor) - totalMinor,
      totalMinor,
      vatRate: item.vat_rate ?? undefined,
      markingCode: item.mark_code ?? undefined,
    };
  });
}

/**
 * The rate of a line. The replaced adapter knew rates up to 20 only, so its callers say 20 where they mean the base rate: it is the one of
 * the day. No rate is no VAT.
 */
export function vatOf(rate: number | undefined, day: string): VatKind {
  switch (rate) {
    case undefined:
      return 'none';
    case 10:
      return 'vat10';
    case 7:
      return 'vat7';
    case 5:
      return 'vat5';
    case 0:
      return 'vat0';
    default:
      return vatKindsOn(day).includes('vat22') ? 'vat22' : 'vat20';
  }
}

function wholeOf(text: string, places: number, max: number, context: z.RefinementCtx): number {
  const value = scaledDecimal(text, places);
  if (value === undefined) {
    const message = `Decimal input should have no more than ${places} decimal places`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  if (value > BigInt(max)) {
    context.addIssue({ code: 'custom', message: `Input should be at most ${max / 10 ** places}` });
    return z.NEVER;
  }
  return Number(value);
}

/** Rounded half up. */
function hundredthsOf(price: string): bigint {
  const fine = scaledDecimal(price, FINE)!;
  const unit = 10n ** BigInt(FINE - 2);
  return (2n * fine + unit) / (2n * unit);
}
