/**
 * Promotions and pricelists as data, and what a cart would cost.
 *
 * Head office writes them whole, each under an id of its own; what was said last of an id counts. A list left out means everywhere, everybody,
 * everything. A product has no brand of its own: brands are categories here.
 */
import { z } from 'zod';
import { branchCode, sku } from '../ids.ts';
import { PRICELIST_ROWS_MAX, PROMOTION_NAMES_MAX } from '../limits.ts';
import { amountMinor, positiveAmountMinor } from '../money.ts';
import { positiveQuantityMilli } from '../quantity.ts';
import { codeText, freeText } from '../text.ts';
import { loyaltyResult, orderLine, orderRequest, usedCoupon, vatShare } from './orders.ts';

const moment = z.iso.datetime({ offset: true });
const group = codeText(64);

export const pricingId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    'must be 1-64 letters, digits or _ . -, and begin with a letter or digit',
  );

/** When, where and for whom. */
const scope = {
  from: moment.optional(),
  until: moment.optional(),
  branches: z.array(branchCode).min(1).max(PROMOTION_NAMES_MAX).optional(),
  /** Customers whose `group` is this one. */
  group: group.optional(),
  archived: z.boolean().default(false),
};

export const promotionPut = z
  .strictObject({
    name: freeText(128),
    percentOff: z.int().min(1).max(100).optional(),
    /** Off each whole unit of a product. */
    amountOffMinor: positiveAmountMinor.optional(),
    skus: z.array(sku).min(1).max(PROMOTION_NAMES_MAX).optional(),
    categories: z.array(codeText(256)).min(1).max(PROMOTION_NAMES_MAX).optional(),
    /** Of all lines it fits together. */
    minQuantityMilli: positiveQuantityMilli.optional(),
    ...scope,
  })
  .refine(
    ({ percentOff, amountOffMinor }) => (percentOff === undefined) !== (amountOffMinor === undefined),
    'must name percentOff or amountOffMinor, and not both',
  )
  .refine(isInOrder, 'must begin before it ends');
export type PromotionPut = z.infer<typeof promotionPut>;
export const promotion = z.strictObject({ id: pricingId, ...promotionPut.shape, archived: z.boolean() });
export type Promotion = z.infer<typeof promotion>;
export const promotionList = z.strictObject({ promotions: z.array(promotion) });

export const pricelistPut = z
  .strictObject({
    name: freeText(128),
    prices: z
      .array(z.strictObject({ sku, priceMinor: amountMinor }))
      .min(1)
      .max(PRICELIST_ROWS_MAX),
    ...scope,
  })
  .refine(isInOrder, 'must begin before it ends')
  .refine(
    ({ prices }) => new Set(prices.map((row) => row.sku)).size === prices.length,
    'names a product twice',
  );
export type PricelistPut = z.infer<typeof pricelistPut>;
export const pricelist = z.strictObject({ id: pricingId, ...pricelistPut.shape, archived: z.boolean() });
export type Pricelist = z.infer<typeof pricelist>;
export const pricelistList = z.strictObject({ pricelists: z.array(pricelist) });

/** An order that is only asked about: payments may be left out and are not looked at. */
export const quoteRequest = orderRequest.extend({ payments: orderRequest.shape.payments.default([]) });
export type QuoteRequest = z.infer<typeof quoteRequest>;
export type QuoteRequestInput = z.input<typeof quoteRequest>;
export const orderQuote = z.strictObject({
  lines: z.array(orderLine),
  totalMinor: amountMinor,
  /** Everything that came off the lines: by the till, promotions, coupons; points are in the lines. */
  discountMinor: amountMinor,
  vat: z.array(vatShare),
  coupons: z.array(usedCoupon).optional(),
  loyalty: loyaltyResult,
});
export type OrderQuote = z.infer<typeof orderQuote>;

function isInOrder({ from, until }: { from?: string | undefined; until?: string | undefined }): boolean {
  return from === undefined || until === undefined || Date.parse(from) < Date.parse(until);
}
