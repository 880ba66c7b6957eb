/**
 * Tidiness, kept by a machine: the layers, the words that have one home, tests that run, codes that are documented,
 * files that are used, links that lead somewhere. Each message says what to do instead. The checks have tests of their
 * own in `tidy-checks.test.ts`.
 *
 * At the end the largest files and functions are printed: a question, not a failure.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkBanned } from './tidy/banned.ts';
import { checkErrorCodes } from './tidy/error-codes.ts';
import { type Large, largestFiles, largestFunctions } from './tidy/largest.ts';
import { checkLayers } from './tidy/layers.ts';
import { checkLinks } from './tidy/links.ts';
import { checkNames } from './tidy/names.ts';
import { checkReferences } from './tidy/references.ts';
import { checkTestFiles } from './tidy/test-files.ts';
import { describe, type Finding, readTree } from './tidy/tree.ts';

const LARGEST = 10;

const tree = await readTree(resolve(fileURLToPath(import.meta.url), '../..'));
const test = suite('tidy');

function none(findings: readonly Finding[]): void {
  assert.is(findings.length, 0, `${findings.length} to mend\n${findings.map(describe).join('\n')}`);
}

test('there is something to check', () => {
  assert.ok(tree.sources.length > 20);
  assert.ok(tree.manifests.length > 5);
});
test('imports follow the layers', () => none(checkLayers(tree)));
test('banned words stay at home', () => none(checkBanned(tree.sources)));
test('file names say their subject', () => none(checkNames(tree.paths)));
test('every test file runs and none is focused', () => none(checkTestFiles(tree.sources)));
test('every error code is documented and tested', () => none(checkErrorCodes(tree)));
test('no source file is unreferenced', () => none(checkReferences(tree)));
test('relative links in Markdown resolve', () => none(checkLinks(tree)));

test.after(() => {
  const program = tree.sources.filter((file) => file.path.includes('/src/'));
  print('largest files', largestFiles(program, LARGEST));
  print('largest functions', largestFunctions(program, LARGEST));
});

function print(title: string, large: readonly Large[]): void {
  process.stdout.write(`\n  ${title}\n`);
  for (const { name, lines } of large) {
    process.stdout.write(`  ${String(lines).padStart(5)}  ${name}\n`);
  }
}

test.run();
