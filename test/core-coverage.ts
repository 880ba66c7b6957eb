/**
 * `npm run coverage:core`: branch coverage of the packages in `runner/core-packages.ts` by their own tests, a figure each; fails below the
 * minimum, and names the files that miss most.
 *
 * With `CORE_COVERAGE` set to a folder that `npm test` has filled under the same setting, that run is counted; otherwise the tests are run first.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BRANCHES_MIN, BRANCHES_WANTED, CORE_PACKAGES } from './runner/core-packages.ts';
import { findTestFiles } from './runner/find-tests.ts';
import { runTestFiles } from './runner/run-files.ts';
import { TextReport } from './runner/text-report.ts';
import { figure } from './support/figures.ts';

const NAMED_FILES = 5;
const root = resolve(fileURLToPath(import.meta.url), '../..');

interface Branches {
  readonly total: number;
  readonly covered: number;
}

async function runThem(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'core-coverage-'));
  process.env.CORE_COVERAGE = folder;
  const files = await findTestFiles(
    root,
    CORE_PACKAGES.map(({ tests }) => tests),
  );
  const report = new TextReport((text) => process.stdout.write(text));
  const signal = new AbortController().signal;
  const verdicts = await runTestFiles(files, { root, signal, ended: (verdict) => report.file(verdict) });
  if (!report.end(verdicts)) throw new Error('coverage of failing tests says nothing');
  return folder;
}

function branchesByFile(folder: string): Map<string, Branches> {
  const summary = join(folder, 'report');
  const args = [
    'c8',
    'report',
    '--temp-directory',
    folder,
    '--reports-dir',
    summary,
    '--reporter',
    'json-summary',
  ];
  const include = CORE_PACKAGES.flatMap(({ tests }) => [
    '--include',
    `${tests.replace('/test/', '/src/')}**`,
  ]);
  const { status, stderr } = spawnSync('npx', [...args, ...include], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`c8 report: ${stderr}`);
  const found = JSON.parse(readFileSync(join(summary, 'coverage-summary.json'), 'utf8')) as Record<
    string,
    { branches: Branches }
  >;
  return new Map(Object.entries(found).map(([path, { branches }]) => [relative(root, path), branches]));
}

const given = process.env.CORE_COVERAGE;
const folder = given === undefined || given === '' ? await runThem() : given;
const byFile = branchesByFile(folder);
rmSync(folder, { recursive: true, force: true });

let failed = 0;
for (const { name, counted } of CORE_PACKAGES) {
  const files = [...byFile].filter(([path]) => counted.test(path));
  const total = files.reduce((sum, [, branches]) => sum + branches.total, 0);
  const covered = files.reduce((sum, [, branches]) => sum + branches.covered, 0);
  const percent = total === 0 ? 0 : Math.floor((covered * 1000) / total) / 10;
  figure(`branches of ${name} its tests reach`, `${percent} %`, `>= ${BRANCHES_WANTED} %`);
  if (percent >= BRANCHES_MIN) continue;
  failed += 1;
  const missing = files
    .map(([path, branches]) => ({ path, missed: branches.total - branches.covered }))
    .sort((one, other) => other.missed - one.missed);
  for (const { path, missed } of missing.slice(0, NAMED_FILES))
    process.stdout.write(`  ${missed} missed in ${path}\n`);
}
process.stdout.write(`${CORE_PACKAGES.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
