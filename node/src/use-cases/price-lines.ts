/**
 * What the lines of a cart cost: the till's own prices, else pricelists, the branch's and the catalog's; and the best promotion of each line.
 *
 * Used by the sale, the quote and the quote of points alike. Refused with PRODUCT_UNKNOWN for a line whose price nobody knows, and
 * DISCOUNT_TOO_LARGE is the pricing's to say: what a till takes off itself is never made smaller here.
 */
import { type OrderRequest, ProblemError, priceByRules } from '@branchline/model';
import type { Trade } from './trade.ts';

type RequestLine = Pick<
  OrderRequest['lines'][number],
  'sku' | 'quantityMilli' | 'unitPriceMinor' | 'discountMinor'
>;

export interface LinePrice {
  readonly unitPriceMinor: number;
  /** With that of the promotion. */
  readonly discountMinor: number;
  readonly promotion?: { readonly id: string; readonly discountMinor: number };
}

export async function priceLines(
  trade: Trade,
  lines: readonly RequestLine[],
  customer: string | undefined,
  ms: number,
): Promise<LinePrice[]> {
  const rules = trade.pricing;
  const group =
    rules.isEmpty || customer === undefined ? undefined : (await trade.customers.get(customer))?.group;
  const prices = priceByRules(
    lines.map((line) => ({ ...line, product: trade.catalog.get(line.sku) })),
    rules,
    { ms, branch: trade.branch, group },
  );
  return prices.map(({ unitPriceMinor, promotion }, index) => {
    const { discountMinor } = lines[index]!;
    return {
      unitPriceMinor: known(unitPriceMinor, index, 'unitPriceMinor'),
      discountMinor: discountMinor + (promotion?.discountMinor ?? 0),
      ...(promotion === undefined ? {} : { promotion }),
    };
  });
}

export function known<T>(value: T | undefined, index: number, field: string): T {
  if (value === undefined) {
    const detail = `Line ${index + 1}: the product is unknown here and the line has no ${field}.`;
    throw new ProblemError('PRODUCT_UNKNOWN', detail, {
      errors: [
        { path: `/lines/${index}/${field}`, reason: 'needed for a product the catalog does not know' },
      ],
    });
  }
  return value;
}
