/**
 * Text as it may enter: bounded, without control characters (NUL among them) and without halves of surrogate pairs,
 * so that it survives UTF-8, CBOR, LevelDB keys and a receipt printer unchanged.
 *
 * Free text that a person types is also searched for payment card numbers (13-19 digits with a right check digit)
 * and refused with one inside: feeds are immutable, a card number written there could never be removed. Codes (SKU,
 * barcode) are exempt: an EAN-13 has the same shape.
 */
import { z } from 'zod';
import { TEXT_CHARS_MAX } from './limits.ts';

const CLEAN = /^[^\p{Cc}\p{Cs}]*$/u;
const CARD_LIKE = /\d(?:[ -]?\d){12,18}/g;

/** True when `digits` (13-19 of them) end in the check digit of a payment card. */
function isCardNumber(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    if (i % 2 === 1) {
      digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    }
    sum += digit;
  }
  return sum % 10 === 0;
}

/** True when a payment card number stands in the text, with or without blanks and hyphens. */
export function holdsCardNumber(text: string): boolean {
  const runs = text.match(CARD_LIKE);
  if (runs === null) {
    return false;
  }
  return runs.some((run) => isCardNumber(run.replaceAll(/[ -]/g, '')));
}

const WHOLE_RUN = /(?<!\d)(?<!\d[ -])\d(?:[ -]?\d){12,18}(?![ -]?\d)/g;
/** Issuers of payment cards: American Express, JCB, Diners (3), Visa (4), Mastercard (2, 5), Mir (2), Maestro, UnionPay (6). */
const ISSUED = /^[2-6]/;

/**
 * The text with every payment card number in it masked but for its last four digits; the same text where there is none. A number is a
 * whole run of `digitsMin` to 19 digits, in groups or not, of an issuer and with a right check digit.
 */
export function maskCardNumbers(text: string, digitsMin: 13 | 14 = 13): string {
  return text.replaceAll(WHOLE_RUN, (run) => {
    const digits = run.replaceAll(/[ -]/g, '');
    if (digits.length < digitsMin || !ISSUED.test(digits) || !isCardNumber(digits)) {
      return run;
    }
    let left = digits.length;
    return run.replaceAll(/\d/g, (digit) => {
      left -= 1;
      return left < 4 ? digit : '*';
    });
  });
}

/** Machine text: bounded and clean. */
export function codeText(charsMax: number): z.ZodString {
  return z.string().min(1).max(charsMax).regex(CLEAN, 'must not hold control characters or broken Unicode');
}

/** Text typed by a person: bounded, clean, no card number. */
export function freeText(charsMax: number = TEXT_CHARS_MAX): z.ZodString {
  return codeText(charsMax).refine((text) => !holdsCardNumber(text), 'must not hold a payment card number');
}
