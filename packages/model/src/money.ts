/**
 * Money as integers of minor units (kopecks, cents), and the one rounding rule.
 *
 * Guarantees: no floating point result ever reaches a total; a product or a sum beyond `AMOUNT_MINOR_MAX` is an
 * error, never a wrong number; rounding is half up, once per line. Currencies and their display are not known here.
 */
import { z } from 'zod';
import { ModelError } from './errors.ts';
import { AMOUNT_MINOR_MAX } from './limits.ts';

/** A price, a payment, a total: zero or more. */
export const amountMinor = z.int().min(0).max(AMOUNT_MINOR_MAX);
/** A payment or a cash movement: more than zero. */
export const positiveAmountMinor = z.int().min(1).max(AMOUNT_MINOR_MAX);

/** Sum of amounts; `MODEL_AMOUNT_RANGE` beyond the largest amount a fiscal device can carry. */
export function sumMinor(amounts: readonly number[]): number {
  let sum = 0;
  for (const amount of amounts) {
    sum = checkedMinor(sum + amount);
  }
  return sum;
}

/** `quantityMilli` thousandths at `unitPriceMinor` each, rounded half up to a minor unit. */
export function grossMinor(quantityMilli: number, unitPriceMinor: number): number {
  return divideHalfUp(quantityMilli, unitPriceMinor, 1000);
}

/** `a × b / divisor` of non-negative integers, rounded half up, exact beyond the safe integers. */
export function divideHalfUp(a: number, b: number, divisor: number): number {
  const product = a * b;
  // 2 × product + divisor must stay exact as well, hence a quarter of the safe range.
  if (product <= Number.MAX_SAFE_INTEGER / 4) {
    return checkedMinor(Math.floor((2 * product + divisor) / (2 * divisor)));
  }
  const wide = 2n * BigInt(a) * BigInt(b);
  return checkedMinor(Number((wide + BigInt(divisor)) / (2n * BigInt(divisor))));
}

function checkedMinor(amount: number): number {
  if (!Number.isSafeInteger(amount) || Math.abs(amount) > AMOUNT_MINOR_MAX) {
    throw new ModelError('MODEL_AMOUNT_RANGE', `amount ${amount} is beyond ${AMOUNT_MINOR_MAX} minor units`);
  }
  return amount;
}
