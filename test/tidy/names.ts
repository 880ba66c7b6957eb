/** File names that hide their subject: a file is named after the one noun it holds. */
import { basename } from 'node:path';
import type { Finding } from './tree.ts';

const HIDING =
  /^(manager|helpers?|utils?|utilities|common|misc|stuff|tools?|shared|base|handlers?|processor)$/i;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d|\.config)?\.(ts|tsx|js|mjs)$/;

export function checkNames(paths: Iterable<string>): Finding[] {
  const findings: Finding[] = [];
  for (const path of paths) {
    const name = basename(path);
    if (!/\.(ts|tsx|js|mjs)$/.test(name)) {
      continue;
    }
    if (!KEBAB.test(name)) {
      findings.push({ path, message: 'is not in kebab-case' });
    }
    const hiding = name
      .replace(/\..*$/, '')
      .split('-')
      .find((word) => HIDING.test(word));
    if (hiding !== undefined) {
      findings.push({ path, message: `"${hiding}" hides the subject; name the file after its main export` });
    }
  }
  return findings;
}
