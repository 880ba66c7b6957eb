/**
 * Rows of a file against themselves and against the catalog: products to write, and every fault with its row and column.
 *
 * A row with an error writes nothing, and one error anywhere stops the whole import; that is the caller's. Warnings stop nothing. A price that
 * jumps and a VAT kind that changes are errors until somebody accepts them. Pure: the catalog and the day are handed in.
 */
import type { ProductEdit, ProductRow } from '@branchline/docs';
import {
  acceptableFaults,
  IMPORT_CELL_CHARS_MAX,
  type ImportFault,
  type ImportFaultCode,
  type ImportField,
  type ImportProfile,
  productFields,
  sku as skuSchema,
  TEXT_CHARS_MAX,
  vatKindsOn,
} from '@branchline/model';
import { amountOf, barcodesOf, type Reading, unitOf, vatOf, yesOf } from './cells.ts';
import type { Columns } from './columns.ts';
import type { CellContent } from './table-bounds.ts';

export interface CheckedRow {
  readonly row: number;
  readonly sku: string;
  readonly edit: ProductEdit;
  readonly isNew: boolean;
}

export interface CheckOptions {
  readonly columns: Columns;
  readonly profile: ImportProfile;
  readonly mark: '.' | ',';
  readonly accepted: ReadonlySet<string>;
  /** `2026-11-22`. */
  readonly day: string;
  readonly find: (sku: string) => ProductRow | undefined;
  /** Other products that have the barcode. */
  readonly findBarcode: (barcode: string) => readonly string[];
}

/** Characters of a cell shown in a report. */
const VALUE_CHARS_MAX = 60;
const CONTROL = /[\p{Cc}\p{Cs}]/u;

const CODE_LEVELS: Partial<Record<ImportFaultCode, 'warning'>> = {
  BARCODE_MISSING: 'warning',
  BARCODE_TAKEN: 'warning',
  VAT_OUTDATED: 'warning',
};

export class RowCheck {
  readonly #options: CheckOptions;
  readonly #rowOfSku = new Map<string, number>();
  readonly #skuOfBarcode = new Map<string, string>();
  readonly #currentVat: ReadonlySet<string>;
  readonly rows: CheckedRow[] = [];
  readonly faults: ImportFault[] = [];
  #count = 0;
  #row = 0;
  #cells: readonly CellContent[] = [];
  #failed = false;

  constructor(options: CheckOptions) {
    this.#options = options;
    this.#currentVat = new Set(vatKindsOn(options.day));
  }

  /** Rows that were not empty. */
  get count(): number {
    return this.#count;
  }

