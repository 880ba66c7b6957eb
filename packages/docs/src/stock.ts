/**
 * Stock: what moved, per SKU and writer, as cumulative integers of thousandths.
 *
 * `SKU/<writer>/<movement>` is written only by that writer and only grows by what happened there; on-hand is the sum over
 * writers. So no two devices ever write the same cell, and nothing concurrent can be lost: neither a shared counter
 * created twice nor a total overwritten. A recount writes the difference to what was seen, so sales made meanwhile stay.
 *
 * Documents are monthly. A writer that makes its first change in a period carries itself over: `opening` holds its
 * net of the newest period before, `~carried/<writer>` marks it. From then on its cells of older periods no longer
 * count: of each writer a row keeps the newest period only. Every writer carries only itself, so there is no
 * owner of a roll-over, no moment at which all must agree, and a late change of a writer always precedes its own carry.
 *
 * A successor (the device's next incarnation after a restore) takes over its predecessors: it adds their net to its own
 * opening and says how much it took in `SKU/<successor>/taken/<predecessor>`. While the predecessor's cells are
 * still held, what was taken is subtracted from them, so a change of the predecessor that turns up later still counts, once.
 */
import { type Cell, type CellValue, cellKey, documentKey, keySegments, type Mutator } from './cell.ts';
import type { Period, WriterId } from './doc-name.ts';
import { DocError } from './errors.ts';

/** Movements a use case writes, and what they do to on-hand. Signed movements may go either way. */
export const movements = {
  received: 1,
  sold: -1,
  returned: 1,
  sent: -1,
  arrived: 1,
  /** Signed: breakage, finds. */
  adjusted: 1,
  /** Signed: counted minus what was seen. */
  counted: 1,
} as const;
export type Movement = keyof typeof movements;

const SIGNED: ReadonlySet<string> = new Set<Movement>(['adjusted', 'counted']);

/** Of one writer in its newest period. */
export interface WriterStock {
  readonly period: string;
  readonly opening: number;
  readonly moved: Readonly<Partial<Record<Movement, number>>>;
}

/** Plain JSON, kept by the node. */
export interface StockRow {
  readonly sku: string;
  readonly writers: Readonly<Record<string, WriterStock>>;
  /** By predecessor, then successor: what the successor took over, and in which period it said so last. */
  readonly taken: Readonly<Record<string, Readonly<Record<string, { period: string; milli: number }>>>>;
  /** May be negative after an oversell. */
  readonly onHandMilli: number;
}

/** `quantityMilli` of a SKU moved here. */
export function moveStock(sku: string, movement: Movement, quantityMilli: number): Mutator {
  if (!Number.isSafeInteger(quantityMilli) || (quantityMilli < 0 && !SIGNED.has(movement))) {
    throw new DocError('DOC_CELL', `${movement} cannot be ${quantityMilli} thousandths`);
  }
  return (cells) => {
    const key = cellKey(sku, cells.writer, movement);
    cells.set(key, integer(cells.get(key)) + quantityMilli);
  };
}

/** A recount: writes the difference to the on-hand the person counting saw. */
export function countStock(sku: string, countedMilli: number, seenMilli: number): Mutator {
  return moveStock(sku, 'counted', countedMilli - seenMilli);
}

/** The row after these cells of a period's document; cells of other SKUs are skipped. */
export function foldStock(
  row: StockRow | undefined,
  sku: string,
  period: Period,
  cells: Iterable<Cell>,
): StockRow {
  const writers: Record<string, WriterStock> = { ...row?.writers };
  const taken: Record<string, Record<string, { period: string; milli: number }>> = { ...row?.taken };
  for (const cell of cells) {
    const [owner, writer, column, predecessor] = keySegments(cell.key);
    if (owner !== sku || writer === undefined || column === undefined) {
      continue;
    }
    const milli = integer(cell.value);
    if (column === 'taken' && predecessor !== undefined) {
      const before = taken[predecessor]?.[writer];
      if (before === undefined || before.period <= period) {
        taken[predecessor] = { ...taken[predecessor], [writer]: { period, milli } };
      }
      continue;
    }
    const before = writers[writer];
    if (before === undefined || before.period < period) {
      writers[writer] = withMoved({ period, opening: 0, moved: {} }, column, milli);
    } else if (before.period === period) {
      writers[writer] = withMoved(before, column, milli);
    }
  }
  return { sku, writers, taken, onHandMilli: onHand(writers, taken) };
}

