/**
 * `npm test`: runs every test file and says how many tests passed and failed.
 *
 *     npm test                             all of them
 *     npm test -- packages/feed            those below a folder
 *     npm test -- packages/feed/test/journal.test.ts
 *
 * Guarantees: each file has a process of its own, so nothing leaks from one to the next; none runs longer than its
 * limit; the last line is `N passed, N failed`, and the exit code is 0 only if nothing failed and something ran.
 * What counts as failed is decided in `runner/verdict.ts`, not here.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTestFiles } from './runner/find-tests.ts';
import { runTestFiles } from './runner/run-files.ts';
import { TextReport } from './runner/text-report.ts';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const files = await findTestFiles(root, process.argv.slice(2));
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupted.abort(new Error(`interrupted by ${name}`)));
}

const report = new TextReport((text) => process.stdout.write(text));
const verdicts = await runTestFiles(files, {
  root,
  signal: interrupted.signal,
  ended: (v) => report.file(v),
});
process.exitCode = report.end(verdicts) ? 0 : 1;
