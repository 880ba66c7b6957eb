/** How large a table may be, and what a cell of it can hold, whatever file it came from. */
import { IMPORT_FILE_ROWS_MAX, ProblemError } from '@branchline/model';

/** Text of a CSV, and whatever a workbook's cell was. */
export type CellContent = string | number | boolean | undefined;

/** Rows above the first product at most: titles and what suppliers write above them. */
export const HEAD_ROWS_MAX = 100;

export function requireRows(count: number): void {
  if (count > IMPORT_FILE_ROWS_MAX + HEAD_ROWS_MAX) {
    throw new ProblemError('IMPORT_FILE', `A file may have ${IMPORT_FILE_ROWS_MAX} rows; cut it in parts.`);
  }
}
