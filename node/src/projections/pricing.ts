/**
 * Promotions and pricelists of head office: entries of the collection `pricing`, in memory, from rows at start.
 *
 * A collection of its own, of entries and not of a document: the catalog's entries are given up under checkpoints, these are not. What was said
 * last of an id counts, by stamp, then by writer: the same entries give the same rules on every node, in whatever order they came.
 */
import {
  type EventBody,
  eventBodies,
  type Pricelist,
  type PriceRules,
  type Promotion,
  pricelist,
  promotion,
} from '@branchline/model';
import { formatStamp } from 'hlc-ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

/** Where they stand. */
export const PRICING = 'pricing';
/** Promotions, and pricelists, by id; entries of more are passed over, and refused where they are written. */
export const PRICING_IDS_MAX = 1_000;

interface Row<Rule> {
  /** Stamp and writer. */
  readonly by: string;
  readonly rule: Rule;
}

export class Pricing implements Projection, PriceRules {
  readonly kinds = ['promotion', 'pricelist'];
  readonly #rows: Rows;
  readonly #promotions = new Map<string, Row<Promotion>>();
  readonly #pricelists = new Map<string, Row<Pricelist>>();
  readonly #onChanged: (id: string, position: number) => void;

  private constructor(rows: Rows, onChanged: (id: string, position: number) => void) {
    this.#rows = rows;
    this.#onChanged = onChanged;
  }

  static async open(
    rows: Rows,
    onChanged: (id: string, position: number) => void = () => undefined,
  ): Promise<Pricing> {
    const self = new Pricing(rows, onChanged);
    for (const [prefix, map] of [
      [rowKeys.promotion(''), self.#promotions],
      [rowKeys.pricelist(''), self.#pricelists],
    ] as const) {
      for await (const [key, text] of rows.texts({ after: prefix, below: after(prefix) })) {
        (map as Map<string, unknown>).set(key.slice(prefix.length), JSON.parse(text));
      }
    }
    return self;
  }

  get isEmpty(): boolean {
    return this.#promotions.size + this.#pricelists.size === 0;
  }

  get promotions(): Promotion[] {
    return Array.from(this.#promotions.values(), ({ rule }) => rule);
  }

  get pricelists(): Pricelist[] {
    return Array.from(this.#pricelists.values(), ({ rule }) => rule);
  }

  /** Is there room for this id? */
  has(kind: 'promotion' | 'pricelist', id: string): boolean {
    const map = kind === 'promotion' ? this.#promotions : this.#pricelists;
    return map.has(id) || map.size < PRICING_IDS_MAX;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.collection !== PRICING) {
      throw new TypeError(`a ${entry.kind} does not belong to ${entry.collection}`);
    }
    const by = `${formatStamp(entry.hlc)}-${entry.writer}`;
    if (entry.kind === 'promotion') {
      const rule = ruleOf(promotion, eventBodies.promotion.parse(entry.body));
      this.#put('promotion', this.#promotions, { by, rule }, entry.position);
    } else {
      const rule = ruleOf(pricelist, eventBodies.pricelist.parse(entry.body));
      this.#put('pricelist', this.#pricelists, { by, rule }, entry.position);
    }
  }

  #put<Rule extends { readonly id: string }>(
    kind: 'promotion' | 'pricelist',
    map: Map<string, Row<Rule>>,
    row: Row<Rule>,
    position: number,
  ): void {
    const { id } = row.rule;
    const before = map.get(id);
    if (!this.has(kind, id) || (before !== undefined && before.by >= row.by)) {
      return;
    }
    map.set(id, row);
    this.#rows.putText(rowKeys[kind](id), JSON.stringify(row));
    this.#onChanged(id, position);
  }
}

/** Fields this program does not know are left out of what it answers and applies. */
function ruleOf<Rule>(
  schema: { strip(): { parse(value: unknown): Rule } },
  { id, put }: EventBody<'promotion'> | EventBody<'pricelist'>,
): Rule {
  return schema.strip().parse({ id, ...put });
}
