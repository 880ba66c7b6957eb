/** Whether a coupon counts for a cart, and why not, before the node is asked to count it. Pure; the node decides. */
import type { Coupon } from '@branchline/model';
import { money } from '../kit/numbers.ts';
import type { Language } from '../kit/words.ts';
import { type Cart, totalsOf } from './cart.ts';
import type { TillWords } from './till-words.ts';

export type CouponWhyNot = 'used' | 'branch' | 'elsewhere' | 'from' | 'until' | 'min';

export interface CouponFacts {
  readonly cart: Cart;
  readonly branch: string | undefined;
  readonly nowMs: number;
}

export function couponWhyNot(coupon: Coupon, { cart, branch, nowMs }: CouponFacts): CouponWhyNot | undefined {
  const { totalMinor, pointsMinor, couponMinor } = totalsOf(cart);
  const netMinor = totalMinor + pointsMinor + couponMinor;
  // The day of the node is UTC's, as in its own check.
  const today = new Date(nowMs).toISOString().slice(0, 10);
  if (coupon.state === 'used') {
    return 'used';
  }
  if (coupon.branch !== undefined && coupon.branch !== branch) {
    return 'branch';
  }
  if (coupon.state === 'held_elsewhere') {
    return 'elsewhere';
  }
  if (coupon.from !== undefined && today < coupon.from) {
    return 'from';
  }
  if (coupon.until !== undefined && today > coupon.until) {
    return 'until';
  }
  return coupon.minTotalMinor !== undefined && netMinor < coupon.minTotalMinor ? 'min' : undefined;
}

export function couponWords(
  coupon: Coupon,
  why: CouponWhyNot,
  { pay }: TillWords,
  language: Language,
): string {
  switch (why) {
    case 'used':
      return pay.couponUsed;
    case 'branch':
      return pay.couponBranch(coupon.branch ?? '');
    case 'elsewhere':
      return pay.couponElsewhere;
    case 'from':
      return pay.couponFrom(coupon.from ?? '');
    case 'until':
      return pay.couponUntil(coupon.until ?? '');
    case 'min':
      return pay.couponMin(money(language, coupon.minTotalMinor ?? 0));
    default:
      return why satisfies never;
  }
}
