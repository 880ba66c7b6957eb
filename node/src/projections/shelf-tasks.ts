/**
 * What somebody has to see to on the shelves of a branch: goods sold that the books do not have (oversells), and when to order again.
 *
 * Rows are plain puts; of this branch, what is open and every reorder point are in memory as well. An oversell and its resolution
 * may come in either order. Of two devices that set one reorder point, the later stamp counts.
 */
import {
  type EventBody,
  eventBodies,
  type Oversell,
  type OversellQuery,
  type ReorderPoint,
} from '@branchline/model';
import { formatStamp, isoTime, parseStamp, stampMs } from 'hlc-ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

export interface ShelfTasksOptions {
  readonly rows: Rows;
  readonly branch: string;
  readonly onOversold: (body: EventBody<'oversell'>, entry: ProjectedEntry) => void;
  readonly onResolved: (body: EventBody<'oversell-resolved'>, entry: ProjectedEntry) => void;
}

interface OpenedRow {
  readonly branch: string;
  readonly hlc: string;
  readonly body: EventBody<'oversell'>;
}

interface ResolvedRow {
  readonly hlc: string;
  readonly body: EventBody<'oversell-resolved'>;
}

interface PointRow {
  readonly hlc: string;
  readonly body: EventBody<'reorder-point'>;
}

const COLLECTION = /^goods\/([^/]+)$/;

export class ShelfTasks implements Projection {
  readonly kinds = ['oversell', 'oversell-resolved', 'reorder-point'];
  readonly #options: ShelfTasksOptions;
  /** Of this branch: every task by id, whether resolved, and the last one of each SKU. */
  readonly #skuOf = new Map<string, string>();
  readonly #resolved = new Set<string>();
  readonly #last = new Map<string, string>();
  readonly #points = new Map<string, PointRow>();

  private constructor(options: ShelfTasksOptions) {
    this.#options = options;
  }

  static async open(options: ShelfTasksOptions): Promise<ShelfTasks> {
    const self = new ShelfTasks(options);
    const { rows, branch } = options;
    for (const [prefix, note] of [
      [rowKeys.oversellResolved(branch, ''), (row: ResolvedRow) => self.#resolved.add(row.body.id)],
      [rowKeys.oversell(branch, ''), (row: OpenedRow) => self.#noteOpened(row)],
      [rowKeys.reorderPoint(branch, ''), (row: PointRow) => self.#notePoint(row)],
    ] as const) {
      for await (const [, text] of rows.texts({ after: prefix, below: after(prefix) })) {
        (note as (row: unknown) => void)(JSON.parse(text));
      }
    }
    return self;
  }

  apply(entry: ProjectedEntry): void {
    const branch = COLLECTION.exec(entry.collection)?.[1];
    if (branch === undefined) {
      return;
    }
    const { rows, onOversold, onResolved } = this.#options;
    const isHere = branch === this.#options.branch;
    const hlc = formatStamp(entry.hlc);
    switch (entry.kind) {
      case 'oversell': {
        const row: OpenedRow = { branch, hlc, body: eventBodies.oversell.parse(entry.body) };
        rows.putText(rowKeys.oversell(branch, row.body.id), JSON.stringify(row));
        if (isHere) {
          this.#noteOpened(row);
        }
        if (isHere && !entry.replayed) {
          onOversold(row.body, entry);
        }
        return;
      }
      case 'oversell-resolved': {
        const row: ResolvedRow = { hlc, body: eventBodies['oversell-resolved'].parse(entry.body) };
        rows.putText(rowKeys.oversellResolved(branch, row.body.id), JSON.stringify(row));
        if (isHere) {
          this.#resolved.add(row.body.id);
        }
        if (isHere && !entry.replayed) {
          onResolved(row.body, entry);
        }
        return;
      }
      default: {
        const row: PointRow = { hlc, body: eventBodies['reorder-point'].parse(entry.body) };
        const key = rowKeys.reorderPoint(branch, `${row.body.sku}/${entry.writer}`);
        rows.putText(key, JSON.stringify(row));
        if (isHere) {
          this.#notePoint(row);
        }
      }
    }
  }

  /** Is there an open task for the SKU; and was there ever one? */
  isOpen(sku: string): boolean {
    const id = this.#last.get(sku);
    return id !== undefined && !this.#resolved.has(id);
  }

  wasEver(sku: string): boolean {
    return this.#last.has(sku);
  }

  state(id: string): Oversell['state'] | undefined {
    return this.#skuOf.has(id) ? (this.#resolved.has(id) ? 'resolved' : 'open') : undefined;
  }

  /** Newest first. */
  async oversells({ state, limit }: OversellQuery): Promise<Oversell[]> {
    const ids = [...this.#skuOf.keys()]
      .filter((id) => state === 'all' || this.state(id) === state)
      .sort()
      .reverse()
      .slice(0, limit);
    const found = await Promise.all(ids.map((id) => this.oversell(id)));
    return found.flatMap((task) => task ?? []);
  }

  async oversell(id: string): Promise<Oversell | undefined> {
    const { rows, branch } = this.#options;
    const [opened, resolved] = await rows.getTexts([
      rowKeys.oversell(branch, id),
      rowKeys.oversellResolved(branch, id),
    ]);
    return opened === undefined
      ? undefined
      : oversellOf(JSON.parse(opened), resolved === undefined ? undefined : JSON.parse(resolved));
  }

  /** Those with something to order, by SKU. */
  points(): ReorderPoint[] {
    const { branch } = this.#options;
    return [...this.#points.values()]
      .filter(({ body }) => body.upToMilli > 0)
      .map(({ body: { sku, minMilli, upToMilli } }) => ({
        sku,
        branch: branch as ReorderPoint['branch'],
        minMilli,
        upToMilli,
      }))
      .sort((a, b) => (a.sku < b.sku ? -1 : 1));
  }

  #noteOpened({ body }: OpenedRow): void {
    this.#skuOf.set(body.id, body.sku);
    const last = this.#last.get(body.sku);
    if (last === undefined || last < body.id) {
      this.#last.set(body.sku, body.id);
    }
  }

  #notePoint(row: PointRow): void {
    const before = this.#points.get(row.body.sku);
    if (before === undefined || before.hlc <= row.hlc) {
      this.#points.set(row.body.sku, row);
    }
  }
}

function oversellOf({ branch, hlc, body }: OpenedRow, resolved: ResolvedRow | undefined): Oversell {
  const { id, sku, onHandMilli, order, till, cashier } = body;
  return {
    id,
    sku,
    branch: branch as Oversell['branch'],
    at: isoTime(stampMs(parseStamp(hlc))),
    onHandMilli,
    ...(order === undefined ? {} : { order }),
    owner: {
      branch: branch as Oversell['branch'],
      ...(till === undefined ? {} : { till }),
      ...(cashier === undefined ? {} : { cashier }),
    },
    state: resolved === undefined ? 'open' : 'resolved',
    ...(resolved === undefined
      ? {}
      : {
          resolved: {
            how: resolved.body.how,
            till: resolved.body.till,
            ...(resolved.body.cashier === undefined ? {} : { cashier: resolved.body.cashier }),
            ...(resolved.body.note === undefined ? {} : { note: resolved.body.note }),
            at: isoTime(stampMs(parseStamp(resolved.hlc))),
          },
        }),
  };
}
