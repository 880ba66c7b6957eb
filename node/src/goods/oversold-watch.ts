/**
 * Notices when a product this branch keeps has less than nothing on hand, and which sale it was.
 *
 * Called while a commit is projected, so it only notes; the goods desk acts at its own pace. A product that never came in here is
 * not kept by the books, and selling it is no oversell.
 */
import type { StockRow } from '@branchline/docs';
import type { Order } from '@branchline/model';

/** Products noted and not looked at yet, and products whose last sale is remembered. */
export const OVERSOLD_NOTED_MAX = 10_000;
export const LAST_SALES_MAX = 1_000;

export interface LastSale {
  readonly order: Order['id'];
  readonly till: Order['till'];
  readonly cashier: string | undefined;
}

export class OversoldWatch {
  readonly #noted = new Map<string, boolean>();
  readonly #lastSales = new Map<string, LastSale>();
  #listener: () => void = () => undefined;

  /** One listener: the desk. */
  watch(listener: () => void): void {
    this.#listener = listener;
  }

  notice(): void {
    this.#listener();
  }

  noteSale({ id, till, cashier, lines }: Order): void {
    for (const { sku } of lines) {
      this.#lastSales.delete(sku);
      this.#lastSales.set(sku, { order: id, till, cashier });
    }
    while (this.#lastSales.size > LAST_SALES_MAX) {
      this.#lastSales.delete(this.#lastSales.keys().next().value!);
    }
  }

  look(row: StockRow, local: boolean): void {
    if (row.onHandMilli < 0 && isKept(row) && this.#noted.size < OVERSOLD_NOTED_MAX) {
      this.#noted.set(row.sku, local || this.#noted.get(row.sku) === true);
      this.#listener();
    }
  }

  /** What was noted since the last call; `local` when a movement of this device did it. */
  take(): { sku: string; local: boolean }[] {
    const taken = [...this.#noted].map(([sku, local]) => ({ sku, local }));
    this.#noted.clear();
    return taken;
  }

  lastSale(sku: string): LastSale | undefined {
    return this.#lastSales.get(sku);
  }
}

/** Something of it came in, was counted or carried over here. */
export function isKept({ writers }: StockRow): boolean {
  return Object.values(writers).some(
    ({ opening, moved }) =>
      opening > 0 ||
      moved.received !== undefined ||
      moved.arrived !== undefined ||
      moved.counted !== undefined ||
      moved.adjusted !== undefined,
  );
}
