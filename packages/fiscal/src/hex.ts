/** Hexadecimal text and bytes; whitespace between digits is allowed, because people paste dumps. */
import { FiscalError } from './errors.ts';

/** Digits of one input: a full session message, twice over. */
export const HEX_CHARS_MAX = 160_000;

export function bytesOfHex(text: string): Uint8Array {
  if (text.length > HEX_CHARS_MAX) {
    throw new FiscalError('HEX_INVALID', `${text.length} characters are more than ${HEX_CHARS_MAX}`);
  }
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new FiscalError('HEX_INVALID', 'not an even number of hexadecimal digits', {
      hint: 'Paste the bytes as pairs of digits 0-9 a-f, with or without spaces.',
    });
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

export function hexOfBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
