/**
 * CP866, the code page of every text in a fiscal document.
 *
 * `encodeText` is strict and serves codes, numbers and addresses. `printableText` serves names for people: catalogs are
 * full of typographic quotes and dashes that CP866 does not have, and no sale is refused over a dash.
 */
import iconv from 'iconv-lite';
import { FiscalError } from '../errors.ts';

const LOOKALIKES: readonly (readonly [RegExp, string])[] = [
  [/[«»„“”‟″]/g, '"'],
  [/[‘’‚‛′`]/g, "'"],
  [/[–—−‐‑‒―]/g, '-'],
  [/…/g, '...'],
  [/[\u00a0\u2000-\u200a\u202f\t\r\n]/g, ' '],
  [/[\u200b-\u200f\ufeff\u00ad]/g, ''],
  [/₽/g, 'руб.'],
  [/×/g, 'x'],
  [/€/g, 'EUR'],
];

export function encodeText(text: string): Uint8Array {
  const bytes = new Uint8Array(iconv.encode(text, 'cp866'));
  // iconv writes a question mark for what it cannot encode.
  if (decodeText(bytes) !== text) {
    throw new FiscalError('FFD_TEXT_INVALID', `"${text}" has characters that CP866 does not have`, {
      hint: 'Use Latin, Cyrillic and ordinary punctuation.',
    });
  }
  return bytes;
}

export function decodeText(bytes: Uint8Array): string {
  return iconv.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 'cp866');
}

/** The text as a printer can show it: lookalikes for what is missing, `?` for the rest, cut at `max` characters. */
export function printableText(text: string, max: number): string {
  let printable = text.normalize('NFC');
  for (const [pattern, replacement] of LOOKALIKES) printable = printable.replace(pattern, replacement);
  return decodeText(iconv.encode(printable, 'cp866')).slice(0, max).trimEnd();
}
