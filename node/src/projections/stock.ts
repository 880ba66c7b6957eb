/**
 * Stock of this branch, and of every branch whose stock is replicated here: rows per SKU, folded from cells that changed.
 *
 * Movements of this device go to one document per period; the first movement in a period carries everything over (see
 * `StockPeriods`). Which document that is is decided when the group's change is made, under the name `STOCK`.
 *
 * A level is read from the row plus what earlier operations of the same commit group moved, so two counts in one group do not
 * undo each other.
 */
import {
  type Cell,
  cellsBySku,
  type DocName,
  docPeriod,
  foldStock,
  type Movement,
  moveStock,
  type StockRow,
} from '@branchline/docs';
import type { StockLevel } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import { FoldedRows } from './folded-rows.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';
import type { PatchCause, RowSink } from './shards.ts';

/** What use cases call this device's stock document; the commit decides which one that is. */
export const STOCK = 'stock';
/** The same for a branch without a device of its own, whose sales are pushed here. */
export const stockOfBranch = (branch: string): string => `${STOCK}@${branch}`;
export const stockBranchOf = (document: string): string | undefined =>
  document.startsWith(`${STOCK}@`) ? document.slice(STOCK.length + 1) : undefined;
/** Stock rows kept in memory; the rest is in LevelDB. A row of this branch is some 300 bytes. */
export const STOCK_ROWS_HELD_MAX = 20_000;

export interface StockLine {
  readonly sku: string;
  readonly quantityMilli: number;
}

export interface StockOptions {
  readonly rows: Rows;
  readonly branch: string;
  readonly onChanged: (branch: string, row: StockRow, cause: PatchCause) => void;
}

export class StockBook implements RowSink {
  readonly #options: StockOptions;
  readonly #rows: FoldedRows<StockRow>;

  constructor(options: StockOptions) {
    this.#options = options;
    this.#rows = new FoldedRows(options.rows, { heldMax: STOCK_ROWS_HELD_MAX });
  }

  async level(branch: string, sku: string): Promise<StockLevel | undefined> {
    const row = await this.#rows.get(rowKeys.stock(branch, sku));
    return row === undefined ? undefined : levelOf(branch, row);
  }

  /** Of this branch, what the books say is less than nothing. */
  async *rowsBelowZero(): AsyncGenerator<StockRow> {
    const prefix = rowKeys.stock(this.#options.branch, '');
    for await (const [, text] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
      const row = JSON.parse(text) as StockRow;
      if (row.onHandMilli < 0) {
        yield row;
      }
    }
  }

  async onHandMilli(transaction: Transaction, sku: string): Promise<number> {
    const row = await this.#rows.get(rowKeys.stock(this.#options.branch, sku));
    return (row?.onHandMilli ?? 0) + transaction.movedMilli(sku);
  }

  move(transaction: Transaction, movement: Movement, lines: readonly StockLine[]): void {
    const bySku = new Map<string, number>();
    for (const { sku, quantityMilli } of lines) {
      bySku.set(sku, (bySku.get(sku) ?? 0) + quantityMilli);
    }
    for (const [sku, milli] of bySku) {
      if (milli !== 0) {
        transaction.change(STOCK, moveStock(sku, movement, milli));
        transaction.noteMoved(sku, movement === 'sold' || movement === 'sent' ? -milli : milli);
      }
    }
  }

  /** What a branch without a device of its own moved; earlier operations of a group are found under `branch/sku`. */
  moveAt(branch: string, transaction: Transaction, movement: Movement, lines: readonly StockLine[]): void {
    for (const { sku, quantityMilli } of lines) {
      if (quantityMilli !== 0) {
        transaction.change(stockOfBranch(branch), moveStock(sku, movement, quantityMilli));
        const delta = movement === 'sold' || movement === 'sent' ? -quantityMilli : quantityMilli;
        transaction.noteMoved(`${branch}/${sku}`, delta);
      }
    }
  }

  async onHandMilliAt(branch: string, transaction: Transaction, sku: string): Promise<number> {
    const row = await this.#rows.get(rowKeys.stock(branch, sku));
    return (row?.onHandMilli ?? 0) + transaction.movedMilli(`${branch}/${sku}`);
  }

  /** Every product that ever moved at a branch. */
  async *rowsOf(branch: string): AsyncGenerator<StockRow> {
    const prefix = rowKeys.stock(branch, '');
    for await (const [, text] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
      yield JSON.parse(text) as StockRow;
    }
  }

  prepare(doc: DocName, cells: readonly Cell[]): Promise<void> {
    return this.#rows.prepare(this.#keys(doc, cells));
  }

  patch(doc: DocName, cells: readonly Cell[], cause: PatchCause): void {
    const branch = branchOf(doc);
    const period = docPeriod(doc);
    for (const [sku, own] of cellsBySku(cells)) {
      const row = this.#rows.fold(rowKeys.stock(branch, sku), (before) =>
        foldStock(before, sku, period, own),
      );
      this.#options.onChanged(branch, row, cause);
    }
  }

  forget(doc: DocName, cells: readonly Cell[]): void {
    for (const key of this.#keys(doc, cells)) {
      this.#rows.forget(key);
    }
  }

  #keys(doc: DocName, cells: readonly Cell[]): string[] {
    const branch = branchOf(doc);
    return Array.from(cellsBySku(cells).keys(), (sku) => rowKeys.stock(branch, sku));
  }
}

/** `B001` of `stock/B001/2026-11`. */
function branchOf(doc: DocName): string {
  return doc.split('/')[1]!;
}

/**
 * What tills see. Received, sold and returned count since each device's last roll-over; what was carried over is in
 * `adjusted`, so that received − sold + returned + adjusted is always what is on hand.
 */
function levelOf(branch: string, row: StockRow): StockLevel {
  let received = 0;
  let sold = 0;
  let returned = 0;
  for (const { moved } of Object.values(row.writers)) {
    received += moved.received ?? 0;
    sold += moved.sold ?? 0;
    returned += moved.returned ?? 0;
  }
  return {
    sku: row.sku as StockLevel['sku'],
    branch: branch as StockLevel['branch'],
    onHandMilli: row.onHandMilli,
    receivedMilli: received,
    soldMilli: sold,
    returnedMilli: returned,
    adjustedMilli: row.onHandMilli - received + sold - returned,
  };
}
