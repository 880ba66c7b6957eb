/**
 * What use cases see of the node: read models, number series, randomness and the rights of the device. No store, no disk,
 * no network, no clock: the stamp comes with the transaction.
 */
import type { ProductEdit } from '@branchline/docs';
import type { LoyaltyProgramme, Product } from '@branchline/model';
import type { NumberSeries } from '../commit/number-series.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { CustomerBook } from '../projections/customers.ts';
import type { StockBook } from '../projections/stock.ts';
import type { Tills } from '../projections/tills.ts';

/** Products by SKU, from memory. */
export interface Catalog {
  get(sku: string): Product | undefined;
  /** Writes the named fields of a product with the transaction. */
  change(transaction: Transaction, sku: string, fields: ProductEdit): void;
}

export interface Trade {
  readonly branch: string;
  readonly catalog: Catalog;
  readonly stock: StockBook;
  readonly customers: CustomerBook;
  readonly tills: Tills;
  readonly series: NumberSeries;
  readonly programme: LoyaltyProgramme;
  /** A register is configured: every sale is owed a fiscal receipt. */
  readonly printsReceipts: boolean;
  /** May this device write the collection, by its grant? */
  mayWrite(collection: string): boolean;
  /** Cryptographically random. */
  randomBytes(length: number): Uint8Array;
}