/** What a writer's cells of one SKU add up to. */
export function netOf({ opening, moved }: Pick<WriterStock, 'opening' | 'moved'>): number {
  let net = opening;
  for (const [movement, milli] of Object.entries(moved)) {
    net += movements[movement as Movement] * milli;
  }
  return net;
}

/** Marks that a writer has carried itself into a period. */
export function carriedKey(writer: WriterId): string {
  return documentKey('carried', writer);
}

/** All cells a writer has in one document. */
export interface WriterCells {
  readonly writer: WriterId;
  readonly period: Period;
  readonly cells: readonly Cell[];
}

/**
 * Opens a period for a writer: `own` are its cells in its newest period before (absent at its first), `predecessors` those of
 * the writers it succeeds, each in that one's newest period. One mutator, so that carry and first movement are one change.
 */
export function carryStock(own: WriterCells | undefined, predecessors: readonly WriterCells[]): Mutator {
  return (cells) => {
    const opening = new Map<string, number>();
    const taken = new Map<string, { sku: string; predecessor: string; milli: number }>();
    const add = (sku: string, milli: number) => opening.set(sku, (opening.get(sku) ?? 0) + milli);
    for (const { key, value } of own?.cells ?? []) {
      const [sku, , column, predecessor] = keySegments(key) as [string, string, string, string | undefined];
      if (column === 'taken' && predecessor !== undefined) {
        taken.set(key, { sku, predecessor, milli: integer(value) });
      } else {
        add(sku, effect(column, integer(value)));
      }
    }
    for (const { writer, cells: theirs } of predecessors) {
      for (const [sku, net] of netBySku(theirs)) {
        // Taken again at each roll-over: what arrived late since the last one moves over too.
        const key = cellKey(sku, cells.writer, 'taken', writer);
        add(sku, net - (taken.get(key)?.milli ?? 0));
        taken.set(key, { sku, predecessor: writer, milli: net });
      }
    }
    for (const [sku, milli] of opening) {
      if (milli !== 0) {
        cells.set(cellKey(sku, cells.writer, 'opening'), milli);
      }
    }
    for (const [key, { milli }] of taken) {
      if (milli !== 0) {
        cells.set(key, milli);
      }
    }
    cells.set(carriedKey(cells.writer), own?.period ?? '');
  };
}

/** The cells of one writer among all of a document's. */
export function cellsOfWriter(writer: WriterId, cells: readonly Cell[]): Cell[] {
  return cells.filter(({ key }) => {
    const [row, owner] = keySegments(key);
    return owner === writer && !row!.startsWith('~');
  });
}

function netBySku(cells: readonly Cell[]): Map<string, number> {
  const nets = new Map<string, number>();
  for (const { key, value } of cells) {
    const [sku, , column] = keySegments(key) as [string, string, string];
    nets.set(sku, (nets.get(sku) ?? 0) + effect(column, integer(value)));
  }
  return nets;
}

/** What a cell does to on-hand; `taken` is book-keeping about another writer and does nothing here. */
function effect(column: string, milli: number): number {
  if (column === 'opening') {
    return milli;
  }
  return Object.hasOwn(movements, column) ? movements[column as Movement] * milli : 0;
}

function withMoved(before: WriterStock, column: string, milli: number): WriterStock {
  if (column === 'opening') {
    return { ...before, opening: milli };
  }
  if (!Object.hasOwn(movements, column)) {
    return before;
  }
  return { ...before, moved: { ...before.moved, [column]: milli } };
}

function onHand(writers: StockRow['writers'], taken: StockRow['taken']): number {
  let sum = 0;
  for (const [writer, stock] of Object.entries(writers)) {
    sum += netOf(stock);
    for (const { milli } of Object.values(taken[writer] ?? {})) {
      sum -= milli;
    }
  }
  return sum;
}

function integer(value: CellValue | undefined): number {
  return typeof value === 'number' ? value : 0;
}
