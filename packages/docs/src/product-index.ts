/**
 * Product index: every product of the chain in memory, found by SKU, barcode or beginnings of words.
 *
 * The read model behind the till: fed with rows (from LevelDB at start, from patches afterwards), it never touches a
 * document. Retired products are found by SKU only. A barcode may belong to several products until somebody cleans up; all of
 * them are answered, so the till can ask which.
 */
import type { ProductRow } from './catalog.ts';
import { TextIndex } from './text-index.ts';

/** Products one index holds. */
export const PRODUCTS_MAX = 200_000;

export class ProductIndex {
  readonly #rows = new Map<string, ProductRow>();
  readonly #barcodes = new Map<string, string | string[]>();
  readonly #texts = new TextIndex();

  get size(): number {
    return this.#rows.size;
  }

  /** Takes over the newest row of a product. False when the index is full and the product is new. */
  put(row: ProductRow): boolean {
    const before = this.#rows.get(row.sku);
    if (before === undefined && this.#rows.size >= PRODUCTS_MAX) {
      return false;
    }
    this.#rows.set(row.sku, row);
    this.#putBarcodes(row.sku, shown(before)?.barcodes ?? [], shown(row)?.barcodes ?? []);
    if (row.retired) {
      this.#texts.remove(row.sku);
    } else {
      this.#texts.put(row.sku, `${row.name} ${row.brand} ${row.sku}`);
    }
    return true;
  }

  get(sku: string): ProductRow | undefined {
    return this.#rows.get(sku);
  }

  byBarcode(code: string): ProductRow[] {
    const skus = this.#barcodes.get(code);
    return this.#rowsOf(skus === undefined ? [] : typeof skus === 'string' ? [skus] : skus);
  }

  /** Best first; beginnings of words of name, brand and SKU. */
  search(query: string, limit: number): ProductRow[] {
    return this.#rowsOf(this.#texts.search(query, limit));
  }

  values(): IterableIterator<ProductRow> {
    return this.#rows.values();
  }

  #rowsOf(skus: readonly string[]): ProductRow[] {
    return skus.map((sku) => this.#rows.get(sku)!);
  }

  #putBarcodes(sku: string, before: readonly string[], now: readonly string[]): void {
    for (const code of before) {
      if (!now.includes(code)) {
        const rest = listOf(this.#barcodes.get(code)).filter((other) => other !== sku);
        this.#setBarcode(code, rest);
      }
    }
    for (const code of now) {
      if (!before.includes(code)) {
        this.#setBarcode(code, [...listOf(this.#barcodes.get(code)), sku].sort());
      }
    }
  }

  /** One SKU stands for itself: arrays for every barcode would weigh more than the barcodes. */
  #setBarcode(code: string, skus: string[]): void {
    if (skus.length === 0) {
      this.#barcodes.delete(code);
    } else {
      this.#barcodes.set(code, skus.length === 1 ? skus[0]! : skus);
    }
  }
}

function shown(row: ProductRow | undefined): ProductRow | undefined {
  return row?.retired === false ? row : undefined;
}

function listOf(skus: string | string[] | undefined): string[] {
  return skus === undefined ? [] : typeof skus === 'string' ? [skus] : skus;
}
