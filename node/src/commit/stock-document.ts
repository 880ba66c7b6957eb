/**
 * Which document a group's stock movements go into, and what must come before them there.
 *
 * Usually the one of last time, without asking anybody. At the first movement after a start or in a new month the branch's
 * documents are brought level with what is stored here first: carrying over from a document that lacks this device's own
 * latest changes would lose them.
 */
import { docPeriod, type Mutator, type Period, StockPeriods, stockPeriod } from '@branchline/docs';
import type { WriterId } from '@branchline/feed';
import { type Stamp, stampMs } from 'hlc-ts';
import type { Shards } from '../projections/shards.ts';
import type { Draft } from './transaction.ts';

export class StockDocument {
  readonly #shards: Shards;
  readonly #branch: string;
  readonly #periods: StockPeriods;
  /** This device has carried itself into this period. */
  #carried: Period | undefined;

  constructor(options: {
    readonly shards: Shards;
    readonly branch: string;
    readonly writer: WriterId;
    readonly predecessors: readonly WriterId[];
  }) {
    this.#shards = options.shards;
    this.#branch = options.branch;
    const { branch, writer, predecessors } = options;
    this.#periods = new StockPeriods({ documents: options.shards.documents, branch, writer, predecessors });
  }

  async change(mutators: readonly Mutator[], stamp: Stamp): Promise<Draft | undefined> {
    const now = stockPeriod(stampMs(stamp));
    const { doc, period, before } = await this.#periods.open(now, await this.#held(now));
    this.#carried = before.length === 0 ? period : undefined;
    return await this.#shards.change(doc, [...before, ...mutators], stamp);
  }

  /** Called when idle after a start, so that the first sale does not wait for the document to load. */
  async warm(stamp: Stamp): Promise<void> {
    const now = stockPeriod(stampMs(stamp));
    await this.#periods.open(now, await this.#held(now));
  }

  async #held(now: Period): Promise<Period[]> {
    if (this.#carried !== undefined && now <= this.#carried) {
      return [];
    }
    const docs = await this.#shards.level(`stock/${this.#branch}`);
    return docs.map(docPeriod);
  }
}
