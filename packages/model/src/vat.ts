/**
 * VAT kinds, their rates and their dates, as data.
 *
 * Prices include VAT. A normal kind (`vat22`) and its calculated twin (`vat22_122`, for advances) share the same
 * fraction: VAT = total × rate / (100 + rate), rounded half up once per kind of an order. `vat0` and `none` carry no
 * VAT and differ only in law. `fiscalCode` is tag 1199 of the fiscal data format. `since`/`until` tell when the law
 * knows a rate for new sales; an older kind stays valid in data, because refunds repeat the rate of the sale.
 */
import { z } from 'zod';
import { divideHalfUp, sumMinor } from './money.ts';

export const vatKinds = [
  'vat22',
  'vat20',
  'vat10',
  'vat7',
  'vat5',
  'vat0',
  'none',
  'vat22_122',
  'vat20_120',
  'vat10_110',
  'vat7_107',
  'vat5_105',
] as const;
export const vatKind = z.enum(vatKinds);
export type VatKind = z.infer<typeof vatKind>;

export interface VatRate {
  readonly percent: number;
  /** Calculated on an advance (rate / (100 + rate)); the fraction is the same, the law's column is not. */
  readonly calculated: boolean;
  readonly fiscalCode: number;
  /** First and last day (ISO) on which a new sale may use it; absent = open. */
  readonly since?: string;
  readonly until?: string;
}

export const vatRates: Readonly<Record<VatKind, VatRate>> = {
  vat22: { percent: 22, calculated: false, fiscalCode: 11, since: '2026-01-01' },
  vat20: { percent: 20, calculated: false, fiscalCode: 1, since: '2019-01-01', until: '2025-12-31' },
  vat10: { percent: 10, calculated: false, fiscalCode: 2 },
  vat7: { percent: 7, calculated: false, fiscalCode: 8, since: '2025-01-01' },
  vat5: { percent: 5, calculated: false, fiscalCode: 7, since: '2025-01-01' },
  vat0: { percent: 0, calculated: false, fiscalCode: 5 },
  none: { percent: 0, calculated: false, fiscalCode: 6 },
  vat22_122: { percent: 22, calculated: true, fiscalCode: 12, since: '2026-01-01' },
  vat20_120: { percent: 20, calculated: true, fiscalCode: 3, since: '2019-01-01', until: '2025-12-31' },
  vat10_110: { percent: 10, calculated: true, fiscalCode: 4 },
  vat7_107: { percent: 7, calculated: true, fiscalCode: 10, since: '2025-01-01' },
  vat5_105: { percent: 5, calculated: true, fiscalCode: 9, since: '2025-01-01' },
};

/** Kinds a new sale may use on `day` (`2026-11-22`), in the order of the list above. */
export function vatKindsOn(day: string): VatKind[] {
  return vatKinds.filter((kind) => {
    const { since, until } = vatRates[kind];
    return (since === undefined || since <= day) && (until === undefined || day <= until);
  });
}

// A type, not an interface: only that fits the open-ended objects of event bodies.
export type VatShare = {
  readonly vat: VatKind;
  readonly totalMinor: number;
  readonly vatMinor: number;
};

/** VAT inside `totalMinor`, rounded half up. */
export function vatWithin(totalMinor: number, kind: VatKind): number {
  const { percent } = vatRates[kind];
  return percent === 0 ? 0 : divideHalfUp(totalMinor, percent, 100 + percent);
}

/** The order by VAT kind; the totals of the shares add up to the total of the lines. */
export function vatSplit(
  lines: readonly { readonly vat: VatKind; readonly totalMinor: number }[],
): VatShare[] {
  const totals = new Map<VatKind, number>();
  for (const { vat, totalMinor } of lines) {
    totals.set(vat, sumMinor([totals.get(vat) ?? 0, totalMinor]));
  }
  return vatKinds.flatMap((vat) => {
    const totalMinor = totals.get(vat);
    return totalMinor === undefined ? [] : [{ vat, totalMinor, vatMinor: vatWithin(totalMinor, vat) }];
  });
}
