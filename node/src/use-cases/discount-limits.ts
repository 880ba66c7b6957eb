/**
 * What a person may take off a line by hand: a cashier a tenth, a manager half, an admin all of it. Promotions, coupons and points are rules
 * of head office and do not count. Tills at which nobody has signed in are as free as they were.
 */
import { grossMinor, ProblemError } from '@branchline/model';
import type { TillIdentity } from '../services.ts';

export const DISCOUNT_PERCENT_OF_CASHIER = 10;
export const DISCOUNT_PERCENT_MAX = 50;

export interface DiscountedLine {
  readonly quantityMilli: number;
  readonly unitPriceMinor: number;
  /** By the till itself. */
  readonly givenMinor: number;
}

/** `DISCOUNT_NEEDS_APPROVAL`. */
export function checkDiscounts({ employee, role }: TillIdentity, lines: readonly DiscountedLine[]): void {
  if (employee === undefined || role === 'admin') {
    return;
  }
  const percent = role === 'manager' ? DISCOUNT_PERCENT_MAX : DISCOUNT_PERCENT_OF_CASHIER;
  for (const [index, { quantityMilli, unitPriceMinor, givenMinor }] of lines.entries()) {
    if (givenMinor * 100 > grossMinor(quantityMilli, unitPriceMinor) * percent) {
      const detail = `Line ${index + 1}: ${employee.name} may take off ${percent} %.`;
      throw new ProblemError('DISCOUNT_NEEDS_APPROVAL', detail, {
        errors: [{ path: `/lines/${index}/discountMinor`, reason: detail }],
      });
    }
  }
}