  /** Looks at one row; empty ones are passed over. */
  take(row: number, cells: readonly CellContent[]): void {
    if (cells.every((content) => content === undefined || String(content).trim() === '')) {
      return;
    }
    this.#count += 1;
    this.#row = row;
    this.#cells = cells;
    this.#failed = false;
    const { width } = this.#options.columns;
    if (width !== undefined && cells.slice(width).some((content) => String(content ?? '').trim() !== '')) {
      this.#fault(
        'COLUMNS_UNEVEN',
        `has ${cells.length} columns, the titles ${width}; is a separator inside a cell?`,
      );
    }
    const sku = this.#sku();
    if (sku === undefined) {
      return;
    }
    const before = this.#options.find(sku);
    const edit: ProductEdit = {
      ...this.#texts(),
      ...this.#price(before),
      ...this.#vat(before),
      ...this.#barcodes(sku),
      ...this.#plain('unit', unitOf),
      ...this.#plain('retired', yesOf),
    };
    this.#currency();
    const isNew = before === undefined || before.priceMinor === null || before.vat === null;
    this.#requireWhole(edit, before);
    if (!this.#failed) {
      this.rows.push({ row, sku, edit, isNew });
    }
  }

  #sku(): string | undefined {
    const text = this.#text('sku');
    if (text === undefined || text === '') {
      this.#fault('SKU_MISSING', 'has no SKU', 'sku');
      return undefined;
    }
    const parsed = skuSchema.safeParse(text);
    if (!parsed.success) {
      this.#fault('SKU_INVALID', parsed.error.issues[0]!.message, 'sku');
      return undefined;
    }
    const first = this.#rowOfSku.get(text);
    if (first !== undefined) {
      this.#fault('SKU_DUPLICATE', `stands in row ${first} already`, 'sku');
      return undefined;
    }
    this.#rowOfSku.set(text, this.#row);
    return text;
  }

  #texts(): ProductEdit {
    const edit: { name?: string; category?: string; brand?: string } = {};
    for (const field of ['name', 'category', 'brand'] as const) {
      const text = this.#text(field);
      if (text === undefined) {
        continue;
      }
      if (text.length > TEXT_CHARS_MAX) {
        this.#fault('TEXT_TOO_LONG', `has ${text.length} characters; ${TEXT_CHARS_MAX} are allowed`, field);
      } else if (field === 'name' && text === '') {
        this.#fault('NAME_MISSING', 'is empty', field);
      } else if (field === 'name' && !productFields.shape.name.safeParse(text).success) {
        this.#fault('TEXT_INVALID', 'holds characters that cannot be kept', field);
      } else {
        edit[field] = text;
      }
    }
    return edit;
  }

  #price(before: ProductRow | undefined): ProductEdit {
    const { mark, profile } = this.#options;
    if (this.#isBlank('price')) {
      return {};
    }
    const price = this.#read('price', (content) => amountOf(content, mark));
    if (price === undefined) {
      return {};
    }
    if (!this.#isBlank('cost')) {
      const cost = this.#read('cost', (content) => amountOf(content, mark));
      if (cost !== undefined && cost > price) {
        this.#fault('COST_ABOVE_PRICE', 'is above the price', 'cost');
      }
    }
    const old = before?.priceMinor ?? null;
    if (old !== null && old > 0) {
      const percent = (Math.abs(price - old) * 100) / old;
      if (percent > profile.priceChangePercentMax) {
        const words = `moves the price by ${Math.round(percent)} % (it is ${(old / 100).toFixed(2)})`;
        this.#fault('PRICE_JUMP', words, 'price');
      }
    }
    return { priceMinor: price };
  }

  #vat(before: ProductRow | undefined): ProductEdit {
    const { profile } = this.#options;
    const isBlank = this.#isBlank('vat');
    if (isBlank && profile.vatDefault === undefined) {
      return {};
    }
    const vat = isBlank ? profile.vatDefault! : this.#read('vat', (content) => vatOf(content, profile));
    if (vat === undefined) {
      return {};
    }
    if (!this.#currentVat.has(vat)) {
      this.#fault('VAT_OUTDATED', `${vat} is not for new sales on ${this.#options.day}`, 'vat');
    }
    if (before !== undefined && before.vat !== null && before.vat !== vat) {
      this.#fault('VAT_CHANGED', `changes the VAT from ${before.vat} to ${vat}`, 'vat');
    }
    return { vat };
  }

  #barcodes(sku: string): ProductEdit {
    const { profile, columns, findBarcode } = this.#options;
    if (!columns.of.has('barcodes')) {
      return {};
    }
    if (this.#isBlank('barcodes')) {
      this.#fault('BARCODE_MISSING', 'has no barcode', 'barcodes');
      return {};
    }
    const codes = this.#read('barcodes', (content) => barcodesOf(content, profile));
    if (codes === undefined) {
      return {};
    }
    if (!productFields.shape.barcodes.safeParse(codes).success) {
      this.#fault('BARCODES_TOO_MANY', `has ${codes.length} barcodes`, 'barcodes');
      return {};
    }
    for (const code of codes) {
      const other = this.#skuOfBarcode.get(code);
      if (other !== undefined) {
        const words = `${code} is the barcode of ${other} in row ${this.#rowOfSku.get(other)}`;
        this.#fault('BARCODE_DUPLICATE', words, 'barcodes');
      } else {
        this.#skuOfBarcode.set(code, sku);
      }
      const taken = findBarcode(code).filter((each) => each !== sku);
      if (taken.length > 0) {
        this.#fault('BARCODE_TAKEN', `${code} is a barcode of ${taken[0]} in the catalog too`, 'barcodes');
      }
    }
    return { barcodes: codes };
  }

  #plain<F extends 'unit' | 'retired', T>(
    field: F,
    read: (content: CellContent) => Reading<T>,
  ): { [K in F]?: T } {
    const value = this.#isBlank(field) ? undefined : this.#read(field, read);
    return (value === undefined ? {} : { [field]: value }) as { [K in F]?: T };
  }

  #currency(): void {
    const { currency } = this.#options.profile;
    const text = this.#text('currency');
    if (text !== undefined && text !== '' && text.toUpperCase() !== currency.toUpperCase()) {
      this.#fault('CURRENCY_INVALID', `is not ${currency}`, 'currency');
    }
  }

  /** A product that is to be sold has a name, a price and a VAT kind, from the file or from before. */
  #requireWhole(edit: ProductEdit, before: ProductRow | undefined): void {
    if (this.#failed) {
      return;
    }
    if (edit.name === undefined && (before?.name ?? '') === '') {
      this.#fault('NAME_MISSING', 'a new product needs a name', 'name');
    }
    if (edit.priceMinor === undefined && (before?.priceMinor ?? null) === null) {
      this.#fault('PRICE_MISSING', 'a new product needs a price', 'price');
    }
    if (edit.vat === undefined && (before?.vat ?? null) === null) {
      this.#fault('VAT_MISSING', 'a new product needs a VAT kind; a profile can name one for all', 'vat');
    }
  }

  #isBlank(field: ImportField): boolean {
    const at = this.#options.columns.of.get(field);
    return at === undefined || String(this.#cells[at] ?? '').trim() === '';
  }

  /** Undefined where there is no column; the text is clean and bounded, or a fault. */
  #text(field: ImportField): string | undefined {
    const at = this.#options.columns.of.get(field);
    if (at === undefined) {
      return undefined;
    }
    const text = String(this.#cells[at] ?? '').trim();
    if (text.length > IMPORT_CELL_CHARS_MAX) {
      this.#fault(
        'TEXT_TOO_LONG',
        `has ${text.length} characters; ${IMPORT_CELL_CHARS_MAX} are allowed`,
        field,
      );
      return undefined;
    }
    if (CONTROL.test(text)) {
      this.#fault('TEXT_INVALID', 'holds control characters', field);
      return undefined;
    }
    return text;
  }

  #read<T>(field: ImportField, read: (content: CellContent) => Reading<T>): T | undefined {
    if (this.#text(field) === undefined) {
      return undefined;
    }
    const reading = read(this.#cells[this.#options.columns.of.get(field)!]);
    if (reading.ok) {
      return reading.value;
    }
    this.#fault(reading.code, reading.words, field);
    return undefined;
  }

  #fault(code: ImportFaultCode, words: string, field?: ImportField): void {
    const isAccepted =
      (acceptableFaults as readonly string[]).includes(code) && this.#options.accepted.has(code);
    const level = isAccepted ? 'warning' : (CODE_LEVELS[code] ?? 'error');
    const { of, titles } = this.#options.columns;
    const at = field === undefined ? undefined : of.get(field);
    const content = at === undefined ? undefined : this.#cells[at];
    const column = field === undefined ? undefined : (titles[field] ?? field);
    this.#failed ||= level === 'error';
    this.faults.push({
      row: this.#row,
      ...(column === undefined ? {} : { column }),
      level,
      code,
      words,
      ...(content === undefined ? {} : { value: shownOf(content) }),
    });
  }
}

/** Cut, and without what would break a terminal. */
function shownOf(content: CellContent): string {
  const text = String(content).slice(0, VALUE_CHARS_MAX + 1);
  const clean = text.replaceAll(/[\p{Cc}\p{Cs}]/gu, '�');
  return clean.length > VALUE_CHARS_MAX ? `${clean.slice(0, VALUE_CHARS_MAX)}…` : clean;
}
