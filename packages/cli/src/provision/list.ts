/**
 * The list a fleet is provisioned from: a CSV with a heading, one branch per row. Every row is checked before anything is made; what is
 * wrong is told with its line and column, all of it at once.
 *
 *     code,role,region,listen,kkt,ofd,taxSystem
 *     B001,branch,moscow,0.0.0.0:8080,10.0.1.7:7778,ofd.example:7777,general
 *
 * Only `code` is needed. Separators are commas or semicolons. A column nobody knows is refused: a misspelt one would leave a default in force.
 */
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { CliError } from '../errors.ts';

/** The relay takes no more in one call. */
export const ROWS_MAX = 1_000;
/** Mistakes named; the rest is counted. */
const FINDINGS_SHOWN_MAX = 10;

const address = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/, 'must be HOST:PORT');
const row = z.strictObject({
  code: z.string().regex(/^[A-Za-z0-9_.-]{1,32}$/, 'must be 1 to 32 of A-Z a-z 0-9 _ . -'),
  role: z.enum(['branch', 'hq', 'carrier', 'relay']).default('branch'),
  region: z.string().min(1).max(32).optional(),
  listen: address.optional(),
  /** Where the register is: a serial port or HOST:PORT. */
  kkt: z.string().min(1).max(200).optional(),
  ofd: address.optional(),
  taxSystem: z.string().min(1).optional(),
});
export type ProvisionRow = z.output<typeof row>;
const COLUMNS = Object.keys(row.shape);

export async function readProvisionList(path: string): Promise<ProvisionRow[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new CliError('FILE_UNREADABLE', `cannot read ${path}: ${cause.message}`, { cause });
  });
  return parseProvisionList(text, path);
}

/** Throws `CONFIG_INVALID`. */
export function parseProvisionList(text: string, name: string): ProvisionRow[] {
  const records = recordsOf(text, name);
  const findings: string[] = [];
  const rows: ProvisionRow[] = [];
  const lines = new Map<string, number>();
  for (const { record, info } of records) {
    const filled = Object.fromEntries(Object.entries(record).filter(([, cell]) => cell !== ''));
    const parsed = row.safeParse(filled);
    if (!parsed.success) {
      findings.push(...parsed.error.issues.map((issue) => `line ${info.lines}: ${issueWords(issue)}`));
      continue;
    }
    const { code, ofd, kkt } = parsed.data;
    const before = lines.get(code.toLowerCase());
    if (before !== undefined) {
      findings.push(`line ${info.lines}: ${code} is in line ${before} already`);
    }
    if (ofd !== undefined && kkt === undefined) {
      findings.push(`line ${info.lines}: ofd needs a kkt`);
    }
    lines.set(code.toLowerCase(), info.lines);
    rows.push(parsed.data);
  }
  if (records.length === 0) {
    findings.push('there is no branch in it');
  }
  if (records.length > ROWS_MAX) {
    findings.push(`${records.length} branches; ${ROWS_MAX} in one call`);
  }
  if (findings.length > 0) {
    const more =
      findings.length > FINDINGS_SHOWN_MAX ? `; and ${findings.length - FINDINGS_SHOWN_MAX} more` : '';
    throw new CliError(
      'CONFIG_INVALID',
      `${name}: ${findings.slice(0, FINDINGS_SHOWN_MAX).join('; ')}${more}`,
      { hint: `Columns are ${COLUMNS.join(', ')}; nothing was made.` },
    );
  }
  return rows;
}

type Parsed = { readonly record: Record<string, string>; readonly info: { readonly lines: number } };

function recordsOf(text: string, name: string): Parsed[] {
  try {
    return parse(text, {
      bom: true,
      columns: (heading: string[]) => heading.map((cell) => cell.trim()),
      delimiter: [',', ';'],
      comment: '#',
      trim: true,
      skip_empty_lines: true,
      info: true,
    }) as unknown as Parsed[];
  } catch (cause) {
    throw new CliError('CONFIG_INVALID', `${name}: ${(cause as Error).message}`, {
      cause,
      hint: `The first line names the columns: ${COLUMNS.join(',')}.`,
    });
  }
}

function issueWords(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys'
    ? `no such column: ${issue.keys.join(', ')}`
    : `${issue.path.join('.')}: ${issue.message}`;
}
