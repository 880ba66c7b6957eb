/**
 * The last number this device gave out in a series, kept as one row: `writer prefix count`.
 *
 * Guarantees: a count never goes back within its series; a row of another writer (a new key took over this directory) counts
 * as none. It does not give out numbers: `NumberSeries` goes on from what is found here.
 */
import type { Rows } from './rows.ts';

export class LastNumber {
  readonly #rows: Rows;
  readonly #key: string;
  readonly #writer: string;
  #prefix: string;
  #count: number;

  private constructor(rows: Rows, key: string, writer: string, prefix: string, count: number) {
    this.#rows = rows;
    this.#key = key;
    this.#writer = writer;
    this.#prefix = prefix;
    this.#count = count;
  }

  static async open(rows: Rows, key: string, writer: string): Promise<LastNumber> {
    const text = await rows.getText(key);
    const [of, prefix = '', count] = text?.split(' ') ?? [];
    return of === writer && count !== undefined
      ? new LastNumber(rows, key, writer, prefix, Number(count))
      : new LastNumber(rows, key, writer, '', 0);
  }

  /** 0 where this device gave out none with that prefix. */
  countOf(prefix: string): number {
    return this.#prefix === prefix ? this.#count : 0;
  }

  /** Called with each number of this device. */
  take(number: string): void {
    const { prefix, count } = numberParts(number);
    this.#count = Math.max(this.countOf(prefix), count);
    this.#prefix = prefix;
    this.#rows.putText(this.#key, `${this.#writer} ${prefix} ${this.#count}`);
  }
}

/** `B001` and 123 of `B001-000123`. */
function numberParts(number: string): { prefix: string; count: number } {
  const at = number.lastIndexOf('-');
  return { prefix: number.slice(0, at), count: Number(number.slice(at + 1)) };
}
