/**
 * Numbers of 32 bits, because that is all the module can keep of where a record is: given out by one counter, said in the feed with what
 * they stand for, never taken back. A number taken by an operation that was refused is left out; nothing counts on them being gap-free.
 */
import type { EventBody } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import { POS_SYNC, type PosSyncBook } from './pos-sync-book.ts';

/** Numbers said in one entry. */
export const IDS_PER_ENTRY_MAX = 1_000;
/** Given out and not seen in the feed yet; more than one commit group can hold. */
export const PENDING_MAX = 100_000;

export class CloudIds {
  readonly #book: PosSyncBook;
  readonly #collection: string;
  readonly #pending = new Map<string, number>();
  #last = 0;

  constructor(book: PosSyncBook, headOffice: string) {
    this.#book = book;
    this.#collection = `${POS_SYNC}/${headOffice}`;
  }

  /** A new number that some other entry of the transaction says. */
  take(): number {
    this.#last = Math.max(this.#last, this.#book.lastId) + 1;
    return this.#last;
  }

  /** The number of each of these, in their order; new ones are said with the transaction. */
  async of(transaction: Transaction, model: string, keys: readonly string[]): Promise<number[]> {
    const known = keys.length > 100 ? await this.#book.cloudIds(model) : undefined;
    const fresh: EventBody<'pos-sync-ids'>['ids'] = [];
    const numbers: number[] = [];
    for (const key of keys) {
      const said = known === undefined ? await this.#book.cloudId(model, key) : known.get(key);
      const name = `${model}/${key}`;
      if (said !== undefined) {
        this.#pending.delete(name);
        numbers.push(said);
        continue;
      }
      // Said again until it is seen: the operation that took it may have been refused.
      const id = this.#pending.get(name) ?? this.take();
      if (this.#pending.size < PENDING_MAX) {
        this.#pending.set(name, id);
      }
      fresh.push([model, key, id]);
      numbers.push(id);
    }
    for (let from = 0; from < fresh.length; from += IDS_PER_ENTRY_MAX) {
      const body: EventBody<'pos-sync-ids'> = { ids: fresh.slice(from, from + IDS_PER_ENTRY_MAX) };
      transaction.append(this.#collection, 'pos-sync-ids', body);
    }
    return numbers;
  }
}
