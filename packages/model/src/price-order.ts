/**
 * `priceOrder`: what a basket costs. Pure; the same function in the node, the till page and the tests.
 *
 * Guarantees:
 * P1 line total = round half up(quantityMilli × unitPriceMinor / 1000) − discountMinor − its share of redeemed points;
 * P2 order total = Σ line totals, and Σ of the VAT split's totals;
 * P3 payments ≥ total, change = payments − total, change ≤ what was paid in cash;
 * P4 redeemed points are spread over the lines in proportion to their totals, to the last minor unit, because a
 *    fiscal receipt knows no discount on the whole.
 * A basket that cannot be priced is a value (`ok: false` with a problem code), not an exception. Stock, points and
 * prices of the catalog are not looked up here.
 */
import { ModelError, ProblemError } from './errors.ts';
import { AMOUNT_MINOR_MAX } from './limits.ts';
import { divideHalfUp, grossMinor, sumMinor } from './money.ts';
import type { ProblemCode } from './problem.ts';
import { type VatKind, type VatShare, vatSplit } from './vat.ts';

export type PaymentKind = 'cash' | 'card' | 'giftCard' | 'other';

export interface BasketLine {
  readonly quantityMilli: number;
  readonly unitPriceMinor: number;
  readonly discountMinor: number;
  readonly vat: VatKind;
}

export interface Basket<L extends BasketLine = BasketLine> {
  readonly lines: readonly L[];
  readonly payments: readonly { readonly kind: PaymentKind; readonly amountMinor: number }[];
  /** Worth of the points redeemed, already converted to money. */
  readonly redeemedMinor?: number;
}

export type PricedLine<L extends BasketLine = BasketLine> = L & {
  /** Share of the redeemed points; 0 without any. */
  readonly redeemedMinor: number;
  readonly totalMinor: number;
};

export interface PricedOrder<L extends BasketLine = BasketLine> {
  readonly lines: PricedLine<L>[];
  readonly totalMinor: number;
  readonly paidMinor: number;
  readonly changeMinor: number;
  readonly vat: VatShare[];
}

export type Pricing<L extends BasketLine = BasketLine> =
  | { readonly ok: true; readonly order: PricedOrder<L> }
  | { readonly ok: false; readonly code: ProblemCode; readonly detail: string; readonly path: string };

export function priceOrder<L extends BasketLine>(basket: Basket<L>): Pricing<L> {
  try {
    return price(basket);
  } catch (error) {
    if (error instanceof ModelError && error.code === 'MODEL_AMOUNT_RANGE') {
      const detail = `The order is worth more than ${AMOUNT_MINOR_MAX} minor units.`;
      return { ok: false, code: 'AMOUNT_TOO_LARGE', detail, path: '/lines' };
    }
    throw error;
  }
}

/** The refusal of a pricing as the error of a request. */
export function pricingProblem(refusal: Extract<Pricing, { ok: false }>): ProblemError {
  return new ProblemError(refusal.code, refusal.detail, {
    errors: [{ path: refusal.path, reason: refusal.detail }],
  });
}

function price<L extends BasketLine>(basket: Basket<L>): Pricing<L> {
  const nets: number[] = [];
  for (const [index, line] of basket.lines.entries()) {
    const gross = grossMinor(line.quantityMilli, line.unitPriceMinor);
    if (line.discountMinor > gross) {
      const detail = `Line ${index + 1} costs ${gross}, its discount is ${line.discountMinor}.`;
      return { ok: false, code: 'DISCOUNT_TOO_LARGE', detail, path: `/lines/${index}/discountMinor` };
    }
    nets.push(gross - line.discountMinor);
  }
  const netMinor = sumMinor(nets);
  const redeemedMinor = basket.redeemedMinor ?? 0;
  if (redeemedMinor > netMinor) {
    const detail = `The redeemed points are worth ${redeemedMinor}, the order only ${netMinor}.`;
    return { ok: false, code: 'DISCOUNT_TOO_LARGE', detail, path: '/redeemPoints' };
  }
  const shares = spread(redeemedMinor, nets, netMinor);
  const lines = basket.lines.map((line, index) => {
    const share = shares[index] ?? 0;
    return { ...line, redeemedMinor: share, totalMinor: (nets[index] ?? 0) - share };
  });
  const totalMinor = netMinor - redeemedMinor;
  const paidMinor = sumMinor(basket.payments.map((payment) => payment.amountMinor));
  const cashMinor = sumMinor(basket.payments.filter((p) => p.kind === 'cash').map((p) => p.amountMinor));
  const changeMinor = paidMinor - totalMinor;
  if (changeMinor < 0) {
    const detail = `The total is ${totalMinor}, paid are ${paidMinor}: ${-changeMinor} are missing.`;
    return { ok: false, code: 'PAYMENT_SHORT', detail, path: '/payments' };
  }
  if (changeMinor > cashMinor) {
    const detail = `The total is ${totalMinor}; ${paidMinor - cashMinor} are paid without cash, which gives no change.`;
    return { ok: false, code: 'OVERPAID_NOT_CASH', detail, path: '/payments' };
  }
  return { ok: true, order: { lines, totalMinor, paidMinor, changeMinor, vat: vatSplit(lines) } };
}

/** `amount` in proportion to `weights`, exactly: each line gets its part of the running sum, so nothing is left over. */
export function spread(amount: number, weights: readonly number[], weightSum: number): number[] {
  let weightSoFar = 0;
  let spent = 0;
  return weights.map((weight) => {
    if (amount === 0) {
      return 0;
    }
    weightSoFar += weight;
    const due = divideHalfUp(amount, weightSoFar, weightSum);
    const share = due - spent;
    spent = due;
    return share;
  });
}
