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
import {
  formatNumber,
  numberPrefix,
  type OrderNumber,
  type NumberSeries as SeriesName,
} from '@branchline/model';

/** The counts behind the last numbers taken. */
export interface NumberMark {
  readonly orders: number;
  readonly refunds: number;
  /** Of branches whose sales are pushed here, by prefix; those taken since the start. */
  readonly pushed: ReadonlyMap<string, number>;
}

export class NumberSeries {
  #name: SeriesName;
  #last: NumberMark;
  readonly #pushedCount: (prefix: string) => number;

  /** `pushedCount` is the count behind the last number of a pushed series, as rows have it. */
  constructor(
    name: SeriesName,
    orders: number,
    refunds = 0,
    pushedCount: (prefix: string) => number = () => 0,
  ) {
    this.#name = name;
    this.#last = { orders, refunds, pushed: new Map() };
    this.#pushedCount = pushedCount;
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

  /** Of a branch that sells with another program: `B017.P-000001`, one series per branch and device of head office. */
  takePushed(branch: string, of: 'pushed' | 'pushed-refunds'): OrderNumber {
    const series: SeriesName = { ...this.#name, branch: branch as SeriesName['branch'], of };
    const prefix = numberPrefix(series);
    const count = (this.#last.pushed.get(prefix) ?? this.#pushedCount(prefix)) + 1;
    this.#last = { ...this.#last, pushed: new Map(this.#last.pushed).set(prefix, count) };
    return formatNumber(series, count);
  }

  pushedPrefix(branch: string): string {
    return numberPrefix({ ...this.#name, branch: branch as SeriesName['branch'], of: 'pushed' });
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
    this.#last = { orders: 0, refunds: 0, pushed: new Map() };
  }
}
