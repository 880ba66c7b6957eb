/**
 * The running count of one device's order numbers: gap-free, and never given out twice.
 *
 * A number is final once its commit is durable. Inside a group numbers are taken in turn; an operation refused after it took
 * one gives it back with `rewind`, which is safe because groups run one after another and nothing else takes numbers.
 * The count is found again on start from the device's own orders, so a crash between taking and committing leaves no gap.
 *
 * A series belongs to a writer: a second node of a branch has its letter, a later incarnation its suffix (see `ids` in the model).
 * It begins anew when the authority grants a device another suffix than the one it has been using offline.
 */
import { formatNumber, type OrderNumber, type NumberSeries as SeriesName } from '@branchline/model';

export class NumberSeries {
  #name: SeriesName;
  #last: number;

  constructor(name: SeriesName, last: number) {
    this.#name = name;
    this.#last = last;
  }

  /** The count behind the last number taken. */
  get last(): number {
    return this.#last;
  }

  take(): { readonly number: OrderNumber; readonly count: number } {
    this.#last += 1;
    return { number: formatNumber(this.#name, this.#last), count: this.#last };
  }

  rewind(last: number): void {
    this.#last = last;
  }

  get name(): SeriesName {
    return this.#name;
  }

  /** Called between groups. */
  beginAnew(name: SeriesName): void {
    this.#name = name;
    this.#last = 0;
  }
}
