/**
 * Every test file really runs: each suite it makes is run, and none is focused. uvu would report 0 tests for the one,
 * and leave out the others silently for the other.
 */
import { lineAt, type SourceFile } from './source-file.ts';
import type { Finding } from './tree.ts';

/** `const test = suite('name')` and `const check = suite<State>('name', {…})`. */
const SUITE = /\b(?:const|let)\s+(\w+)\s*=\s*suite\b/g;
const FOCUSED = /\.only\s*\(/g;

export function checkTestFiles(sources: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = [];
  for (const file of sources) {
    if (!file.path.endsWith('.test.ts')) {
      continue;
    }
    const suites = [...file.code.matchAll(SUITE)].map((match) => match[1]!);
    if (/\bimport\s*\{[^}]*\btest\b[^}]*\}\s*from\s*'/.test(file.code)) {
      suites.push('test');
    }
    if (suites.length === 0 && !/\.run\(\)/.test(file.code)) {
      findings.push({ path: file.path, message: 'makes no suite: const test = suite(…) … test.run()' });
    }
    for (const name of new Set(suites)) {
      if (!new RegExp(`\\b${name}\\.run\\(\\)`).test(file.code)) {
        findings.push({ path: file.path, message: `never calls ${name}.run(): its tests would not run` });
      }
    }
    for (const match of file.code.matchAll(FOCUSED)) {
      findings.push({
        path: file.path,
        line: lineAt(file.code, match.index),
        message: 'a focused test: remove .only',
      });
    }
  }
  return findings;
}
