/**
 * Every error code of a package's `errors.ts` stands in the package's README and in one of its tests (or in a top-level
 * test): callers depend on the code, so it is documented, and nobody can say what it means unless something raises it.
 */
import type { Finding, Tree } from './tree.ts';

const CODE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/;

export function checkErrorCodes(tree: Tree): Finding[] {
  const findings: Finding[] = [];
  for (const file of tree.sources) {
    const folder = /^(.+)\/src\/errors\.ts$/.exec(file.path)?.[1];
    if (folder === undefined) {
      continue;
    }
    const page = tree.pages.find((candidate) => candidate.path === `${folder}/README.md`)?.text ?? '';
    const tests = tree.sources
      .filter((source) => source.path.startsWith(`${folder}/test/`) || source.path.startsWith('test/'))
      .filter((source) => !source.path.startsWith('test/tidy'));
    // A contract suite is a test wherever it stands.
    tests.push(...tree.sources.filter((source) => source.path.startsWith(`${folder}/src/acceptance`)));
    const tested = new Set(tests.flatMap((source) => codesIn(source.text)));
    for (const code of new Set(file.strings.filter((text) => CODE.test(text)))) {
      if (!codesIn(page).includes(code)) {
        findings.push({ path: `${folder}/README.md`, message: `does not document the error code ${code}` });
      }
      if (!tested.has(code)) {
        findings.push({ path: file.path, message: `${code} appears in no test` });
      }
    }
  }
  return findings;
}

function codesIn(text: string): string[] {
  return text.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? [];
}
