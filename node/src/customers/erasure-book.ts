/**
 * Erasures of personal data as feeds tell of them: what was ordered, and which devices have done it.
 *
 *     erasures/<writer>: `erasure` ──> er/<customer>          letters/<from>/<to>: `erasure-done` ──> ed/<erasure>/<device>
 *
 * The first erasure of a customer stands as its act; later ones, of keys that came late, have to be done by every device as well.
 */
import { ERASURES_COLLECTION, type WriterId } from '@branchline/feed';
import { type EventBody, eventBodies } from '@branchline/model';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

export interface ErasureRow {
  readonly feed: string;
  readonly seq: number;
  readonly writer: WriterId;
  readonly customers: readonly string[];
  readonly reason: string;
  readonly till: string;
  readonly branch: string;
  readonly atMs: number;
  /** Feeds of keys it had shredded. */
  readonly cuts: readonly string[];
}

export class ErasureBook implements Projection {
  readonly kinds = ['erasure', 'erasure-done'];
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.kind === 'erasure-done') {
      const { feed, seq, atMs } = eventBodies['erasure-done'].parse(entry.body);
      this.#rows.putText(rowKeys.erasureDone(`${feed}/${seq}`, entry.writer), String(atMs));
      return;
    }
    if (entry.collection !== ERASURES_COLLECTION) {
      throw new TypeError(`an erasure does not belong to ${entry.collection}`);
    }
    const body = eventBodies.erasure.parse(entry.body);
    for (const customer of body.customers) {
      const row = rowOf(entry, body);
      this.#rows.putText(rowKeys.erasure(customer, `${row.feed}/${row.seq}`), JSON.stringify(row));
    }
  }

  /** All erasures of a customer, the first one first. */
  async of(customer: string): Promise<ErasureRow[]> {
    const prefix = rowKeys.erasure(customer, '');
    const found: ErasureRow[] = [];
    for await (const [, text] of this.#rows.texts({ after: prefix, below: after(prefix) })) {
      found.push(JSON.parse(text) as ErasureRow);
    }
    return found.sort((a, b) => a.atMs - b.atMs || a.seq - b.seq);
  }

  /** When each device said it was done, by writer. */
  async done({ feed, seq }: Pick<ErasureRow, 'feed' | 'seq'>): Promise<Map<string, number>> {
    const prefix = rowKeys.erasureDone(`${feed}/${seq}`, '');
    const found = new Map<string, number>();
    for await (const [key, text] of this.#rows.texts({ after: prefix, below: after(prefix) })) {
      found.set(key.slice(prefix.length), Number(text));
    }
    return found;
  }
}

function rowOf({ feed, seq, writer }: ProjectedEntry, body: EventBody<'erasure'>): ErasureRow {
  const { customers, reason, till, branch, atMs, cuts } = body;
  return { feed, seq, writer, customers, reason, till, branch, atMs, cuts: cuts.map((cut) => cut.feed) };
}
