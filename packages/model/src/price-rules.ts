/**
 * `priceByRules`: the price of each line of a cart, and the promotion that makes it cheaper. Pure; the same rules give the same
 * prices in every node and in a quote.
 *
 * Guarantees:
 * R1 a line that names its price keeps it, and no promotion touches it;
 * R2 the price is that of the most particular pricelist that fits (group and branch, group, branch, all; the smaller id of two), else the
 *    catalog's with what the branch says of it;
 * R3 of the promotions that fit a line the one that takes off most counts, alone; of equal ones the smaller id;
 * R4 what comes off never exceeds what the line costs after the till's own discount;
 * R5 the order of lines changes nothing: a minimum quantity is counted over all lines a promotion fits.
 */
import type { Pricelist, Promotion } from './api/pricing.ts';
import { divideHalfUp, grossMinor } from './money.ts';

export interface PriceRules {
  readonly promotions: Iterable<Promotion>;
  readonly pricelists: Iterable<Pricelist>;
}

export interface UnpricedLine {
  readonly sku: string;
  readonly quantityMilli: number;
  readonly discountMinor: number;
  /** Named by the till. */
  readonly unitPriceMinor?: number | undefined;
  readonly product?: { readonly priceMinor: number; readonly category?: string | undefined } | undefined;
}

export interface RuledPrice {
  /** Undefined where nobody knows one. */
  readonly unitPriceMinor: number | undefined;
  readonly promotion?: { readonly id: string; readonly discountMinor: number };
}

export interface PriceMoment {
  readonly ms: number;
  readonly branch: string;
  /** Of the customer, if there is one and it has one. */
  readonly group: string | undefined;
}

export function priceByRules(
  lines: readonly UnpricedLine[],
  rules: PriceRules,
  moment: PriceMoment,
): RuledPrice[] {
  const pricelists = [...rules.pricelists].filter((each) => isOn(each, moment)).sort(byParticularity);
  const promotions = [...rules.promotions].filter((each) => isOn(each, moment)).sort(byId);
  const reached = promotions.filter((each) => reaches(each, lines));
  return lines.map((line) => {
    if (line.unitPriceMinor !== undefined) {
      return { unitPriceMinor: line.unitPriceMinor };
    }
    const unitPriceMinor = listedPrice(pricelists, line.sku) ?? line.product?.priceMinor;
    const promotion = unitPriceMinor === undefined ? undefined : bestOf(reached, line, unitPriceMinor);
    return { unitPriceMinor, ...(promotion === undefined ? {} : { promotion }) };
  });
}

function isOn(
  { from, until, branches, group, archived }: Promotion | Pricelist,
  moment: PriceMoment,
): boolean {
  return (
    !archived &&
    (from === undefined || Date.parse(from) <= moment.ms) &&
    (until === undefined || moment.ms < Date.parse(until)) &&
    (branches === undefined || (branches as readonly string[]).includes(moment.branch)) &&
    (group === undefined || group === moment.group)
  );
}

function fits({ skus, categories }: Promotion, { sku, product, unitPriceMinor }: UnpricedLine): boolean {
  if (unitPriceMinor !== undefined) {
    return false;
  }
  if (skus === undefined && categories === undefined) {
    return true;
  }
  const { category } = product ?? {};
  return (
    (skus as readonly string[] | undefined)?.includes(sku) === true ||
    (category !== undefined && categories?.includes(category) === true)
  );
}

function reaches(promotion: Promotion, lines: readonly UnpricedLine[]): boolean {
  const { minQuantityMilli } = promotion;
  if (minQuantityMilli === undefined) {
    return true;
  }
  const milli = lines.reduce((sum, line) => sum + (fits(promotion, line) ? line.quantityMilli : 0), 0);
  return milli >= minQuantityMilli;
}

function bestOf(
  promotions: readonly Promotion[],
  line: UnpricedLine,
  unitPriceMinor: number,
): RuledPrice['promotion'] {
  const grossOfLine = grossMinor(line.quantityMilli, unitPriceMinor);
  const leftMinor = grossOfLine - line.discountMinor;
  let best: RuledPrice['promotion'];
  for (const each of promotions) {
    if (!fits(each, line)) {
      continue;
    }
    const { id, percentOff, amountOffMinor = 0 } = each;
    const offMinor =
      percentOff === undefined
        ? grossMinor(line.quantityMilli, amountOffMinor)
        : divideHalfUp(grossOfLine, percentOff, 100);
    const discountMinor = Math.min(offMinor, leftMinor);
    if (discountMinor > (best?.discountMinor ?? 0)) {
      best = { id, discountMinor };
    }
  }
  return best;
}

function listedPrice(pricelists: readonly Pricelist[], sku: string): number | undefined {
  for (const { prices } of pricelists) {
    const row = prices.find((each) => each.sku === sku);
    if (row !== undefined) {
      return row.priceMinor;
    }
  }
  return undefined;
}

function byParticularity(a: Pricelist, b: Pricelist): number {
  return particularity(b) - particularity(a) || byId(a, b);
}

function particularity({ group, branches }: Pricelist): number {
  return (group === undefined ? 0 : 2) + (branches === undefined ? 0 : 1);
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}
