/**
 * Stock periods of one writer: which document it writes next, and with what it must begin there.
 *
 * Guarantees: a writer's period never goes back, whatever its clock does; the first change in a period carries everything
 * the writer (and the writers it succeeds) had, in the same change as the movement that caused it, so a crash leaves both
 * or none; no other writer is waited for.
 */
import type { Mutator } from './cell.ts';
import { type DocName, type Period, stockDoc, type WriterId } from './doc-name.ts';
import type { Documents } from './documents.ts';
import { carriedKey, carryStock, cellsOfWriter, type WriterCells } from './stock.ts';

export class StockPeriods {
  readonly #documents: Documents;
  readonly #branch: string;
  readonly #writer: WriterId;
  readonly #predecessors: readonly WriterId[];
  /** This writer has carried itself into this period: nothing to look up. */
  #current: Period | undefined;
  /** A period begun, by a change that may not be durable, or known to the caller as held, yet. */
  #planned: readonly Period[] = [];

  constructor(options: {
    documents: Documents;
    branch: string;
    writer: WriterId;
    /** Earlier incarnations of this device, all of them. */
    predecessors?: readonly WriterId[];
  }) {
    this.#documents = options.documents;
    this.#branch = options.branch;
    this.#writer = options.writer;
    this.#predecessors = options.predecessors ?? [];
  }

  /**
   * The document for a movement now, and the mutators that must come before it in the same change: none, once the writer has
   * carried. `held` are the branch's periods of which a document exists here, in any order.
   */
  async open(
    now: Period,
    held: Iterable<Period>,
  ): Promise<{ doc: DocName; period: Period; before: Mutator[] }> {
    if (this.#current !== undefined && now <= this.#current) {
      return { doc: stockDoc(this.#branch, this.#current), period: this.#current, before: [] };
    }
    // All of them: a device that was away for years must find itself, or what it had would vanish. Usually the first one has it.
    const newestFirst = [...new Set([...held, ...this.#planned])].sort().reverse();
    const own = await this.#newest(this.#writer, newestFirst);
    const period = own !== undefined && own > now ? own : now;
    const doc = stockDoc(this.#branch, period);
    if (own === period) {
      this.#current = period;
      return { doc, period, before: [] };
    }
    this.#current = undefined;
    this.#planned = [period];
    const predecessors: WriterCells[] = [];
    for (const writer of this.#predecessors) {
      const found = await this.#cells(writer, await this.#newest(writer, newestFirst));
      if (found !== undefined) {
        predecessors.push(found);
      }
    }
    return { doc, period, before: [carryStock(await this.#cells(this.#writer, own), predecessors)] };
  }

  async #newest(writer: WriterId, newestFirst: readonly Period[]): Promise<Period | undefined> {
    for (const period of newestFirst) {
      const [carried] = await this.#documents.read(stockDoc(this.#branch, period), [carriedKey(writer)]);
      if (carried !== undefined) {
        return period;
      }
    }
    return undefined;
  }

  async #cells(writer: WriterId, period: Period | undefined): Promise<WriterCells | undefined> {
    if (period === undefined) {
      return undefined;
    }
    const cells = cellsOfWriter(writer, await this.#documents.cells(stockDoc(this.#branch, period)));
    return { writer, period, cells };
  }
}
