/**
 * What one writer's last changes did, and doing it again under the key that follows it.
 *
 * A device whose history parted from the one its peers know goes on under a new key, and its last changes with it. They cannot be
 * handed over as they are: a change names its actor, and cells that belong to a writer belong to the old one. So the new writer
 * does what they did: counts of its own cells grow by as much, fields anybody may edit are set to what they were set to.
 *
 * What a writer carried over from period to period, or took over from a predecessor, is not done again: the successor takes over
 * its predecessor by itself (`StockPeriods`).
 */
import { type CellValue, type CellWriter, cellKey, keySegments, type Mutator } from './cell.ts';
import { cellOwner, checkChange } from './change-check.ts';
import { type DocName, docKind } from './doc-name.ts';
import type { OfferedChange } from './intake.ts';
import { moveRights } from './rights-rows.ts';
import type { ShardDocument } from './shard-document.ts';

/** Columns of stock rows that say what was carried or taken over, not what moved. */
const CARRIED: ReadonlySet<string> = new Set(['opening', 'taken']);

export interface CellEffect {
  readonly key: string;
  readonly before: CellValue | undefined;
  readonly after: CellValue | undefined;
}

export function effectIn(
  document: ShardDocument,
  doc: DocName,
  changes: readonly OfferedChange[],
): CellEffect[] | undefined {
  const keys = new Set<string>();
  let before: readonly string[] | undefined;
  for (const { writer, bytes } of changes) {
    const verdict = checkChange(doc, writer, bytes);
    if (!verdict.ok || !document.knows(verdict.change.hash)) {
      return undefined;
    }
    before ??= verdict.change.deps;
    for (const key of verdict.change.keys) {
      keys.add(key);
    }
  }
  return Array.from(keys, (key) => ({ key, before: document.get(key, before), after: document.get(key) }));
}

/** Does again, under the writer that makes the change, what `effects` say. */
export function doAgain(doc: DocName, effects: readonly CellEffect[]): Mutator {
  return (cells) => {
    const paid: { readonly account: string; readonly former: string; readonly points: number }[] = [];
    for (const { key, before, after } of effects) {
      const owner = cellOwner(doc, key);
      const [row, ...columns] = keySegments(key) as [string, ...string[]];
      if (owner === undefined) {
        cells.set(key, after ?? null);
      } else if (!key.startsWith('~') && !columns.some((column) => CARRIED.has(column))) {
        const own = cellKey(row, ...columns.map((column) => (column === owner ? cells.writer : column)));
        const grown = integer(after) - integer(before);
        if (docKind(doc) === 'loyalty' && columns[0] === 'reversed') {
          paid.push({ account: row, former: owner, points: grown });
        } else if (docKind(doc) === 'loyalty' && columns[0] === 'seen') {
          moveRights(row, { type: 'see', day: integer(after) })(cells);
        } else {
          grow(cells, own, grown);
        }
      }
    }
    for (const { account, former, points } of paid) {
      payAgain(cells, account, former, points);
    }
  };
}

/**
 * Debt that was paid goes against what is owed under this key. What goes beyond is older and stands in the former key's row, where nobody
 * can write `reversed` any more: that row is given the points to hold against it. Should it have paid by itself, on the other history,
 * they are taken over with the rest of what it holds.
 */
function payAgain(cells: CellWriter, account: string, former: string, points: number): void {
  const reversed = cellKey(account, 'reversed', cells.writer);
  const owed = integer(cells.get(cellKey(account, 'owed', cells.writer)));
  const own = Math.min(points, Math.max(0, owed - integer(cells.get(reversed))));
  grow(cells, reversed, own);
  grow(cells, cellKey(account, 'moved', cells.writer, former), points - own);
}

function grow(cells: CellWriter, key: string, by: number): void {
  if (by !== 0) {
    cells.set(key, integer(cells.get(key)) + by);
  }
}

function integer(value: CellValue | undefined): number {
  return typeof value === 'number' ? value : 0;
}
