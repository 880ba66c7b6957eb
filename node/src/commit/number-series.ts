/**
 * The running counts of one device's order and refund numbers: gap-free, and never given out twice.
 *
 * A number is final once its commit is durable. Inside a group numbers are taken in turn; an operation refused after it took
 * one gives it back with `rewind`, which is safe because groups run one after another and nothing else takes numbers.
 * The counts are found again on start from the device's own orders, so a crash between taking and committing leaves no gap.
 *
 * A series belongs to a writer: a second node of a branch has its letter, a later incarnation its suffix (see `ids` in the model).
 * It begins anew when the authority grants a device another suffix than the one it has been using offline.
 */
import { formatNumber, type OrderNumber, type NumberSeries as SeriesName } from '@branchline/model';

/** The counts behind the last numbers taken. */
export interface NumberMark {
  readonly orders: number;
  readonly refunds: number;
}

export class NumberSeries {
  #name: SeriesName;
  #last: NumberMark;

  constructor(name: SeriesName, orders: number, refunds = 0) {
    this.#name = name;
    this.#last = { orders, refunds };
  }

  get last(): NumberMark {
    return this.#last;
  }

  take(): { readonly number: OrderNumber; readonly count: number } {
    const count = this.#last.orders + 1;
    this.#last = { ...this.#last, orders: count };
    return { number: formatNumber(this.#name, count), count };
  }

  takeRefund(): { readonly number: OrderNumber; readonly count: number } {
    const count = this.#last.refunds + 1;
    this.#last = { ...this.#last, refunds: count };
    return { number: formatNumber({ ...this.#name, of: 'refunds' }, count), count };
  }

  rewind(last: NumberMark): void {
    this.#last = last;
  }

  get name(): SeriesName {
    return this.#name;
  }

  /** Called between groups. */
  beginAnew(name: SeriesName): void {
    this.#name = name;
    this.#last = { orders: 0, refunds: 0 };
  }
}
