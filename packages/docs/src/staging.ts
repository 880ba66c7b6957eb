/**
 * Staging: a group of mutators over an overlay, so that the document is touched only when all of them went through.
 *
 * Cells written twice in a group become one operation, and a mutator sees what earlier ones of its group wrote.
 */
import { type CellValue, type CellWriter, checkedKey, checkedValue, type Mutator } from './cell.ts';
import { cellOwner } from './change-check.ts';
import { CHANGE_LIMITS } from './chunk-guard.ts';
import type { DocName, WriterId } from './doc-name.ts';
import { DocError } from './errors.ts';
import type { ShardDocument } from './shard-document.ts';

/** The cells to write. Throws what a mutator throws, and `DOC_CELL` for a cell this writer may not write. */
export function stage(
  doc: DocName,
  writer: WriterId,
  document: ShardDocument,
  mutators: readonly Mutator[],
): Map<string, CellValue> {
  const staged = new Map<string, CellValue>();
  const cells: CellWriter = {
    writer,
    get: (key) => (staged.has(key) ? staged.get(key) : document.get(key)),
    set: (key, value) => {
      const owner = cellOwner(doc, checkedKey(key));
      if (owner !== undefined && owner !== writer) {
        throw new DocError('DOC_CELL', `${key} belongs to ${owner}; ${writer} may not write it`);
      }
      staged.set(key, checkedValue(key, value));
      if (staged.size > CHANGE_LIMITS.rowsMax) {
        throw new DocError('DOC_LIMIT', `one change may write ${CHANGE_LIMITS.rowsMax} cells`);
      }
    },
  };
  for (const mutate of mutators) {
    mutate(cells);
  }
  return staged;
}
