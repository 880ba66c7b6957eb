/**
 * Amounts and quantities of the replaced adapter: JSON numbers or numeric strings in whole units, read exactly, as integers.
 *
 * A number is taken by the digits it is written with, so 261.96 is 26196 hundredths and never 26195.999. What has more digits than
 * fit is not rounded away in silence: `scaledDecimal` says undefined, and whoever asks decides.
 */
import { z } from 'zod';

const DIGITS = /^(-?)(\d{1,12})(?:\.(\d{1,15}))?$/;

/** A positive decimal as text; the adapter took numbers and strings alike. */
export const decimal = z
  .union([z.number(), z.string().max(32)], { error: 'Input should be a valid decimal' })
  .transform((value) => String(value).trim())
  .refine((text) => DIGITS.test(text), 'Input should be a valid decimal of at most 12 and 15 digits')
  .refine((text) => !text.startsWith('-') && /[1-9]/.test(text), 'Input should be greater than 0');

/** `text` × 10^`places` as an integer; undefined when digits would be lost. */
export function scaledDecimal(text: string, places: number): bigint | undefined {
  const found = DIGITS.exec(text);
  if (found === null) {
    return undefined;
  }
  const [, sign, whole = '', fraction = ''] = found;
  if (/[1-9]/.test(fraction.slice(places))) {
    return undefined;
  }
  const digits = BigInt(`${whole}${fraction.slice(0, places).padEnd(places, '0')}`);
  return sign === '-' ? -digits : digits;
}
