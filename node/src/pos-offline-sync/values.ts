/**
 * Values as Odoo writes them into JSON: `false` for nothing, money and quantities as floating point, times in UTC without a zone.
 *
 * Read leniently (a sale that happened is never refused for a field), written exactly: integers of minor units and thousandths.
 */
import { AMOUNT_MINOR_MAX, holdsCardNumber, QUANTITY_MILLI_MAX } from '@branchline/model';
import { isoTime } from 'hlc-ts';

export type OdooRecord = Readonly<Record<string, unknown>>;

const UNCLEAN = /[\p{Cc}\p{Cs}]+/gu;
const DIGITS = /\d/g;
/** Decimal places behind which a floating point number of the module is noise. */
const NOISE = 6;

export function asRecord(value: unknown): OdooRecord | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as OdooRecord)
    : undefined;
}

export function recordsIn(value: unknown): OdooRecord[] {
  return Array.isArray(value)
    ? value.flatMap((each: unknown) => {
        const record = asRecord(each);
        return record === undefined ? [] : [record];
      })
    : [];
}

/** Clean, bounded text without a payment card number; undefined for nothing. */
export function textOf(value: unknown, charsMax = 256): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') {
    return undefined;
  }
  const text = String(value).replaceAll(UNCLEAN, ' ').trim().slice(0, charsMax).trim();
  return text === '' ? undefined : holdsCardNumber(text) ? text.replaceAll(DIGITS, '*') : text;
}

/** A code: as it is, never masked. */
export function codeOf(value: unknown, charsMax = 256): string | undefined {
  const text = typeof value === 'string' ? value.replaceAll(UNCLEAN, '').trim() : '';
  return text === '' || text.length > charsMax ? undefined : text;
}

/** An id of the other database; many2one fields come as `[id, name]`, too. */
export function idOf(value: unknown): number | undefined {
  const id = Array.isArray(value) ? value[0] : value;
  return Number.isSafeInteger(id) && (id as number) > 0 ? (id as number) : undefined;
}

export function minorOf(value: unknown): number | undefined {
  return scaled(value, 100, AMOUNT_MINOR_MAX);
}

export function milliOf(value: unknown): number | undefined {
  return scaled(value, 1_000, QUANTITY_MILLI_MAX);
}

export function fromMinor(minor: number): number {
  return minor / 100;
}

export function fromMilli(milli: number): number {
  return milli / 1_000;
}

/** `2026-11-22T09:00:00.000Z` of `2026-11-22 09:00:00` or `2026-11-22T09:00:00`, which are UTC. */
export function momentOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim().replace(' ', 'T') : '';
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/.test(text)) {
    return undefined;
  }
  const ms = Date.parse(/(Z|[+-]\d{2}:\d{2})$/.test(text) ? text : `${text}Z`);
  return Number.isFinite(ms) && ms >= 0 ? isoTime(ms) : undefined;
}

/** As the module writes it: `2026-11-22T09:00:00`. */
export function naiveTime(ms: number): string {
  return isoTime(ms).slice(0, 19);
}

function scaled(value: unknown, factor: number, max: number): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    return undefined;
  }
  const exact = Math.round(Number((number * factor).toFixed(NOISE)));
  return Math.abs(exact) > max ? undefined : exact === 0 ? 0 : exact;
}
