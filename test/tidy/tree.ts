/**
 * The repository as the checks see it: TypeScript sources, Markdown pages and package manifests, read from the working
 * tree so that a check speaks about what is there, committed or not.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type SourceFile, sourceFile } from './source-file.ts';

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.git', '.branchline']);
/** A package with a lock of its own, installed only when asked for: glue to other systems, which have clocks and settings of theirs. */
const SKIPPED_PATHS = new Set(['bench/peers']);

export interface Tree {
  readonly sources: readonly SourceFile[];
  readonly pages: readonly Page[];
  readonly manifests: readonly Manifest[];
  /** Every path, folders included. */
  readonly paths: ReadonlySet<string>;
}

export interface Page {
  readonly path: string;
  readonly text: string;
}

export interface Manifest {
  /** Folder of the package; empty for the root. */
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  /** Source files that others reach by name: exports, and programs. */
  readonly entries: readonly string[];
}

export interface Finding {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

export function describe(finding: Finding): string {
  const place = finding.line === undefined ? finding.path : `${finding.path}:${finding.line}`;
  return `${place}  ${finding.message}`;
}

export async function readTree(root: string): Promise<Tree> {
  const paths = new Set<string>();
  const sources: SourceFile[] = [];
  const pages: Page[] = [];
  const manifests: Manifest[] = [];
  for await (const { path, isFile } of walk(root, root)) {
    paths.add(path);
    if (!isFile) {
      continue;
    }
    const read = () => readFile(join(root, path), 'utf8');
    if (/\.(ts|tsx|mts|js|mjs)$/.test(path) && !path.endsWith('.d.ts')) {
      sources.push(sourceFile(path, await read()));
    } else if (path.endsWith('.md')) {
      pages.push({ path, text: await read() });
    } else if (/(^|\/)package\.json$/.test(path)) {
      manifests.push(manifest(path, JSON.parse(await read())));
    }
  }
  return { sources, pages, manifests, paths };
}

async function* walk(root: string, folder: string): AsyncGenerator<{ path: string; isFile: boolean }> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (SKIPPED_FOLDERS.has(entry.name)) {
      continue;
    }
    const full = join(folder, entry.name);
    if (SKIPPED_PATHS.has(relative(root, full).replaceAll('\\', '/'))) {
      continue;
    }
    yield { path: relative(root, full).replaceAll('\\', '/'), isFile: entry.isFile() };
    if (entry.isDirectory()) {
      yield* walk(root, full);
    }
  }
}

interface PackageJson {
  readonly name?: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly exports?: Record<string, { source?: string }>;
}

function manifest(path: string, json: PackageJson): Manifest {
  const folder = path.replace(/\/?package\.json$/, '');
  const entries = Object.values(json.exports ?? {}).flatMap((target) => target.source ?? []);
  return {
    folder,
    name: json.name ?? '',
    dependencies: Object.keys(json.dependencies ?? {}),
    devDependencies: Object.keys(json.devDependencies ?? {}),
    entries: entries.map((entry) => `${folder}/${entry.replace(/^\.\//, '')}`),
  };
}
