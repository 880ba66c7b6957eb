/**
 * What branches say of products for themselves: price and availability, each with its dates. In memory, from rows at start.
 *
 * A branch writes `prices/<its code>` and nobody else's; head office may write any. The last one said counts: by stamp, then by writer, so
 * every node that has the same entries has the same answer, in whatever order they came.
 */
import { type EventBody, eventBodies } from '@branchline/model';
import { formatStamp } from 'hlc-ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

/** Products of branches with something of their own; an entry beyond is passed over. */
export const OVERRIDES_MAX = 500_000;

export const PRICES = 'prices/';

export interface Said<Value> {
  /** Null: taken back. */
  readonly value: Value | null;
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** Stamp and writer. */
  readonly by: string;
  readonly atMs: number;
}

export interface OverrideRow {
  readonly price?: Said<number>;
  readonly available?: Said<boolean>;
}

export interface OverridesOptions {
  readonly rows: Rows;
  readonly onChanged: (branch: string, sku: string, position: number) => void;
}

export class Overrides implements Projection {
  readonly kinds = ['product-override'];
  readonly #options: OverridesOptions;
  /** By `branch/sku`. */
  readonly #rows = new Map<string, OverrideRow>();

  private constructor(options: OverridesOptions) {
    this.#options = options;
  }

  static async open(options: OverridesOptions): Promise<Overrides> {
    const self = new Overrides(options);
    const prefix = rowKeys.override('');
    for await (const [key, text] of options.rows.texts({ after: prefix, below: after(prefix) })) {
      self.#rows.set(key.slice(prefix.length), JSON.parse(text) as OverrideRow);
    }
    return self;
  }

  get(branch: string, sku: string): OverrideRow | undefined {
    return this.#rows.get(`${branch}/${sku}`);
  }

  apply(entry: ProjectedEntry): void {
    if (!entry.collection.startsWith(PRICES)) {
      throw new TypeError(`an override does not belong to ${entry.collection}`);
    }
    const branch = entry.collection.slice(PRICES.length);
    const body = eventBodies['product-override'].parse(entry.body);
    const key = `${branch}/${body.sku}`;
    const before = this.#rows.get(key);
    if (before === undefined && this.#rows.size >= OVERRIDES_MAX) {
      return;
    }
    const by = `${formatStamp(entry.hlc)}-${entry.writer}`;
    const row: OverrideRow = {
      ...newest('price', before?.price, body.priceMinor, body, by),
      ...newest('available', before?.available, body.available, body, by),
    };
    this.#rows.set(key, row);
    this.#options.rows.putText(rowKeys.override(key), JSON.stringify(row));
    this.#options.onChanged(branch, body.sku, entry.position);
  }
}

/** The value while its dates hold; undefined when nothing is said for now. */
export function saidNow<Value>(said: Said<Value> | undefined, nowMs: number): Value | undefined {
  if (said === undefined || said.value === null) {
    return undefined;
  }
  const begun = said.fromMs === undefined || said.fromMs <= nowMs;
  const over = said.untilMs !== undefined && said.untilMs <= nowMs;
  return begun && !over ? said.value : undefined;
}

function newest<K extends string, Value>(
  field: K,
  before: Said<Value> | undefined,
  value: Value | null | undefined,
  { fromMs, untilMs, atMs }: EventBody<'product-override'>,
  by: string,
): { [F in K]?: Said<Value> } {
  const said: Said<Value> | undefined =
    value === undefined || (before !== undefined && before.by >= by)
      ? before
      : {
          value,
          by,
          atMs,
          ...(fromMs === undefined ? {} : { fromMs }),
          ...(untilMs === undefined ? {} : { untilMs }),
        };
  return (said === undefined ? {} : { [field]: said }) as { [F in K]?: Said<Value> };
}
