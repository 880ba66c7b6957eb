/**
 * What a branch's goods need without a till asking: reservations whose time is over are cleared away, oversells become tasks, and a
 * transfer this device took in after another one had is undone.
 *
 * Guarantees: everything it does is an entry decided inside a commit group from what is durable then, so a crash before it repeats the
 * look, and a crash after it does nothing twice.
 */
import { type EventBody, ProblemError, type StockDocumentId, uuidV7 } from '@branchline/model';
import { type Clock, doze, stampMs } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { StockBook } from '../projections/stock.ts';
import { milliBySku, type Transfers } from '../projections/transfers.ts';
import type { Trade } from '../use-cases/trade.ts';
import { isKept, type OversoldWatch } from './oversold-watch.ts';

/** Between two looks at what time alone changes. */
export const GOODS_ROUND_MS = 5_000;
/** Things done in one commit. */
const ROUND_MAX = 500;

export interface GoodsDeskOptions {
  readonly trade: Trade;
  readonly stock: StockBook;
  readonly transfers: Transfers;
  readonly oversold: OversoldWatch;
  /** Keys of this device, with those it had before. */
  readonly writers: readonly string[];
  readonly clock: Clock;
  readonly submit: (decide: (transaction: Transaction) => Promise<void>) => Promise<void>;
  readonly failed: (error: Error) => void;
}

type Act = (transaction: Transaction) => Promise<void>;

export class GoodsDesk {
  readonly #options: GoodsDeskOptions;
  #wake = new AbortController();

  constructor(options: GoodsDeskOptions) {
    this.#options = options;
    options.oversold.watch(() => this.#wake.abort('woken'));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, failed } = this.#options;
    // What came about while this device was off and nobody has looked at.
    let isFirst = true;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      try {
        await this.look(isFirst);
        isFirst = false;
      } catch (error) {
        // A node that cannot write does it when it can.
        if (!(error instanceof ProblemError)) {
          failed(error as Error);
          return;
        }
      }
      await doze(clock, GOODS_ROUND_MS, signal, this.#wake.signal);
    }
  }

  /** One round; the first one after a start also looks at what came about before it. */
  async look(isFirst: boolean): Promise<void> {
    const { trade, oversold } = this.#options;
    if (!trade.mayWrite(`goods/${trade.branch}`)) {
      return;
    }
    const noted = oversold.take();
    if (isFirst) {
      noted.push(...(await this.#belowZero()));
    }
    const acts = [
      ...trade.reservations.expired().map((id) => this.#expire(id)),
      ...noted.map(({ sku, local }) => this.#task(sku, local)),
      ...(await this.#doubled()),
    ].flatMap((act) => act ?? []);
    for (let from = 0; from < acts.length; from += ROUND_MAX) {
      const part = acts.slice(from, from + ROUND_MAX);
      await this.#options.submit(async (transaction) => {
        for (const act of part) {
          await act(transaction);
        }
      });
    }
  }

  #expire(id: string): Act {
    const { trade } = this.#options;
    return async (transaction) => {
      const body: EventBody<'reservation-ended'> = {
        id: id as StockDocumentId,
        till: 'control' as EventBody<'reservation-ended'>['till'],
        how: 'expired',
      };
      transaction.append(`goods/${trade.branch}`, 'reservation-ended', body);
    };
  }

  #task(sku: string, local: boolean): Act | undefined {
    const { trade, oversold } = this.#options;
    if (trade.shelfTasks.isOpen(sku)) {
      return undefined;
    }
    return async (transaction) => {
      const onHandMilli = await trade.stock.onHandMilli(transaction, sku);
      const name = `oversold/${sku}`;
      if (onHandMilli >= 0 || trade.shelfTasks.isOpen(sku) || transaction.movedMilli(name) > 0) {
        return;
      }
      transaction.noteMoved(name, 1);
      const sale = local ? oversold.lastSale(sku) : undefined;
      const body: EventBody<'oversell'> = {
        id: uuidV7(stampMs(transaction.stamp), trade.randomBytes(10)) as StockDocumentId,
        sku: sku as EventBody<'oversell'>['sku'],
        onHandMilli,
        ...(sale === undefined ? {} : { order: sale.order, till: sale.till }),
        ...(sale?.cashier === undefined ? {} : { cashier: sale.cashier }),
      };
      transaction.append(`goods/${trade.branch}`, 'oversell', body);
    };
  }

  async #belowZero(): Promise<{ sku: string; local: boolean }[]> {
    const { trade, stock } = this.#options;
    const found: { sku: string; local: boolean }[] = [];
    for await (const row of stock.rowsBelowZero()) {
      if (isKept(row) && !trade.shelfTasks.wasEver(row.sku)) {
        found.push({ sku: row.sku, local: false });
      }
    }
    return found;
  }

  /** Receptions of this device that another device of the branch was ahead of. */
  async #doubled(): Promise<Act[]> {
    const { trade, transfers, writers } = this.#options;
    const acts: Act[] = [];
    for (const id of transfers.doubled) {
      const known = await transfers.get(id);
      const [first, ...later] = known?.receptions ?? [];
      const ours = later.find(({ writer }) => writers.includes(writer));
      if (first === undefined || ours === undefined || first.to !== trade.branch) {
        continue;
      }
      if (!(await transfers.isUndone(id, writers))) {
        acts.push(async (transaction) => {
          const lines = [...milliBySku(ours.body.lines)].map(([sku, milli]) => ({ sku, deltaMilli: -milli }));
          const body = { id, lines } as EventBody<'transfer-undone'>;
          transaction.append(`goods/${trade.branch}`, 'transfer-undone', body);
          trade.stock.move(
            transaction,
            'adjusted',
            lines.map(({ sku, deltaMilli }) => ({ sku, quantityMilli: deltaMilli })),
          );
        });
      }
    }
    return acts;
  }
}
