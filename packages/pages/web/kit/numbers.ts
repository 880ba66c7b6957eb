/** Money, quantities, moments and durations as people read them, by `Intl`. Amounts are minor units, quantities thousandths. */
import type { Language } from './words.ts';

/** Prices of a chain are in one currency; its code is not part of an order. */
export const CURRENCY = 'RUB';
const MINOR_PER_MAJOR = 100;
const MILLI = 1000;

const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function kept<F extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => F): F {
  const format = (made.get(key) as F | undefined) ?? make();
  made.set(key, format);
  return format;
}

export function money(language: Language, amountMinor: number): string {
  const format = kept(
    `money ${language}`,
    () =>
      new Intl.NumberFormat(language, {
        style: 'currency',
        currency: CURRENCY,
        currencyDisplay: 'narrowSymbol',
      }),
  );
  return format.format(amountMinor / MINOR_PER_MAJOR);
}

export function quantity(language: Language, quantityMilli: number): string {
  return count(language, quantityMilli / MILLI);
}

export function count(language: Language, value: number): string {
  return kept(
    `count ${language}`,
    () => new Intl.NumberFormat(language, { maximumFractionDigits: 3 }),
  ).format(value);
}

/** Of a disk, in gigabytes with one digit behind. */
export function gigabytes(language: Language, bytes: number): string {
  return kept(
    `gigabytes ${language}`,
    () => new Intl.NumberFormat(language, { style: 'unit', unit: 'gigabyte', maximumFractionDigits: 1 }),
  ).format(bytes / 1e9);
}

/** Day and minute. */
export function moment(language: Language, iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime())
    ? iso
    : kept(
        `moment ${language}`,
        () => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }),
      ).format(date);
}

/** The two greatest units, e.g. `3 h 5 min`; below a second it is 0 s. */
export function duration(language: Language, ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: readonly (readonly [number, 'day' | 'hour' | 'minute' | 'second'])[] = [
    [Math.floor(seconds / 86_400), 'day'],
    [Math.floor(seconds / 3600) % 24, 'hour'],
    [Math.floor(seconds / 60) % 60, 'minute'],
    [seconds % 60, 'second'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = first === -1 ? parts.slice(3) : parts.slice(first, first + 2);
  return shown
    .filter(([value], index) => index === 0 || value > 0)
    .map(([value, unit]) =>
      kept(
        `${unit} ${language}`,
        () => new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' }),
      ).format(value),
    )
    .join(' ');
}

/** What a person typed as money, in minor units: `12`, `12.5`, `12,50`, blanks allowed. Undefined for anything else. */
export function parseMoney(text: string): number | undefined {
  const plain = text.replaceAll(/[\s\u00a0\u202f]/g, '').replace(',', '.');
  const match = /^(\d{1,9})(?:\.(\d{0,2}))?$/.exec(plain);
  return match === null
    ? undefined
    : Number(match[1]) * MINOR_PER_MAJOR + Number((match[2] ?? '').padEnd(2, '0'));
}

/** What a person typed as a quantity, in thousandths; more than zero. */
export function parseQuantity(text: string): number | undefined {
  const plain = text.replaceAll(/[\s\u00a0\u202f]/g, '').replace(',', '.');
  const match = /^(\d{1,6})(?:\.(\d{0,3}))?$/.exec(plain);
  const milli = match === null ? 0 : Number(match[1]) * MILLI + Number((match[2] ?? '').padEnd(3, '0'));
  return milli > 0 ? milli : undefined;
}
