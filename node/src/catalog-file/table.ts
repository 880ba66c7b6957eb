/**
 * A catalog file as a table: bytes become rows of cells, whatever the file is.
 *
 *     bytes ─┬─ PK… ──> workbook.ts (XLSX) ─┐
 *            └─ text ─> encoding ─> CSV ────┴─> rows, numbered as a spreadsheet shows them
 *
 * Guarantees: rows, columns and cells are bounded; parsing gives the event loop its turn; what was guessed is said. A file that is no
 * table is refused with where it stops being one. Does not know what a column means.
 */
import { isUtf8 } from 'node:buffer';
import { IMPORT_COLUMNS_MAX, type ImportProfile, ProblemError } from '@branchline/model';
import { CsvError, type Options, parse } from 'csv-parse';
import { parse as parseSync } from 'csv-parse/sync';
import type { Clock } from 'hlc-ts';
import iconv from 'iconv-lite';
import { type CellContent, requireRows } from './table-bounds.ts';
import { isZip, readWorkbook } from './workbook.ts';

export interface Table {
  readonly format: 'csv' | 'xlsx';
  readonly encoding?: string;
  readonly delimiter?: string;
  /** In the order of the file; row `i` is row `i + 1` of a spreadsheet. */
  readonly rows: readonly (readonly CellContent[])[];
  readonly guessed: readonly string[];
}

/** Rows parsed between two looks at the rest of the event loop. */
const SLICE_ROWS = 500;
/** Titles and rows looked at for a guess. */
const SAMPLE_CHARS = 16 * 1024;
/** A row before its cells are looked at one by one. */
const RECORD_BYTES_MAX = 256 * 1024;
const DELIMITERS = [';', ',', '\t', '|'] as const;

export async function readTable(bytes: Uint8Array, profile: ImportProfile, clock: Clock): Promise<Table> {
  if (bytes.length === 0) {
    throw new ProblemError('IMPORT_FILE', 'The file is empty.');
  }
  const format = profile.format === 'auto' ? (isZip(bytes) ? 'xlsx' : 'csv') : profile.format;
  const guessed = profile.format === 'auto' ? ['format'] : [];
  if (format === 'xlsx') {
    return { format, rows: await readWorkbook(bytes, profile.sheet), guessed };
  }
  if (isZip(bytes)) {
    throw new ProblemError('IMPORT_FILE', 'The profile says CSV, and the file is a workbook.');
  }
  return await readCsv(bytes, profile, clock, guessed);
}

async function readCsv(
  bytes: Uint8Array,
  profile: ImportProfile,
  clock: Clock,
  guessed: string[],
): Promise<Table> {
  let { encoding } = profile;
  if (encoding === 'auto') {
    encoding = guessEncoding(bytes);
    guessed.push('encoding');
  } else if (encoding === 'utf-8' && !isUtf8(bytes)) {
    throw new ProblemError('IMPORT_FILE', 'The profile says UTF-8, and the file is not; try windows-1251.');
  }
  const text = iconv.decode(Buffer.from(bytes), encoding, { stripBOM: true });
  let { delimiter } = profile;
  if (delimiter === 'auto') {
    delimiter = guessDelimiter(text.slice(0, SAMPLE_CHARS), profile.quote);
    guessed.push('delimiter');
  }
  return {
    format: 'csv',
    encoding,
    delimiter,
    rows: await parseRows(text, delimiter, profile, clock),
    guessed,
  };
}

async function parseRows(
  text: string,
  delimiter: string,
  profile: ImportProfile,
  clock: Clock,
): Promise<string[][]> {
  const parser = parse(csvOptions(delimiter, profile.quote));
  const rows: string[][] = [];
  parser.end(text);
  try {
    for await (const row of parser as AsyncIterable<string[]>) {
      if (row.length > IMPORT_COLUMNS_MAX) {
        throw new ProblemError(
          'IMPORT_FILE',
          `Row ${rows.length + 1} has ${row.length} columns; ${IMPORT_COLUMNS_MAX} are allowed.`,
        );
      }
      rows.push(row);
      requireRows(rows.length);
      if (rows.length % SLICE_ROWS === 0) {
        await clock.yield();
      }
    }
  } catch (cause) {
    if (cause instanceof CsvError) {
      const words = `The file is no CSV with "${delimiter}" from line ${cause.lines ?? rows.length + 1} on (${cause.code}).`;
      throw new ProblemError('IMPORT_FILE', words, { cause });
    }
    throw cause;
  } finally {
    parser.destroy();
  }
  return rows;
}

/** Empty rows stay: the numbers in the report are those the person sees. */
function csvOptions(delimiter: string, quote: string): Options {
  return {
    delimiter,
    quote,
    relax_column_count: true,
    // Inches are written with the sign that quotes: `Frame 15" black`.
    relax_quotes: true,
    skip_empty_lines: false,
    max_record_size: RECORD_BYTES_MAX,
  };
}

function guessEncoding(bytes: Uint8Array): 'utf-8' | 'windows-1251' | 'utf-16le' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    return 'utf-16le';
  }
  return isUtf8(bytes) ? 'utf-8' : 'windows-1251';
}

/** The one that cuts most rows of the beginning into as many columns as the first. */
function guessDelimiter(sample: string, quote: string): (typeof DELIMITERS)[number] {
  // The last line may be cut in its middle.
  const end = sample.lastIndexOf('\n');
  const whole = end < 0 ? sample : sample.slice(0, end + 1);
  let best: (typeof DELIMITERS)[number] = ',';
  let bestScore = 0;
  for (const delimiter of DELIMITERS) {
    const score = scoreOf(whole, delimiter, quote);
    if (score > bestScore) {
      best = delimiter;
      bestScore = score;
    }
  }
  return best;
}

function scoreOf(sample: string, delimiter: string, quote: string): number {
  let rows: string[][];
  try {
    rows = parseSync(sample, csvOptions(delimiter, quote)) as unknown as string[][];
  } catch {
    // A quote opened here and closed behind the sample, or another delimiter's text.
    return 0;
  }
  const widths = new Map<number, number>();
  for (const { length } of rows) {
    widths.set(length, (widths.get(length) ?? 0) + 1);
  }
  let score = 0;
  for (const [width, count] of widths) {
    score = width < 2 ? score : Math.max(score, count * 1_000 + width);
  }
  return score;
}
