/**
 * Loyalty beyond the profile: programmes, what can be redeemed for a cart, gift cards, coupons.
 *
 * Codes of vouchers travel in bodies only, never in an address: addresses are logged.
 */
import { z } from 'zod';
import { branchCode, tillName } from '../ids.ts';
import { LINES_MAX, POINTS_MAX } from '../limits.ts';
import { amountMinor, positiveAmountMinor } from '../money.ts';
import { freeText } from '../text.ts';
import { voucherCode } from '../voucher.ts';
import { orderLineRequest } from './orders.ts';

const day = z.iso.date();
const points = z.int().min(0).max(POINTS_MAX);

export const loyaltyRules = z.strictObject({
  pointsPerStep: z.int().min(0).max(1_000_000),
  stepMinor: positiveAmountMinor,
  pointValueMinor: z.int().min(0).max(1_000_000),
  sharePercentMax: z.int().min(0).max(100),
  expiryDays: z.int().min(0).max(36_500),
});
export const loyaltyProgramme = z.strictObject({ from: day, ...loyaltyRules.shape });
export const loyaltyProgrammeList = z.strictObject({
  /** Oldest first. */
  programmes: z.array(loyaltyProgramme),
  /** What counts today. */
  today: loyaltyRules,
});
export type LoyaltyProgrammePut = z.infer<typeof loyaltyRules>;
export type LoyaltyProgrammeList = z.infer<typeof loyaltyProgrammeList>;

export const redeemQuoteRequest = z.strictObject({
  lines: z.array(orderLineRequest).min(1).max(LINES_MAX),
  /** What the customer wants to redeem; the maximum when left out. More than is held here is asked for. */
  points: points.optional(),
});
export type RedeemQuoteRequest = z.infer<typeof redeemQuoteRequest>;
export type RedeemQuoteRequestInput = z.input<typeof redeemQuoteRequest>;
export const redeemQuote = z.strictObject({
  balance: points,
  spendableHere: points,
  /** Before points. */
  totalMinor: amountMinor,
  /** The most that can be redeemed for this cart here now, and what it pays. */
  maxPoints: points,
  maxMinor: amountMinor,
  /** What keeps it from being more, and the same in words. */
  limit: z.enum(['balance', 'held_elsewhere', 'share', 'zero_total', 'expired', 'no_value']),
  words: z.string(),
  /** Rights were asked for: ask again in a moment. */
  asked: z.boolean(),
});
export type RedeemQuote = z.infer<typeof redeemQuote>;

export const giftCardLoad = z.strictObject({ code: voucherCode, amountMinor: positiveAmountMinor });
export type GiftCardLoad = z.infer<typeof giftCardLoad>;
export const voucherQuery = z.strictObject({ code: voucherCode });
export type VoucherQuery = z.infer<typeof voucherQuery>;
export const giftCard = z.strictObject({
  /** Last signs of the code. */
  ending: z.string(),
  balanceMinor: amountMinor,
  /** What can be paid with it at this node now. */
  spendableHereMinor: amountMinor,
  words: z.string(),
});
export type GiftCard = z.infer<typeof giftCard>;

export const couponIssue = z
  .strictObject({
    code: voucherCode,
    discountMinor: positiveAmountMinor.optional(),
    discountPercent: z.int().min(1).max(100).optional(),
    minTotalMinor: amountMinor.optional(),
    from: day.optional(),
    until: day.optional(),
    /** Given to this branch for good: usable there offline, and nowhere else. */
    branch: branchCode.optional(),
  })
  .refine(
    ({ discountMinor, discountPercent }) => (discountMinor === undefined) !== (discountPercent === undefined),
    'must name either discountMinor or discountPercent',
  );
export type CouponIssue = z.infer<typeof couponIssue>;
export const coupon = z.strictObject({
  ending: z.string(),
  state: z.enum(['usable', 'held_elsewhere', 'used']),
  discountMinor: amountMinor.optional(),
  discountPercent: z.int().optional(),
  minTotalMinor: amountMinor.optional(),
  from: day.optional(),
  until: day.optional(),
  branch: branchCode.optional(),
  words: z.string(),
});
export type Coupon = z.infer<typeof coupon>;

/** Rights of a device that is lost for ever are taken back by head office. */
export const rightsReclaim = z.strictObject({
  /** Its key, as `GET /v1/branches` shows it (`writer`). */
  device: z.string().regex(/^[a-z2-7]{16}$/, 'must be the id of a key: 16 of a-z 2-7'),
  reason: freeText(),
});
export type RightsReclaim = z.infer<typeof rightsReclaim>;
export const rightsReclaimed = z.strictObject({
  device: z.string(),
  branch: branchCode,
  reason: z.string(),
  at: z.iso.datetime(),
  /** Accounts the device holds something of; they are taken over one after the other. */
  accounts: z.int().min(0),
});
export type RightsReclaimed = z.infer<typeof rightsReclaimed>;

/** Rights of this node, in `GET /v1/sync`. */
export const rightsStatus = z.strictObject({
  /** Accounts with something to do. */
  watched: z.int().min(0),
  /** Customers and vouchers somebody waits for here now. */
  waiting: z.int().min(0),
  /** Since the start of the program. */
  asked: z.int().min(0),
  given: z.int().min(0),
  settled: z.int().min(0),
  /** Where surplus goes: the key of head office; absent while none is known. */
  pool: z.string().optional(),
});
export type RightsStatus = z.infer<typeof rightsStatus>;

const account = freeText(128);
const till = tillName;
/** What a device did to accounts outside of sales; in the loyalty feeds. Points, minor units or uses. */
export const rightsMoves = z.looseObject({
  moves: z.array(
    z.looseObject({
      account,
      type: z.enum(['issued', 'loaded', 'given', 'taken', 'reversed', 'expired']),
      points: z.int().min(0),
      /** The other device. */
      other: z.string().optional(),
    }),
  ),
  till: till.optional(),
});
