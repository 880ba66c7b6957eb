/**
 * Vouchers: gift cards (money paid before) and coupons (one discount, once), as data.
 *
 * A code is a secret of sorts: who knows it can spend. It is normalised (blanks and hyphens do not count, letters are capitals), only
 * its hash is kept, and answers show its last four signs. The hash guards a code that cannot be guessed, not a short one.
 */
import { z } from 'zod';
import { CODE_CHARS_MAX } from './limits.ts';
import { discountableMinor } from './loyalty-programme.ts';
import { amountMinor, divideHalfUp, positiveAmountMinor } from './money.ts';

/** As printed or scanned; becomes its normal form. */
export const voucherCode = z
  .string()
  .max(CODE_CHARS_MAX)
  .transform((code) => code.replaceAll(/[\s-]/g, '').toUpperCase())
  .pipe(
    z.string().regex(/^[0-9A-Z]{8,48}$/, 'must be 8-48 letters and digits; blanks and hyphens do not count'),
  )
  .meta({ description: '8-48 letters and digits; blanks and hyphens do not count' });

/** All a person needs to recognise a code that is not shown. */
export function maskedCode(code: string): string {
  return `…${code.slice(-4)}`;
}

const day = z.iso.date();

export const cardTerms = z.looseObject({ kind: z.literal('card'), ending: z.string() });
export type CardTerms = z.infer<typeof cardTerms>;

/** What a coupon takes off: an amount, or hundredths of the cart. */
export const couponTerms = z.looseObject({
  kind: z.literal('coupon'),
  ending: z.string(),
  discountMinor: positiveAmountMinor.optional(),
  discountPercent: z.int().min(1).max(100).optional(),
  /** Of the cart, before points. */
  minTotalMinor: amountMinor.optional(),
  from: day.optional(),
  until: day.optional(),
  /** Can only be used there, but there without asking anybody. */
  branch: z.string().optional(),
});
export type CouponTerms = z.infer<typeof couponTerms>;

export const voucherTerms = z.discriminatedUnion('kind', [cardTerms, couponTerms]);

/** Why a coupon does not count here today; undefined when it does. In words. */
export function couponRefusal(
  terms: CouponTerms,
  { netMinor, day: today }: { readonly netMinor: number; readonly day: string },
): string | undefined {
  if (terms.from !== undefined && today < terms.from) {
    return `The coupon counts from ${terms.from}.`;
  }
  if (terms.until !== undefined && today > terms.until) {
    return `The coupon counted until ${terms.until}.`;
  }
  if (terms.minTotalMinor !== undefined && netMinor < terms.minTotalMinor) {
    return `The coupon asks for a cart of ${terms.minTotalMinor} minor units, this one has ${netMinor}.`;
  }
  if (couponMinor(terms, netMinor) < 1) {
    return 'The coupon takes nothing off this cart.';
  }
  return undefined;
}

/** What a coupon takes off a cart; never all of it, for a receipt cannot come to nothing. */
export function couponMinor(terms: CouponTerms, netMinor: number): number {
  const percent = terms.discountPercent;
  const off = percent === undefined ? (terms.discountMinor ?? 0) : divideHalfUp(netMinor, percent, 100);
  return Math.min(off, discountableMinor(netMinor));
}

/** Coupons of one order. */
export const COUPONS_MAX = 4;
