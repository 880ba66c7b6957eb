/**
 * What use cases see of the node: read models, number series, randomness and the rights of the device. No store, no disk,
 * no network, no clock: the stamp comes with the transaction.
 */
import type { ProductEdit, VoucherKind } from '@branchline/docs';
import type { Order, Product } from '@branchline/model';
import type { NumberSeries } from '../commit/number-series.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { KeyRing } from '../customers/key-ring.ts';
import type { RefundWanted, Sold } from '../fiscal/receipt-of-order.ts';
import type { MaintenanceBook } from '../maintenance/maintenance-book.ts';
import type { CustomerBook } from '../projections/customers.ts';
import type { Pricing } from '../projections/pricing.ts';
import type { Programmes } from '../projections/programmes.ts';
import type { Reservations } from '../projections/reservations.ts';
import type { ShelfTasks } from '../projections/shelf-tasks.ts';
import type { StockBook } from '../projections/stock.ts';
import type { Tills } from '../projections/tills.ts';
import type { Transfers } from '../projections/transfers.ts';
import type { ReturnRights } from '../returns/return-rights.ts';

/** Products by SKU, from memory. */
export interface Catalog {
  get(sku: string): Product | undefined;
  /** Writes the named fields of a product with the transaction. */
  change(transaction: Transaction, sku: string, fields: ProductEdit): void;
}

/** Who is told that rights are needed or were used here; nothing waits for it. */
export interface RightsDesk {
  need(account: string, points: number): void;
  used(account: string, points: number): void;
}

export interface Trade {
  readonly branch: string;
  readonly region: string;
  readonly catalog: Catalog;
  readonly stock: StockBook;
  readonly customers: CustomerBook;
  readonly tills: Tills;
  readonly returns: ReturnRights;
  readonly reservations: Reservations;
  readonly transfers: Transfers;
  readonly shelfTasks: ShelfTasks;
  /** Of this node. */
  readonly maintenance: MaintenanceBook;
  readonly series: NumberSeries;
  readonly programmes: Programmes;
  readonly pricing: Pricing;
  readonly rights: RightsDesk;
  /** The account of a gift card or coupon, from its code. */
  accountOf(kind: VoucherKind, code: string): string;
  /** Where an electronic receipt of this branch went. */
  contactOf(receipt: string): Promise<string | undefined>;
  /** Keys of personal data. */
  readonly keys: KeyRing;
  /** A register is configured: every sale is owed a fiscal receipt. */
  readonly printsReceipts: boolean;
  /** Throws where the register that is connected could never print it. */
  readonly guard: {
    sale(sold: Sold, till: string): void;
    refund(refund: RefundWanted, original: Order | undefined): void;
  };
  /** May this device write the collection, by its grant? */
  mayWrite(collection: string): boolean;
  /** Is there a device of that branch in the registry? */
  isBranch(code: string): boolean;
  /** Wall clock, for promises that end by themselves; nothing else is decided by it. */
  nowMs(): number;
  /** Cryptographically random. */
  randomBytes(length: number): Uint8Array;
}
