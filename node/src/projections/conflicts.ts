/**
 * Conflicts: fields of products in which a concurrent value lost and nobody has decided, with all values, authors and times.
 *
 * Kept by what changes: when cells of a document arrive in conflict, their values are read once, while the document is loaded anyway, and
 * stand in rows from then on. Asking for the list touches no document. A cell without conflict takes its row away, on every node alike, so a
 * decision made anywhere is made everywhere.
 *
 * An id is a hash of the field and of every value with its author: the same on all nodes that know the same.
 */
import { createHash } from 'node:crypto';
import {
  type Cell,
  type CellValue,
  type ConflictingValue,
  cellKey,
  type DocName,
  keySegments,
} from '@branchline/docs';
import type { ResolvableField } from '@branchline/model';
import { resolvableFields } from '@branchline/model';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';
import type { PatchCause, RowSink } from './shards.ts';

/** Conflicts kept with their values; a chain with more has a person to call first. Beyond it the product still says which fields. */
export const CONFLICTS_MAX = 10_000;
/** Values kept of one field. */
export const CONFLICT_VALUES_MAX = 16;

export interface ConflictRow {
  readonly id: string;
  readonly sku: string;
  readonly field: ResolvableField;
  /** The one every reader sees last. */
  readonly values: readonly {
    readonly value: CellValue;
    readonly writer: string | null;
    readonly timeMs: number;
  }[];
}

export interface ConflictsOptions {
  readonly rows: Rows;
  /** Called when a conflict came, changed or was settled. */
  readonly onChanged?: (sku: string, field: ResolvableField, cause: PatchCause) => void;
  /** The values standing in a cell, with authors; called while the document is loaded. */
  readonly versions: (doc: DocName, key: string) => Promise<readonly ConflictingValue[]>;
}

const FIELDS: ReadonlySet<string> = new Set(Object.keys(resolvableFields.shape));

export class Conflicts implements RowSink {
  readonly #options: ConflictsOptions;
  /** By SKU and field, sorted when asked. */
  readonly #rows = new Map<string, ConflictRow>();
  readonly #prepared = new Map<string, readonly ConflictingValue[]>();

  private constructor(options: ConflictsOptions) {
    this.#options = options;
  }

  static async open(options: ConflictsOptions): Promise<Conflicts> {
    const self = new Conflicts(options);
    for await (const [, text] of options.rows.texts({ after: 'cf/', below: after('cf/') })) {
      const row = JSON.parse(text) as ConflictRow;
      self.#rows.set(cellKey(row.sku, row.field), row);
    }
    return self;
  }

  get count(): number {
    return this.#rows.size;
  }

  find(id: string): ConflictRow | undefined {
    for (const row of this.#rows.values()) {
      if (row.id === id) {
        return row;
      }
    }
    return undefined;
  }

  /** By SKU and field, those behind `afterKey`. */
  list(afterKey: string | undefined, limit: number): { rows: ConflictRow[]; next: string | undefined } {
    const keys = [...this.#rows.keys()].sort();
    const from = afterKey === undefined ? 0 : keys.findIndex((key) => key > afterKey);
    const page = from < 0 ? [] : keys.slice(from, from + limit);
    const next = from >= 0 && from + limit < keys.length ? page.at(-1) : undefined;
    return { rows: page.map((key) => this.#rows.get(key)!), next };
  }

  async prepare(doc: DocName, cells: readonly Cell[]): Promise<void> {
    for (const { key, conflict } of cells) {
      if (conflict && fieldOf(key) !== undefined) {
        this.#prepared.set(key, await this.#options.versions(doc, key));
      }
    }
  }

  forget(_doc: DocName, cells: readonly Cell[]): void {
    for (const { key } of cells) {
      this.#prepared.delete(key);
    }
  }

  patch(_doc: DocName, cells: readonly Cell[], cause: PatchCause): void {
    for (const { key, conflict } of cells) {
      const values = this.#prepared.get(key);
      this.#prepared.delete(key);
      const field = fieldOf(key);
      if (field === undefined) {
        continue;
      }
      if (conflict && values !== undefined && values.length > 1) {
        if (this.#keep(key, keySegments(key)[0]!, field, values)) {
          this.#options.onChanged?.(keySegments(key)[0]!, field, cause);
        }
      } else if (!conflict && this.#rows.delete(key)) {
        this.#options.rows.remove(rowKeys.conflict(key));
        this.#options.onChanged?.(keySegments(key)[0]!, field, cause);
      }
    }
  }

  #keep(key: string, sku: string, field: ResolvableField, versions: readonly ConflictingValue[]): boolean {
    if (!this.#rows.has(key) && this.#rows.size >= CONFLICTS_MAX) {
      return false;
    }
    const values = versions
      .slice(-CONFLICT_VALUES_MAX)
      .map(({ value, author, timeMs }) => ({ value, writer: author ?? null, timeMs }));
    const id = createHash('sha256')
      .update(JSON.stringify([sku, field, values]))
      .digest('hex')
      .slice(0, 16);
    if (this.#rows.get(key)?.id === id) {
      return false;
    }
    const row: ConflictRow = { id, sku, field, values };
    this.#rows.set(key, row);
    this.#options.rows.putText(rowKeys.conflict(key), JSON.stringify(row));
    return true;
  }
}

/** Undefined for a cell that is not a field of a product. */
function fieldOf(key: string): ResolvableField | undefined {
  const [sku, column, more] = keySegments(key);
  return sku?.startsWith('~') === false && column !== undefined && more === undefined && FIELDS.has(column)
    ? (column as ResolvableField)
    : undefined;
}

/** Cells of one document that two projections want. */
export function bothSinks(first: RowSink, second: RowSink): RowSink {
  return {
    prepare: async (doc, cells) => {
      await first.prepare(doc, cells);
      await second.prepare(doc, cells);
    },
    patch: (doc, cells, cause) => {
      first.patch(doc, cells, cause);
      second.patch(doc, cells, cause);
    },
    forget: (doc, cells) => {
      first.forget(doc, cells);
      second.forget(doc, cells);
    },
  };
}
