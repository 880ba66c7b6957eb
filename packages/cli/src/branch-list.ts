/** Which branches `branch add` is about: numbered ones, or those of a CSV file. */
import { readFile } from 'node:fs/promises';
import { CliError } from './errors.ts';

export interface RequestedBranch {
  readonly code: string;
  readonly role: string;
  readonly region?: string;
}

/** `B001` … `B200`: as many digits as the largest needs, three at least, so that codes sort as they count. */
export function branchCodes(prefix: string, count: number): string[] {
  const digits = Math.max(3, String(count).length);
  return Array.from({ length: count }, (_, at) => `${prefix}${String(at + 1).padStart(digits, '0')}`);
}

/** `code[,role[,region]]` per line; a first line that begins with `code` is a heading; `#` begins a comment. */
export async function readBranchCsv(
  path: string,
  otherwise: { readonly role: string; readonly region?: string },
): Promise<RequestedBranch[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new CliError('FILE_UNREADABLE', `cannot read ${path}: ${cause.message}`, { cause });
  });
  return parseBranchCsv(text, otherwise);
}

export function parseBranchCsv(
  text: string,
  otherwise: { readonly role: string; readonly region?: string },
): RequestedBranch[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const requested: RequestedBranch[] = [];
  for (const [at, line] of lines.entries()) {
    const cells = line
      .replace(/#.*$/, '')
      .split(/[,;]/)
      .map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    const [code = '', role = '', region = ''] = cells;
    if (code === '' || (at === 0 && code.toLowerCase() === 'code')) {
      continue;
    }
    const branch = {
      ...otherwise,
      code,
      ...(role === '' ? {} : { role }),
      ...(region === '' ? {} : { region }),
    };
    requested.push(branch);
  }
  return requested;
}
