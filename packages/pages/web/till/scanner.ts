/**
 * A barcode scanner that types: many keys in quick succession, then Enter. Pure; told apart from a person by its speed.
 *
 * People do not type `SCAN_KEYS_MIN` keys with less than `SCAN_GAP_MS` between any two of them.
 */

/** Between two keys of a scanner; cheap ones are slow. */
export const SCAN_GAP_MS = 50;
export const SCAN_KEYS_MIN = 6;
/** A receipt's QR text has about 90. */
export const SCAN_KEYS_MAX = 512;

export interface Scanning {
  readonly text: string;
  readonly lastMs: number;
}

export const notScanning: Scanning = { text: '', lastMs: Number.NEGATIVE_INFINITY };

/** `scanned` once a scan is complete; the Enter that ended it is then nobody else's. */
export function typed(
  scanning: Scanning,
  key: string,
  nowMs: number,
): { readonly scanning: Scanning; readonly scanned?: string } {
  const goesOn = nowMs - scanning.lastMs <= SCAN_GAP_MS;
  if (key === 'Enter') {
    return goesOn && scanning.text.length >= SCAN_KEYS_MIN
      ? { scanning: notScanning, scanned: scanning.text }
      : { scanning: notScanning };
  }
  if ([...key].length !== 1) {
    // Shift and its like come between the letters of a scan.
    return { scanning };
  }
  const text = goesOn ? (scanning.text + key).slice(-SCAN_KEYS_MAX) : key;
  return { scanning: { text, lastMs: nowMs } };
}

export type ScanMeaning =
  | { readonly kind: 'receipt'; readonly qr: string }
  | { readonly kind: 'order'; readonly number: string }
  | { readonly kind: 'goods'; readonly barcode: string }
  /** One piece with a code of its own (GS1 DataMatrix). */
  | { readonly kind: 'marked'; readonly barcode: string; readonly markingCode: string };

/** What scanners put between the elements of a code; one that types it presses Ctrl and `]`. */
export const GROUP_SEPARATOR = '\u001d';
/** Some begin with the symbology identifier of a DataMatrix, or with the FNC1 sign itself. */
const PREFIXES = [']d2', GROUP_SEPARATOR];
const MARKED = /^01(\d{14})21.+$/;

export function meaningOf(text: string): ScanMeaning {
  const plain = text.trim();
  const code = PREFIXES.reduce(
    (left, prefix) => (left.startsWith(prefix) ? left.slice(prefix.length) : left),
    text,
  );
  const gtin = MARKED.exec(code)?.[1];
  if (gtin !== undefined) {
    // Goods are known by their EAN-13, which a GTIN-14 of one piece pads with a zero.
    return { kind: 'marked', markingCode: code, barcode: gtin.replace(/^0/, '') };
  }
  if (/(^|&)fn=\d+/.test(plain) && /(^|&)i=\d+/.test(plain)) {
    return { kind: 'receipt', qr: plain };
  }
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*-\d{6,12}$/.test(plain)) {
    return { kind: 'order', number: plain };
  }
  return { kind: 'goods', barcode: plain };
}

/** `3*tea` or `0,5*460…`: how many, and of what. */
export function timesOf(text: string): { readonly times: string | undefined; readonly rest: string } {
  const match = /^\s*(\d{1,6}(?:[.,]\d{1,3})?)\s*[*x×]\s*(.*)$/i.exec(text);
  return match === null
    ? { times: undefined, rest: text.trim() }
    : { times: match[1], rest: match[2]!.trim() };
}
