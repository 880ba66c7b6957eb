/**
 * No source file that nothing refers to. A file is referred to by an import, by a string that names it (a worker started
 * by URL), or by the package's manifest; `main.ts` is what a launcher starts.
 */
import { posix } from 'node:path';
import type { Finding, Tree } from './tree.ts';

/** Files that are checked: sources and what tests are made of. Test files are found by the runner. */
const CHECKED = /^((packages\/[^/]+|relay|node|fixtures|bench)\/(src|web|test)|test)\//;
const STARTED_BY_NAME =
  /(\/src\/main\.ts|\/web\/\w+\/main\.tsx|\.test\.ts|\.d\.ts|\.config\.ts|^test\/(run|core-coverage)\.ts|^test\/\w+\/main\.ts)$/;
const RUNNER_CASES = /^test\/runner\/cases\//;

export function checkReferences(tree: Tree): Finding[] {
  const referred = new Set(tree.manifests.flatMap((manifest) => manifest.entries));
  for (const file of tree.sources) {
    for (const text of [...file.imports.map((edge) => edge.specifier), ...file.strings]) {
      if (text.startsWith('.')) {
        const target = posix.join(posix.dirname(file.path), text);
        referred.add(target);
        // Started from source or from the built file beside it.
        referred.add(target.replace(/\.js$/, '.ts'));
      }
    }
  }
  return tree.sources
    .filter((file) => CHECKED.test(file.path) && /\.tsx?$/.test(file.path))
    .filter((file) => !STARTED_BY_NAME.test(file.path) && !RUNNER_CASES.test(file.path))
    .filter((file) => !referred.has(file.path))
    .map((file) => ({
      path: file.path,
      message: 'nothing refers to it: delete it, or say where it is used',
    }));
}
