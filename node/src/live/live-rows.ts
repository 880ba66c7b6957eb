/**
 * What live documents show: rows of the node's read models, by document.
 *
 *     catalog/<shard>            products.<sku>     the chain's fields; `barcodes` as one text
 *     stock/<branch>             stock.<sku>        onHandMilli
 *     loyalty/<region>/<shard>   customers.<id>     profile, and the balance of points
 *
 * One document for a branch's stock, whatever month it is: clients need not know how stock rolls over. Which rows a shard has is
 * gathered when the first document of its kind is opened, and kept level from then on.
 */
import { catalogDoc, type DocName, docCollection, docKind, loyaltyDoc, shardDocs } from '@branchline/docs';
import type { LiveRow } from '@branchline/repo';
import type { CustomerBook } from '../projections/customers.ts';
import type { Products } from '../projections/products.ts';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import type { StockBook } from '../projections/stock.ts';
import type { LiveKind } from './live-edits.ts';

export interface LiveRowsOptions {
  readonly rows: Rows;
  readonly products: Products;
  readonly stock: StockBook;
  readonly customers: CustomerBook;
  readonly region: string;
  /** Branches whose stock is replicated here. */
  readonly branches: () => readonly string[];
}

export class LiveRows {
  readonly #options: LiveRowsOptions;
  readonly #shards: readonly string[];
  /** Rows by document, of a kind somebody has opened. */
  readonly #skus = new Map<string, Set<string>>();
  readonly #ids = new Map<string, Set<string>>();
  #gathering: { skus?: Promise<void>; ids?: Promise<void> } = {};

  constructor(options: LiveRowsOptions) {
    this.#options = options;
    this.#shards = [...shardDocs('catalog'), ...shardDocs(`loyalty/${options.region}`)];
  }

  documents(): readonly string[] {
    return [...this.#shards, ...this.#options.branches().map((branch) => `stock/${branch}`)];
  }

  /** The live document that shows the rows of one of ours. */
  documentOf(doc: DocName): string {
    return docKind(doc) === 'stock' ? docCollection(doc) : doc;
  }

  /** Documents a product or customer is in. */
  namesOf({ sku, customer }: { sku?: string | undefined; customer?: string | undefined }): Set<string> {
    const names = new Set<string>();
    if (sku !== undefined) {
      names.add(catalogDoc(sku));
      for (const branch of this.#options.branches()) {
        names.add(`stock/${branch}`);
      }
    }
    if (customer !== undefined) {
      names.add(loyaltyDoc(this.#options.region, customer));
    }
    return names;
  }

  /** Called with every change of rows. */
  note(doc: DocName, rows: readonly string[]): void {
    const { skus, ids } = this.#gathering;
    const known = docKind(doc) === 'catalog' ? skus && this.#skus : ids && this.#ids;
    if (docKind(doc) !== 'stock' && known !== undefined) {
      for (const row of rows) {
        add(known, doc, row);
      }
    }
  }

  async read(document: string, wanted?: readonly string[]): Promise<Map<string, LiveRow>> {
    switch (kindOf(document)) {
      case 'catalog':
        return this.#readProducts(wanted ?? (await this.#skusOf(document)));
      case 'loyalty':
        return await this.#readCustomers(wanted ?? (await this.#idsOf(document)));
      case 'stock':
        return await this.#readStock(branchOf(document), wanted);
      default:
        return new Map();
    }
  }

  #readProducts(skus: Iterable<string>): Map<string, LiveRow> {
    const found = new Map<string, LiveRow>();
    for (const sku of skus) {
      const row = this.#options.products.row(sku);
      if (row !== undefined) {
        const { name, priceMinor, vat, barcodes, unit, category, brand, retired } = row;
        const shown = { name, priceMinor, vat, barcodes: barcodes.join(' '), unit, category, brand, retired };
        found.set(sku, shown);
      }
    }
    return found;
  }

  async #readCustomers(ids: Iterable<string>): Promise<Map<string, LiveRow>> {
    const found = new Map<string, LiveRow>();
    for (const id of ids) {
      const customer = await this.#options.customers.get(id);
      if (customer !== undefined) {
        const { name = '', phone = '', email = '', note = '', retired, points } = customer;
        found.set(id, { name, phone, email, note, retired, points: points.balance });
      }
    }
    return found;
  }

  async #readStock(branch: string, wanted?: readonly string[]): Promise<Map<string, LiveRow>> {
    const found = new Map<string, LiveRow>();
    for (const sku of wanted ?? []) {
      const level = await this.#options.stock.level(branch, sku);
      if (level !== undefined) {
        found.set(sku, { onHandMilli: level.onHandMilli });
      }
    }
    if (wanted === undefined) {
      const prefix = rowKeys.stock(branch, '');
      for await (const [, text] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
        const { sku, onHandMilli } = JSON.parse(text) as { sku: string; onHandMilli: number };
        found.set(sku, { onHandMilli });
      }
    }
    return found;
  }

  async #skusOf(document: string): Promise<Iterable<string>> {
    this.#gathering.skus ??= this.#gather('p/', (key) => add(this.#skus, catalogDoc(key), key));
    await this.#gathering.skus;
    return this.#skus.get(document) ?? [];
  }

  async #idsOf(document: string): Promise<Iterable<string>> {
    const { region } = this.#options;
    const prefix = rowKeys.customer(region, '');
    this.#gathering.ids ??= this.#gather(prefix, (key) => add(this.#ids, loyaltyDoc(region, key), key));
    await this.#gathering.ids;
    return this.#ids.get(document) ?? [];
  }

  async #gather(prefix: string, take: (key: string) => void): Promise<void> {
    for await (const [key] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
      take(key.slice(prefix.length));
    }
  }
}

export function kindOf(document: string): LiveKind {
  return document.slice(0, document.indexOf('/')) as LiveKind;
}

export function branchOf(document: string): string {
  return document.slice(document.indexOf('/') + 1);
}

function add(known: Map<string, Set<string>>, document: string, row: string): void {
  const rows = known.get(document) ?? new Set();
  known.set(document, rows.add(row));
}
