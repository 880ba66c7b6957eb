/**
 * A catalog file of head office: `POST /v1/catalog/imports`.
 *
 * All or nothing: rows are checked against the catalog as it stands at the commit, one wrong row refuses them all, and what is written
 * is one commit with one change per catalog document. Rows that say what the catalog says already write nothing.
 *
 * Commits: a `catalog-import` (who, which file by its hash, how many) beside the changes.
 */
import type { ProductEdit, ProductRow } from '@branchline/docs';
import {
  type EventBody,
  IMPORT_FAULTS_MAX,
  IMPORT_FILE_ROWS_MAX,
  IMPORT_PREVIEW_ROWS,
  type ImportFault,
  type ImportProfile,
  type ImportReport,
  ProblemError,
} from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import { guessMark } from '../catalog-file/cells.ts';
import { type CheckedRow, RowCheck } from '../catalog-file/check-rows.ts';
import type { Columns } from '../catalog-file/columns.ts';
import type { Table } from '../catalog-file/table.ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { importCatalog } from './import-catalog.ts';
import type { Trade } from './trade.ts';

/** Faults kept with the answer of an import that was committed: an answer is one entry. */
export const COMMITTED_FAULTS_MAX = 200;

export interface CatalogFile {
  readonly name: string | undefined;
  readonly sha256: string;
  readonly bytes: number;
  readonly table: Table;
  readonly columns: Columns;
  readonly profile: ImportProfile;
  /** Codes somebody decided to let pass. */
  readonly accepted: ReadonlySet<string>;
}

/** What the catalog knows already. */
export interface KnownProducts {
  row(sku: string): ProductRow | undefined;
  skusOf(barcode: string): readonly string[];
}

/** Looks at every row; writes nothing. */
export function checkCatalogFile(
  file: CatalogFile,
  known: KnownProducts,
  nowMs: number,
): { report: ImportReport; changes: CheckedRow[] } {
  const { table, columns, profile, accepted } = file;
  const mark = profile.decimalMark === 'auto' ? guessedMark(file) : profile.decimalMark;
  const check = new RowCheck({
    columns,
    profile,
    mark,
    accepted,
    day: isoTime(nowMs).slice(0, 10),
    find: (sku) => known.row(sku),
    findBarcode: (code) => known.skusOf(code),
  });
  for (let index = columns.headerIndex + 1; index < table.rows.length; index++) {
    check.take(index + 1, table.rows[index]!);
  }
  if (check.count > IMPORT_FILE_ROWS_MAX) {
    throw new ProblemError(
      'IMPORT_FILE',
      `The file has ${check.count} rows; ${IMPORT_FILE_ROWS_MAX} are allowed.`,
    );
  }
  const changes = check.rows.filter(({ sku, edit, isNew }) => isNew || differs(known.row(sku), edit));
  const created = changes.filter(({ isNew }) => isNew).length;
  return { report: reportOf(file, check, mark, created, changes.length - created), changes };
}

export function importCatalogFile(
  trade: Trade,
  known: KnownProducts,
  transaction: Transaction,
  file: CatalogFile,
  onRefused: (report: ImportReport) => void,
): Decision<ImportReport> {
  if (!trade.mayWrite('catalog')) {
    throw new ProblemError('FORBIDDEN', 'Only head office changes the catalog; this node may not.');
  }
  const { report, changes } = checkCatalogFile(file, known, stampMs(transaction.stamp));
  if (report.errors > 0 || report.rows === 0) {
    onRefused(report);
    throw new ProblemError('IMPORT_REFUSED', refusalWords(report));
  }
  const { name, sha256, bytes, profile, accepted } = file;
  const body: EventBody<'catalog-import'> = {
    till: transaction.till.till as EventBody<'catalog-import'>['till'],
    sha256,
    bytes,
    ...(name === undefined ? {} : { file: name }),
    profile: profile.name,
    rows: report.rows,
    created: report.created,
    changed: report.changed,
    ...(accepted.size === 0 ? {} : { accepted: [...accepted] }),
  };
  transaction.append('catalog', 'catalog-import', body);
  importCatalog(
    trade,
    transaction,
    changes.map(({ sku, edit }) => ({ sku, ...edit })),
  );
  return {
    status: 201,
    body: { ...report, committed: true, faults: report.faults.slice(0, COMMITTED_FAULTS_MAX) },
  };
}

export function refusalWords({ rows, errors, byCode }: ImportReport): string {
  if (rows === 0) {
    return 'The file has no rows under its titles.';
  }
  const counts = Object.entries(byCode).map(([code, count]) => `${code} ${count}`);
  return `${errors} errors in ${rows} rows, nothing was imported: ${counts.join(', ')}.`;
}

function guessedMark({ table, columns }: CatalogFile): '.' | ',' {
  const at = columns.of.get('price');
  return at === undefined ? '.' : guessMark(table.rows.slice(columns.headerIndex + 1).map((row) => row[at]));
}

function differs(row: ProductRow | undefined, edit: ProductEdit): boolean {
  return Object.entries(edit).some(([field, value]) => {
    const before = row?.[field as keyof ProductRow];
    return Array.isArray(value)
      ? [...value].sort().join(' ') !== [...((before ?? []) as string[])].sort().join(' ')
      : before !== value;
  });
}

function reportOf(
  file: CatalogFile,
  check: RowCheck,
  mark: string,
  created: number,
  changed: number,
): ImportReport {
  const { table, columns, profile, name, sha256, bytes } = file;
  const byCode: ImportReport['byCode'] = {};
  let errors = 0;
  for (const { code, level } of check.faults) {
    byCode[code] = (byCode[code] ?? 0) + 1;
    errors += level === 'error' ? 1 : 0;
  }
  return {
    file: { ...(name === undefined ? {} : { name }), sha256, bytes },
    read: {
      profile: profile.name,
      format: table.format,
      ...(table.encoding === undefined ? {} : { encoding: table.encoding }),
      ...(table.delimiter === undefined ? {} : { delimiter: table.delimiter }),
      headerRow: columns.headerIndex + 1,
      decimalMark: mark,
      columns: columns.titles,
      ignored: [...columns.ignored],
      guessed: [
        ...table.guessed,
        ...columns.guessed,
        ...(profile.decimalMark === 'auto' && table.format === 'csv' ? ['decimalMark'] : []),
      ],
    },
    dryRun: false,
    committed: false,
    rows: check.count,
    created,
    changed,
    unchanged: check.rows.length - created - changed,
    errors,
    warnings: check.faults.length - errors,
    byCode,
    faults: errorsFirst(check.faults).slice(0, IMPORT_FAULTS_MAX),
    preview: check.rows.slice(0, IMPORT_PREVIEW_ROWS).map(({ sku, edit }) => ({ sku, ...edit })) as never,
  };
}

function errorsFirst(faults: readonly ImportFault[]): ImportFault[] {
  return [
    ...faults.filter(({ level }) => level === 'error'),
    ...faults.filter(({ level }) => level === 'warning'),
  ];
}
