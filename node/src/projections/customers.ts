/**
 * Customers of this node's region: profiles folded from cells that changed, found by id and by the beginnings of words.
 *
 * The search holds only ids and the words people search by. What is spendable here is a right, not a balance; this node holds
 * none until rights are granted, so it says zero rather than guess.
 */
import {
  type Cell,
  CustomerIndex,
  type CustomerRow,
  cellsBySku,
  type DocName,
  editCustomer,
  foldCustomer,
  loyaltyDoc,
  movePoints,
} from '@branchline/docs';
import type { Customer, CustomerPut } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import { FoldedRows } from './folded-rows.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';
import type { PatchCause, RowSink } from './shards.ts';

/** Customer rows kept in memory; the rest is in LevelDB. */
export const CUSTOMER_ROWS_HELD_MAX = 5_000;

export interface CustomersOptions {
  readonly rows: Rows;
  readonly region: string;
  readonly onChanged: (id: string, cause: PatchCause) => void;
}

export class CustomerBook implements RowSink {
  readonly collection: string;
  readonly #options: CustomersOptions;
  readonly #rows: FoldedRows<CustomerRow>;
  readonly #index = new CustomerIndex();

  private constructor(options: CustomersOptions) {
    this.#options = options;
    this.collection = `loyalty/${options.region}`;
    this.#rows = new FoldedRows(options.rows, { heldMax: CUSTOMER_ROWS_HELD_MAX });
  }

  static async open(options: CustomersOptions): Promise<CustomerBook> {
    const self = new CustomerBook(options);
    const prefix = rowKeys.customer(options.region, '');
    for await (const [, text] of options.rows.texts({ after: prefix, below: after(prefix) })) {
      self.#index.put(JSON.parse(text));
    }
    return self;
  }

  async get(id: string): Promise<Customer | undefined> {
    const row = await this.#rows.get(rowKeys.customer(this.#options.region, id));
    return row === undefined ? undefined : customerOf(row);
  }

  async search(query: { readonly q: string; readonly limit: number }): Promise<readonly Customer[]> {
    const ids = this.#index.search(query.q, query.limit);
    const found = await Promise.all(ids.map((id) => this.get(id)));
    return found.flatMap((customer) => (customer === undefined ? [] : [customer]));
  }

  change(transaction: Transaction, id: string, put: CustomerPut): void {
    transaction.change(loyaltyDoc(this.#options.region, id), editCustomer(id, put));
  }

  /** Points of a sale; the row of this device grows, nobody else's. */
  earn(transaction: Transaction, id: string, points: number): void {
    transaction.change(loyaltyDoc(this.#options.region, id), movePoints(id, 'earned', points));
  }

  prepare(doc: DocName, cells: readonly Cell[]): Promise<void> {
    return this.#rows.prepare(keys(doc, cells));
  }

  patch(doc: DocName, cells: readonly Cell[], cause: PatchCause): void {
    const region = regionOf(doc);
    for (const [id, own] of cellsBySku(cells)) {
      const row = this.#rows.fold(rowKeys.customer(region, id), (before) => foldCustomer(before, id, own));
      if (region === this.#options.region) {
        this.#index.put(row);
        this.#options.onChanged(id, cause);
      }
    }
  }

  forget(doc: DocName, cells: readonly Cell[]): void {
    for (const key of keys(doc, cells)) {
      this.#rows.forget(key);
    }
  }
}

function keys(doc: DocName, cells: readonly Cell[]): string[] {
  const region = regionOf(doc);
  return Array.from(cellsBySku(cells).keys(), (id) => rowKeys.customer(region, id));
}

/** `north` of `loyalty/north/17`. */
function regionOf(doc: DocName): string {
  return doc.split('/')[1]!;
}

function customerOf(row: CustomerRow): Customer {
  return {
    id: row.id as Customer['id'],
    ...(row.name === '' ? {} : { name: row.name }),
    ...(row.phone === '' ? {} : { phone: row.phone }),
    ...(row.email === '' ? {} : { email: row.email }),
    ...(row.note === '' ? {} : { note: row.note }),
    retired: row.retired,
    points: { balance: Math.max(0, row.balance), spendableHere: 0 },
  };
}
