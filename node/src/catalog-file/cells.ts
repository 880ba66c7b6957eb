/**
 * Cells as people type them, read one by one: amounts, VAT, barcodes, yes and no.
 *
 * Nothing is repaired silently: what can be read in only one way is read, everything else is a fault with words for the person who
 * has the file open. Money never passes through a fraction: digits are cut at the mark.
 */
import {
  AMOUNT_MINOR_MAX,
  type ImportFaultCode,
  type ImportProfile,
  type Unit,
  unit,
  type VatKind,
  vatKind,
} from '@branchline/model';
import { VAT_WORDS } from './profiles.ts';
import type { CellContent } from './table-bounds.ts';

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ImportFaultCode; readonly words: string };

const good = <T>(value: T): Reading<T> => ({ ok: true, value });
const bad = (code: ImportFaultCode, words: string): Reading<never> => ({ ok: false, code, words });

/** Lengths of a GTIN: EAN-8, UPC-A, EAN-13, ITF-14. */
const GTIN_LENGTHS: ReadonlySet<number> = new Set([8, 12, 13, 14]);
const YES: ReadonlySet<string> = new Set(['1', 'yes', 'y', 'true', 'да', 'д', '+', 'x', 'х', 'истина']);
const NO: ReadonlySet<string> = new Set(['', '0', 'no', 'n', 'false', 'нет', 'н', '-', 'ложь']);
const UNIT_WORDS: Readonly<Record<string, Unit>> = {
  шт: 'piece',
  штука: 'piece',
  pcs: 'piece',
  pc: 'piece',
  кг: 'kg',
  г: 'g',
  л: 'l',
  мл: 'ml',
  м: 'm',
  м2: 'm2',
  м3: 'm3',
  час: 'hour',
  пар: 'piece',
  пара: 'piece',
};

/** `1 234,50`, `1234.5`, `1,234.50 ₽`, 1234.5: minor units. */
export function amountOf(content: CellContent, mark: '.' | ','): Reading<number> {
  const text = typeof content === 'number' ? decimal(content) : String(content ?? '');
  const plain = text.replaceAll(/[\s\u00a0\u202f'’]|₽|руб\.?|р\.$/giu, '');
  const group = mark === ',' ? '.' : ',';
  const own = typeof content === 'number' ? '.' : mark;
  const match = /^([+-]?)([\d.,]+)$/.exec(plain);
  if (match === null) {
    return bad('NUMBER_INVALID', 'is not an amount');
  }
  const [whole = '', fraction, ...more] = match[2]!.split(own);
  const thousands = whole.split(own === mark ? group : ',');
  const grouped = thousands.length > 1;
  const wellGrouped = thousands.every((part, index) =>
    index === 0 ? /^\d{1,3}$/.test(part) : /^\d{3}$/.test(part),
  );
  if (more.length > 0 || (grouped && !wellGrouped) || !/^\d+$/.test(thousands.join(''))) {
    return bad('NUMBER_INVALID', `is not an amount with "${mark}" before the minor units`);
  }
  const cents = (fraction ?? '').replace(/0+$/, '');
  if (cents.length > 2 || (cents !== '' && !/^\d+$/.test(cents))) {
    return bad('NUMBER_INVALID', `has more than two digits behind "${mark}"`);
  }
  if (match[1] === '-') {
    return bad('PRICE_NEGATIVE', 'is negative');
  }
  const minor = Number(thousands.join('') + cents.padEnd(2, '0'));
  return minor > AMOUNT_MINOR_MAX ? bad('PRICE_TOO_LARGE', 'is more than a receipt can carry') : good(minor);
}

/** Spreadsheets keep fifteen digits: 1234.1000000000001 is what they made of 1234.10. */
function decimal(value: number): string {
  const text = String(Number(value.toPrecision(15)));
  return text.includes('e') ? value.toFixed(2) : text;
}

/** `22`, `22 %`, `НДС 22%`, `vat22`, `без НДС`, 0.22 of a cell shown as a percentage. */
export function vatOf(content: CellContent, profile: ImportProfile): Reading<VatKind> {
  const raw = String(content ?? '')
    .trim()
    .toLowerCase();
  const own = profile.vat[raw];
  if (own !== undefined) {
    return good(own);
  }
  if (typeof content === 'number' && content > 0 && content < 1) {
    return vatOf(String(Math.round(content * 100)), profile);
  }
  const word = raw.replaceAll(/\s|\u00a0/g, '');
  const kind = vatKind.safeParse(word);
  if (kind.success) {
    return good(kind.data);
  }
  const known =
    VAT_WORDS[word] ?? VAT_WORDS[word.replace(/^(?:ндс|vat)/u, '').replace(/(?:[.,]0+)?%?$/u, '')];
  return known === undefined
    ? bad('VAT_UNKNOWN', 'is no VAT rate known here; a profile can say what it means')
    : good(known);
}

/** One or several, separated by blanks, commas, semicolons or bars. */
export function barcodesOf(content: CellContent, profile: ImportProfile): Reading<string[]> {
  const text = typeof content === 'number' ? String(content) : String(content ?? '').trim();
  if (/^\d+[.,]\d*e\+?\d+$/i.test(text)) {
    return bad(
      'BARCODE_ROUNDED',
      'was rounded by a spreadsheet; format the column as text and enter it again',
    );
  }
  const codes = text.split(/[\s,;|]+/).filter(Boolean);
  for (const code of codes) {
    if (!/^[0-9A-Za-z._+-]{1,64}$/.test(code)) {
      return bad('BARCODE_INVALID', 'is no barcode: letters, digits and . _ + - only');
    }
    if (profile.barcodes === 'gtin' && /^\d+$/.test(code) && !isGtin(code)) {
      return bad(
        'BARCODE_INVALID',
        GTIN_LENGTHS.has(code.length)
          ? 'has a wrong check digit'
          : `has ${code.length} digits; a GTIN has 8, 12, 13 or 14`,
      );
    }
  }
  return good([...new Set(codes)]);
}

/** Digits with a weight of 3 and 1 from the right; the last is the check digit. */
export function isGtin(digits: string): boolean {
  if (!GTIN_LENGTHS.has(digits.length)) {
    return false;
  }
  let sum = 0;
  for (let fromRight = 0; fromRight < digits.length; fromRight++) {
    const digit = digits.charCodeAt(digits.length - 1 - fromRight) - 48;
    sum += fromRight % 2 === 1 ? digit * 3 : digit;
  }
  return sum % 10 === 0;
}

export function unitOf(content: CellContent): Reading<Unit> {
  const word = String(content ?? '')
    .trim()
    .toLowerCase()
    .replace(/\.$/, '');
  const known = unit.safeParse(word).data ?? UNIT_WORDS[word];
  return known === undefined ? bad('UNIT_UNKNOWN', `is none of ${unit.options.join(', ')}`) : good(known);
}

export function yesOf(content: CellContent): Reading<boolean> {
  const word = String(content ?? '')
    .trim()
    .toLowerCase();
  if (YES.has(word)) {
    return good(true);
  }
  return NO.has(word) ? good(false) : bad('YES_NO_INVALID', 'is neither yes nor no');
}

/** The mark most amounts of a column are written with; a point when nothing tells. */
export function guessMark(contents: Iterable<CellContent>): '.' | ',' {
  let commas = 0;
  let points = 0;
  for (const content of contents) {
    if (typeof content === 'string') {
      commas += /,\d{1,2}\D*$/.test(content) ? 1 : 0;
      points += /\.\d{1,2}\D*$/.test(content) ? 1 : 0;
    }
  }
  return commas > points ? ',' : '.';
}
