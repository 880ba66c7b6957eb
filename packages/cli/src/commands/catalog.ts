/**
 * S-13: a catalog file is taken in by the running node of head office.
 *
 * All or nothing: one wrong row and nothing is written; the rows are printed with what is wrong, the exit code is 1. `--dry-run` only
 * looks. `--faults FILE` writes every listed fault as CSV, for whoever corrects the file.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { IMPORT_FILE_BYTES_MAX, type ImportReport, importRefusal, importReport } from '@branchline/model';
import { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { ExitCode } from '../exit-code.ts';
import { bytesWords, table } from '../output.ts';
import { RunningProgram } from '../running-program.ts';

/** Faults printed; the file of `--faults` has all that are listed. */
const PRINTED_FAULTS_MAX = 20;
const FAILED = 1;

interface ImportOptions {
  readonly data: string;
  readonly profile?: string;
  readonly dryRun?: boolean;
  readonly accept?: string;
  readonly faults?: string;
}

export function catalogCommand(context: CommandContext): Command {
  const takeIn = dataCommand('import', 'products from a CSV or XLSX file, all or nothing', context)
    .argument('<file>', 'CSV or XLSX')
    .option('--profile <profile>', 'name of a profile, or a JSON file with one; guessed when left out')
    .option('--dry-run', 'say what it would do, write nothing')
    .option('--accept <codes>', 'let VAT_CHANGED, PRICE_JUMP or both pass (separated by a comma)')
    .option('--faults <file>', 'write what is wrong as CSV')
    .action(async (file: string, options: ImportOptions, command: Command) => {
      const output = context.output(command);
      const node = await RunningProgram.require(options.data);
      if (node.kind !== 'node') {
        throw new CliError('DATA_MISSING', `a ${node.kind} runs on ${options.data}, and it has no catalog`, {
          hint: 'Name the folder of the node of head office with --data DIR.',
        });
      }
      const bytes = await readCatalogFile(file);
      output.progress(`sending ${bytesWords(bytes.length)} to ${node.url} …`);
      const query = new URLSearchParams({
        file: basename(file),
        dryRun: options.dryRun === true ? 'true' : 'false',
        ...(options.profile === undefined ? {} : { profile: await profileText(options.profile) }),
        ...(options.accept === undefined ? {} : { accept: options.accept.replaceAll(' ', '') }),
      });
      const answer = await node.upload(`/v1/catalog/imports?${query}`, bytes);
      const refusal = importRefusal.safeParse(answer);
      const report = refusal.success ? refusal.data.report : importReport.parse(answer);
      if (options.faults !== undefined) {
        await writeFaults(options.faults, report);
      }
      output.result(report, () => reportWords(report));
      if (report.errors > 0 || (refusal.success && !report.committed)) {
        throw new ExitCode(FAILED);
      }
    });
  return new Command('catalog').description('the catalog of head office').addCommand(takeIn);
}

async function readCatalogFile(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > IMPORT_FILE_BYTES_MAX) {
      throw new CliError('INPUT_TOO_LARGE', `${file} has ${bytesWords(size)}`, {
        hint: `A catalog file may have ${bytesWords(IMPORT_FILE_BYTES_MAX)}; cut it in parts.`,
      });
    }
    return await readFile(file);
  } catch (cause) {
    if (cause instanceof CliError) {
      throw cause;
    }
    throw new CliError('FILE_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** A name goes as it is; a JSON file goes as its text. */
async function profileText(profile: string): Promise<string> {
  if (!profile.endsWith('.json')) {
    return profile;
  }
  try {
    return await readFile(profile, 'utf8');
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', `cannot read ${profile}: ${(cause as Error).message}`, { cause });
  }
}

async function writeFaults(file: string, { faults }: ImportReport): Promise<void> {
  const cell = (text: string): string => (/["\r\n,]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = faults.map(({ row, column, level, code, words, value }) =>
    [String(row), column ?? '', level, code, words, value ?? ''].map(cell).join(','),
  );
  // A byte order mark: spreadsheets otherwise take UTF-8 for something else.
  const text = `\uFEFF${['row,column,level,code,words,value', ...rows].join('\r\n')}\r\n`;
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new CliError('FILE_UNWRITABLE', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

function reportWords(report: ImportReport): string {
  const { read, rows, created, changed, unchanged, errors, warnings, faults, committed, preview } = report;
  const how = [
    read.format,
    read.encoding,
    read.delimiter === undefined ? undefined : `separator "${read.delimiter}"`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
  const columns = Object.entries(read.columns).map(([field, title]) => `${field} = ${title}`);
  const counts = `${rows} rows: ${created} new, ${changed} changed, ${unchanged} as they were`;
  const outcome = committed
    ? 'imported'
    : errors > 0
      ? 'NOTHING was imported'
      : 'dry run, nothing was written';
  const listed = faults.slice(0, PRINTED_FAULTS_MAX);
  const more = errors + warnings - listed.length;
  return [
    `read as ${how}, titles in row ${read.headerRow}, decimal mark "${read.decimalMark}"`,
    `columns: ${columns.join(', ')}${read.ignored.length === 0 ? '' : `; not used: ${read.ignored.join(', ')}`}`,
    ...(read.guessed.length === 0 ? [] : [`guessed: ${read.guessed.join(', ')}`]),
    ...(committed || preview.length === 0 ? [] : ['', previewTable(preview)]),
    ...(listed.length === 0 ? [] : ['', faultTable(listed)]),
    ...(more > 0 ? [`… and ${more} more (--faults FILE or --json lists them)`] : []),
    '',
    `${counts}; ${errors} errors, ${warnings} warnings: ${outcome}`,
  ].join('\n');
}

function previewTable(preview: ImportReport['preview']): string {
  return table(
    ['sku', 'name', 'price', 'vat', 'barcodes'],
    preview.map(({ sku, name, priceMinor, vat, barcodes }) => [
      sku,
      (name ?? '').slice(0, 50),
      priceMinor === undefined ? '' : (priceMinor / 100).toFixed(2),
      vat ?? '',
      (barcodes ?? []).join(' '),
    ]),
  );
}

function faultTable(faults: ImportReport['faults']): string {
  return table(
    ['row', 'column', '', 'code', 'what', 'value'],
    faults.map(({ row, column, level, code, words, value }) => [
      String(row),
      column ?? '',
      level,
      code,
      words,
      value ?? '',
    ]),
  );
}
