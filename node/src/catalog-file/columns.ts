/**
 * Which column is which field: from the profile, or by the titles suppliers use.
 *
 * The row of the titles is the first of the top ones in which an SKU column and one more are found. Columns nobody asked for are
 * ignored and named in the report. Refused when there is no SKU column, or the profile names one that is not there.
 */
import {
  type ImportField,
  type ImportProfile,
  type ImportReport,
  importFields,
  ProblemError,
} from '@branchline/model';
import { TITLES } from './profiles.ts';
import { type CellContent, HEAD_ROWS_MAX } from './table-bounds.ts';

export interface Columns {
  /** Index of the row of titles; -1 without one. */
  readonly headerIndex: number;
  /** Index of each field's column. */
  readonly of: ReadonlyMap<ImportField, number>;
  /** How a fault names a column. */
  readonly titles: ImportReport['read']['columns'];
  readonly ignored: readonly string[];
  readonly guessed: readonly string[];
  /** Columns of the row of titles; undefined without one. */
  readonly width: number | undefined;
}

/** Titles of ignored columns named in the report. */
const IGNORED_MAX = 50;
const TITLE_CHARS_MAX = 64;
/** Rows from the top in which titles are looked for. */
const TITLE_ROWS_MAX = 20;

type Row = readonly CellContent[];

export function findColumns(rows: readonly Row[], profile: ImportProfile): Columns {
  const { headerRow } = profile;
  if (headerRow === 0) {
    return byNumber(rows, profile);
  }
  const headerIndex = headerRow === 'auto' ? guessHeader(rows, profile) : headerRow - 1;
  const titles = (rows[headerIndex] ?? []).map(titleOf);
  const of = new Map<ImportField, number>();
  for (const field of importFields) {
    const at = columnOf(titles, field, profile);
    if (at !== undefined) {
      of.set(field, at);
    }
  }
  requireSku(of, titles);
  const taken = new Set(of.values());
  return {
    headerIndex,
    of,
    titles: Object.fromEntries(Array.from(of, ([field, at]) => [field, named(rows[headerIndex]![at], at)])),
    ignored: titles
      .flatMap((title, at) => (taken.has(at) || title === '' ? [] : [named(rows[headerIndex]![at], at)]))
      .slice(0, IGNORED_MAX),
    guessed: [
      ...(headerRow === 'auto' ? ['headerRow'] : []),
      ...Array.from(of.keys()).flatMap((field) =>
        profile.columns[field] === undefined ? [`column ${field}`] : [],
      ),
    ],
    width: titles.length,
  };
}

function byNumber(rows: readonly Row[], profile: ImportProfile): Columns {
  const of = new Map<ImportField, number>();
  for (const field of importFields) {
    const named = profile.columns[field];
    if (typeof named === 'number') {
      of.set(field, named - 1);
    } else if (named !== undefined) {
      throw new ProblemError('IMPORT_FILE', `Without a row of titles the column of ${field} needs a number.`);
    }
  }
  requireSku(of, []);
  const titles = Object.fromEntries(Array.from(of, ([field, at]) => [field, `column ${at + 1}`]));
  return { headerIndex: -1, of, titles, ignored: [], guessed: [], width: rows[0]?.length };
}

function guessHeader(rows: readonly Row[], profile: ImportProfile): number {
  for (const [index, row] of rows.slice(0, Math.min(TITLE_ROWS_MAX, HEAD_ROWS_MAX)).entries()) {
    const titles = row.map(titleOf);
    const found = importFields.filter((field) => find(titles, field, profile) !== undefined);
    if (found.includes('sku') && found.length > 1) {
      return index;
    }
  }
  const seen = rows[0]?.map(titleOf).filter(Boolean).slice(0, 8).join(', ') ?? '';
  throw new ProblemError(
    'IMPORT_FILE',
    `None of the first ${TITLE_ROWS_MAX} rows has the title of an SKU column and of one more (row 1: ${seen.slice(0, 200)}).`,
  );
}

/** As `find`; a column the profile names must be there. */
function columnOf(titles: readonly string[], field: ImportField, profile: ImportProfile): number | undefined {
  const at = find(titles, field, profile);
  const wanted = profile.columns[field];
  if (at === undefined && wanted !== undefined) {
    throw new ProblemError(
      'IMPORT_FILE',
      `The profile takes ${field} from "${String(wanted)}", which no column is called.`,
    );
  }
  return at;
}

function find(titles: readonly string[], field: ImportField, profile: ImportProfile): number | undefined {
  const wanted = profile.columns[field];
  if (typeof wanted === 'number') {
    return wanted <= titles.length ? wanted - 1 : undefined;
  }
  const names = wanted === undefined ? TITLES[field] : [wanted].flat().map(titleOf);
  for (const name of names) {
    const at = titles.indexOf(name);
    if (at >= 0) {
      return at;
    }
  }
  return undefined;
}

function requireSku(of: ReadonlyMap<ImportField, number>, titles: readonly string[]): void {
  if (!of.has('sku')) {
    const seen = titles.filter(Boolean).slice(0, 8).join(', ');
    throw new ProblemError('IMPORT_FILE', `No column is the SKU; the titles are: ${seen.slice(0, 200)}.`);
  }
}

function titleOf(content: CellContent): string {
  return String(content ?? '')
    .trim()
    .replaceAll(/\s+/g, ' ')
    .toLowerCase();
}

function named(content: CellContent, at: number): string {
  const text = String(content ?? '')
    .trim()
    .slice(0, TITLE_CHARS_MAX);
  return text === '' ? `column ${at + 1}` : text;
}
