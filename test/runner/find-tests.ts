/**
 * Which test files there are: every `*.test.ts` below a test folder of a workspace, or below the folders and files
 * that were asked for. Sorted, so that two runs print alike.
 *
 * Folders of tests that need more than Node (a browser, root, spare minutes) are left out unless they are asked for by
 * name: `npm run test:browser` asks for `test/browser`, `npm run test:bench` for `bench/test`.
 *
 * Files named after folders narrow them: `npm run crash -- test/crash/power-cut.test.ts` is that file only.
 *
 * A file named on the command line is taken whatever its name is; that is how the runner's own test feeds it files
 * that must fail and that nobody else should run.
 */
import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';

/** Workspaces that may hold a `test` folder. `packages` holds one package per folder. */
const WORKSPACES = ['packages/*', 'relay', 'node', 'fixtures'];
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.branchline']);
/** Folders of tests that need more than Node, or minutes. */
const ASKED_FOR = new Set(['alarms', 'browser', 'crash', 'network', 'stories']);

export async function findTestFiles(root: string, asked: readonly string[]): Promise<string[]> {
  const named = asked.length > 0 ? asked.map((path) => resolve(root, path)) : await testFolders(root);
  const files = new Set<string>();
  for (const place of named) {
    if ((await stat(place)).isFile()) files.add(place);
  }
  const found = new Set<string>();
  for (const place of files.size > 0 ? files : named) {
    for (const path of files.size > 0 ? [place] : await testFilesBelow(place, asked.length === 0)) {
      found.add(relative(root, path));
    }
  }
  return [...found].sort();
}

async function testFolders(root: string): Promise<string[]> {
  const folders = [join(root, 'test')];
  for (const pattern of WORKSPACES) {
    if (!pattern.endsWith('/*')) {
      folders.push(join(root, pattern, 'test'));
      continue;
    }
    const parent = join(root, pattern.slice(0, -2));
    for (const name of await readdir(parent)) {
      folders.push(join(parent, name, 'test'));
    }
  }
  const existing: string[] = [];
  for (const folder of folders) {
    if (await isDirectory(folder)) {
      existing.push(folder);
    }
  }
  return existing;
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

async function testFilesBelow(folder: string, isPlain: boolean): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name) && !(isPlain && ASKED_FOR.has(entry.name))) {
        found.push(...(await testFilesBelow(path, isPlain)));
      }
    } else if (entry.isFile() && entry.name.endsWith('.test.ts')) {
      found.push(path);
    }
  }
  return found;
}
