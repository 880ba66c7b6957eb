/**
 * Programmes of loyalty as cells of the catalog, where head office writes and every shop reads: `~programme/<from>` holds the rules that
 * count from a day, as JSON the model knows. One row of the document itself, so it is no product and lives in one shard.
 */
import { type Cell, documentKey, keySegments, type Mutator } from './cell.ts';
import { catalogDoc, type DocName } from './doc-name.ts';

const ROW = 'programme';

export function programmeDoc(): DocName {
  return catalogDoc(`~${ROW}`);
}

/** `from` is a day, `2026-11-01`. */
export function setProgramme(from: string, rules: string): Mutator {
  return (cells) => cells.set(documentKey(ROW, from), rules);
}

/** Day and rules of the programmes among these cells. */
export function programmesIn(cells: Iterable<Cell>): { readonly from: string; readonly rules: string }[] {
  const found: { from: string; rules: string }[] = [];
  for (const { key, value } of cells) {
    const [row, from] = keySegments(key);
    if (row === `~${ROW}` && from !== undefined && typeof value === 'string') {
      found.push({ from, rules: value });
    }
  }
  return found;
}
