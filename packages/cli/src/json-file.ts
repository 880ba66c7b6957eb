/** A JSON file named by the operator: read, or a refusal that says which file and why. */
import { readFile } from 'node:fs/promises';
import { CliError } from './errors.ts';

export async function readJsonFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', `cannot read ${path}: ${(cause as Error).message}`, {
      cause,
      hint: 'Check the path and its permissions.',
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError('CONFIG_INVALID', `${path} is not JSON: ${(cause as Error).message}`, {
      cause,
      hint: 'Mend the file; its settings are listed in the README.',
    });
  }
}
