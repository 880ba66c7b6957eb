/**
 * Many products at once: the catalog import of head office. Named fields of known products change, unknown ones are created.
 *
 * All or nothing: every row is checked before anything is written, and up to `IMPORT_ROWS_MAX` rows are one commit, with one
 * change per catalog document. Repeating an import writes nothing.
 */
import type { ProductEdit } from '@branchline/docs';
import { ProblemError, productDefaults, productFields, sku as skuSchema } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import { NodeError } from '../errors.ts';
import type { Trade } from './trade.ts';

/** Rows of one commit. 64 documents of about 800 products each: changes stay below the size of an entry. */
export const IMPORT_ROWS_MAX = 50_000;
/** Faulty rows named in the error; the rest is counted. */
export const IMPORT_FAULTS_MAX = 100;

export interface CatalogRow extends ProductEdit {
  readonly sku: string;
}

export interface ImportResult {
  readonly rows: number;
  readonly created: number;
}

export function importCatalog(
  trade: Trade,
  transaction: Transaction,
  rows: readonly CatalogRow[],
): ImportResult {
  if (!trade.mayWrite('catalog')) {
    throw new ProblemError('FORBIDDEN', 'Only head office changes the catalog; this node may not.');
  }
  const faults = rows.flatMap((row, index) => faultsOf(trade, row, index));
  if (faults.length > 0) {
    const named = faults.slice(0, IMPORT_FAULTS_MAX).join('; ');
    throw new NodeError('NODE_IMPORT', `${faults.length} faults, nothing was imported: ${named}`, {
      hint: 'Correct these rows and import again.',
    });
  }
  let created = 0;
  for (const { sku, ...fields } of rows) {
    const isNew = trade.catalog.get(sku) === undefined;
    created += isNew ? 1 : 0;
    trade.catalog.change(transaction, sku, isNew ? { ...productDefaults, ...fields } : fields);
  }
  return { rows: rows.length, created };
}

function faultsOf(trade: Trade, { sku, brand: _, ...fields }: CatalogRow, index: number): string[] {
  const at = `row ${index + 1} (${String(sku).slice(0, 40)})`;
  const code = skuSchema.safeParse(sku);
  if (!code.success) {
    return [`${at}: sku ${code.error.issues[0]?.message ?? 'is not valid'}`];
  }
  const known = trade.catalog.get(sku) !== undefined;
  const parsed = (known ? productFields.partial() : productFields).safeParse(
    known ? fields : { ...productDefaults, ...fields },
  );
  return parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${at}: ${issue.path.join('.')} ${issue.message}`);
}
