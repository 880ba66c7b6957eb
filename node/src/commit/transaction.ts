/**
 * What one business operation wants to become durable: entries for feeds and changes to documents, gathered in memory.
 *
 * A use case reads projections, writes here and returns its answer; it does no I/O that has effects. Nothing of a
 * transaction is visible to anybody before the group it is in is durable, except to later operations of that group, through `group`.
 * A refused operation leaves nothing behind.
 */
import type { Mutator } from '@branchline/docs';
import type { Stamp } from 'hlc-ts';
import type { TillIdentity } from '../services.ts';

/** Entries one operation may append besides its `request`. A sale needs one, a catalog import thousands. */
export const TRANSACTION_DRAFTS_MAX = 10_000;

export interface Draft {
  readonly collection: string;
  readonly kind: string;
  readonly body: unknown;
  /** The entry's stamp, taken when the operation appended it, so that its answer can name it. */
  readonly stamp: Stamp;
}

/** What an operation tells the till. `body` is JSON. */
export interface Decision<Answer> {
  readonly status: number;
  readonly body: Answer;
  /** The answer holds personal data: how its text is kept under the key. */
  readonly seal?: (text: string) => string;
}

export interface Transaction {
  /** Stamp of the first entry appended. */
  readonly stamp: Stamp;
  readonly till: TillIdentity;
  /** `stamp` only for entries that had one before; in order, none later than what is appended behind it. */
  append(collection: string, kind: string, body: unknown, stamp?: Stamp): void;
  /** Mutators must not throw: what can be refused was refused before. */
  change(document: string, mutator: Mutator): void;
  /**
   * Milli-units this group's earlier operations (and this one) have moved of a SKU, on top of the stock row. The same for whatever
   * else is counted that rows do not show yet, under a name with a slash, which no SKU has.
   */
  movedMilli(sku: string): number;
  noteMoved(sku: string, deltaMilli: number): void;
}

export interface DocumentChange {
  readonly document: string;
  readonly mutator: Mutator;
}

export class GatheredTransaction implements Transaction {
  readonly stamp: Stamp;
  readonly till: TillIdentity;
  readonly drafts: Draft[] = [];
  readonly changes: DocumentChange[] = [];
  readonly #now: () => Stamp;
  readonly #groupMoved: ReadonlyMap<string, number>;
  readonly #moved = new Map<string, number>();

  constructor(now: () => Stamp, till: TillIdentity, groupMoved: ReadonlyMap<string, number>) {
    this.#now = now;
    this.stamp = now();
    this.till = till;
    this.#groupMoved = groupMoved;
  }

  append(collection: string, kind: string, body: unknown, before?: Stamp): void {
    if (this.drafts.length >= TRANSACTION_DRAFTS_MAX) {
      throw new RangeError(`an operation may append ${TRANSACTION_DRAFTS_MAX} entries`);
    }
    const stamp = before ?? (this.drafts.length === 0 ? this.stamp : this.#now());
    this.drafts.push({ collection, kind, body: this.#signed(body), stamp });
  }

  /** What names the till names who had signed in there, too. */
  #signed(body: unknown): unknown {
    const { employee } = this.till;
    return employee === undefined || typeof body !== 'object' || body === null || !('till' in body)
      ? body
      : { ...body, employee: employee.id };
  }

  change(document: string, mutator: Mutator): void {
    this.changes.push({ document, mutator });
  }

  movedMilli(sku: string): number {
    return (this.#groupMoved.get(sku) ?? 0) + (this.#moved.get(sku) ?? 0);
  }

  noteMoved(sku: string, deltaMilli: number): void {
    this.#moved.set(sku, (this.#moved.get(sku) ?? 0) + deltaMilli);
  }

  /** Called when the operation was accepted: what it moved counts for the ones behind it. */
  addMovedTo(group: Map<string, number>): void {
    for (const [sku, milli] of this.#moved) {
      group.set(sku, (group.get(sku) ?? 0) + milli);
    }
  }
}
