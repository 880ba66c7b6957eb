/**
 * A line of an order as items of a receipt.
 *
 * An order knows a price, a discount and a total; a receipt knows only the price after discount, and a device refuses an
 * item whose sum is more than one kopeck away from price × quantity. A line whose discount does not divide evenly becomes
 * two items whose prices differ by one kopeck. The sums of the items always add up to the total of the line.
 */
import { grossMinor } from '@branchline/model';

export interface LineShare {
  readonly quantityMilli: number;
  readonly unitPriceMinor: number;
  readonly totalMinor: number;
}

export function itemsOfLine(line: {
  readonly quantityMilli: number;
  readonly totalMinor: number;
}): LineShare[] {
  const { quantityMilli, totalMinor } = line;
  const price = Number((BigInt(totalMinor) * 1000n) / BigInt(quantityMilli));
  // Thousandths that must cost one kopeck more, so that price × quantity is the total exactly.
  const dearerMilli = Number(BigInt(totalMinor) * 1000n - BigInt(price) * BigInt(quantityMilli));
  if (isWithinOneKopeck(price, quantityMilli, totalMinor)) {
    return [{ quantityMilli, unitPriceMinor: price, totalMinor }];
  }
  const cheaperMilli = quantityMilli - dearerMilli;
  const cheaperMinor = grossMinor(cheaperMilli, price);
  return [
    { quantityMilli: cheaperMilli, unitPriceMinor: price, totalMinor: cheaperMinor },
    { quantityMilli: dearerMilli, unitPriceMinor: price + 1, totalMinor: totalMinor - cheaperMinor },
  ];
}

/** What devices accept as the sum of an item. */
export function isWithinOneKopeck(
  unitPriceMinor: number,
  quantityMilli: number,
  totalMinor: number,
): boolean {
  return Math.abs(grossMinor(quantityMilli, unitPriceMinor) - totalMinor) <= 1;
}
