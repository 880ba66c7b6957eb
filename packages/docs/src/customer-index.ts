/**
 * Customer index: ids of customers whose name, phone, e-mail or id has words beginning with the query's.
 *
 * Holds no profile, only words; rows stay where the node keeps them. A phone is searched by its beginning and by its last
 * digits, because that is what people say.
 */
import type { CustomerRow } from './loyalty.ts';
import { TextIndex } from './text-index.ts';

/** Last digits of a phone that find its customer. */
const PHONE_TAILS = [4, 7, 10];

export class CustomerIndex {
  readonly #texts = new TextIndex();

  get size(): number {
    return this.#texts.size;
  }

  put(row: Pick<CustomerRow, 'id' | 'name' | 'phone' | 'email' | 'retired'>): void {
    if (row.retired) {
      this.#texts.remove(row.id);
      return;
    }
    const digits = row.phone.replaceAll(/\D/g, '');
    const tails = PHONE_TAILS.filter((length) => length <= digits.length).map((length) =>
      digits.slice(-length),
    );
    this.#texts.put(row.id, `${row.name} ${digits} ${tails.join(' ')} ${row.email} ${row.id}`);
  }

  remove(id: string): void {
    this.#texts.remove(id);
  }

  /** Ids, best first. */
  search(query: string, limit: number): string[] {
    return this.#texts.search(query, limit);
  }
}
