/**
 * Amounts and quantities of the replaced adapter: JSON numbers or numeric strings in whole units, read exactly, as integers.
 *
 * A number is taken by the digits it is written with, so 261.96 is 26196 hundredths and never 26195.999. What has more digits than
 * fit is not rounded away in silence: `scaledDecimal` says undefined, and whoever asks decides.
 */
import { z } from 'zod';

const DIGITS = /^(-?)(\d{1,12})(?:\.(\d{1,20}))?$/;

/** A positive decimal as text; the adapter took numbers and strings alike. */
export const decimal = z
  .union([z.number(), z.string().max(32)], { error: 'Input should be a valid decimal' })
  .transform((value) => String(value).trim())
  .refine((text) => DIGITS.test(text), 'Input should be a valid decimal of at most 12 and 20 digits')
  .refine((text) => !text.startsWith('-') && /[1-9]/.test(text), 'Input should be greater than 0');

/** Units of 10^-15: what a binary fraction multiplied and added up may be off, one millionth. */
const NOISE = 10n ** 9n;
const FINE_PLACES = 15;

/**
 * `text` × 10^`places` as an integer; undefined when digits would be lost. What callers got by multiplying binary fractions
 * (785.8799999999999) is taken for what they meant.
 */
export function scaledDecimal(text: string, places: number): bigint | undefined {
  const found = DIGITS.exec(text);
  if (found === null) {
    return undefined;
  }
  const [, sign, whole = '', fraction = ''] = found;
  const fine = BigInt(`${whole}${fraction.slice(0, FINE_PLACES).padEnd(FINE_PLACES, '0')}`);
  const unit = 10n ** BigInt(FINE_PLACES - places);
  const rounded = (2n * fine + unit) / (2n * unit);
  const apart = fine - rounded * unit;
  if (apart > NOISE || apart < -NOISE) {
    return undefined;
  }
  return sign === '-' ? -rounded : rounded;
}
