/**
 * Products: the catalog as this branch sells it, in memory, fed by cells that changed.
 *
 * Ten thousand rows are a few megabytes and read from LevelDB in a fraction of a second, so no catalog document is loaded to
 * start selling. A product without a price or a VAT kind exists in the catalog but cannot be sold and is not shown.
 */
import {
  availableAt,
  type Cell,
  catalogDoc,
  cellsBySku,
  type DocName,
  editProduct,
  foldProduct,
  type ProductEdit,
  ProductIndex,
  type ProductRow,
  priceAt,
} from '@branchline/docs';
import type { Product } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import { type OverrideRow, saidNow } from './overrides.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';
import type { PatchCause, RowSink } from './shards.ts';

export interface ProductsOptions {
  readonly rows: Rows;
  readonly branch: string;
  /** What this branch says for itself; absent where rows are only made. */
  readonly own?: (sku: string) => OverrideRow | undefined;
  readonly nowMs?: () => number;
  readonly onChanged: (sku: string, cause: PatchCause) => void;
}

export class Products implements RowSink {
  readonly #options: ProductsOptions;
  readonly #index = new ProductIndex();

  private constructor(options: ProductsOptions) {
    this.#options = options;
  }

  static async open(options: ProductsOptions): Promise<Products> {
    const self = new Products(options);
    for await (const [, text] of options.rows.texts({ after: 'p/', below: after('p/') })) {
      self.#keep(JSON.parse(text));
    }
    return self;
  }

  get count(): number {
    return this.#index.size;
  }

  get(sku: string): Product | undefined {
    const row = this.#index.get(sku);
    return row === undefined ? undefined : this.#sold(row);
  }

  /** The row of the whole chain, whatever this branch makes of it. */
  row(sku: string): ProductRow | undefined {
    return this.#index.get(sku);
  }

  /** Of the whole chain, in no order. */
  rows(): IterableIterator<ProductRow> {
    return this.#index.values();
  }

  /** Every product that has the barcode. */
  skusOf(barcode: string): readonly string[] {
    return this.#index.byBarcode(barcode).map(({ sku }) => sku);
  }

  search(query: {
    readonly q?: string | undefined;
    readonly barcode?: string | undefined;
    readonly limit: number;
  }): readonly Product[] {
    const products: Product[] = [];
    for (const row of this.#find(query)) {
      const product = this.#isAvailable(row) ? this.#sold(row) : undefined;
      if (product !== undefined && products.length < query.limit) {
        products.push(product);
      }
    }
    return products;
  }

  /** Names the fields of a product that change with the transaction. */
  change(transaction: Transaction, sku: string, fields: ProductEdit): void {
    transaction.change(catalogDoc(sku), editProduct(sku, fields));
  }

  /** Every row is in memory. */
  async prepare(): Promise<void> {}

  forget(): void {}

  patch(_doc: DocName, cells: readonly Cell[], cause: PatchCause): void {
    for (const [sku, own] of cellsBySku(cells)) {
      const row = foldProduct(this.#index.get(sku), sku, own);
      this.#keep(row);
      this.#options.rows.putText(rowKeys.product(sku), JSON.stringify(row));
      this.#options.onChanged(sku, cause);
    }
  }

  #find(query: {
    readonly q?: string | undefined;
    readonly barcode?: string | undefined;
    readonly limit: number;
  }) {
    if (query.barcode !== undefined) {
      return this.#index.byBarcode(query.barcode);
    }
    return query.q === undefined || query.q.trim() === ''
      ? this.#index.values()
      : this.#index.search(query.q, query.limit);
  }

  /** The product as this branch sells it now. */
  #sold(row: ProductRow): Product | undefined {
    const { branch, own, nowMs } = this.#options;
    const price = own === undefined ? undefined : saidNow(own(row.sku)?.price, nowMs?.() ?? 0);
    return productOf(row, price ?? priceAt(row, branch));
  }

  #isAvailable(row: ProductRow): boolean {
    const { branch, own, nowMs } = this.#options;
    const said = own === undefined ? undefined : saidNow(own(row.sku)?.available, nowMs?.() ?? 0);
    return said ?? availableAt(row, branch);
  }

  #keep(row: ProductRow): void {
    this.#index.put(row);
  }
}

/** The product as this branch sells it; undefined while it has no price or VAT kind. */
function productOf(row: ProductRow, priceMinor: number | null): Product | undefined {
  if (priceMinor === null || row.vat === null) {
    return undefined;
  }
  return {
    sku: row.sku as Product['sku'],
    name: row.name,
    priceMinor,
    vat: row.vat,
    barcodes: row.barcodes as Product['barcodes'],
    unit: row.unit,
    category: row.category,
    retired: row.retired,
  };
}
