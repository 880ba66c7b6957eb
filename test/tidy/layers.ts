/**
 * The layer diagram as data, and the check that every import follows it.
 *
 * One row per workspace: which of our packages its sources may import, and which built-in modules of Node where that
 * is limited. Outside packages need no row: a package imports exactly what its own `package.json` declares. Tests may
 * import in addition the development tools of the root, `fixtures`, and `test/support`; whatever needs two layers that
 * may not see each other is tested in the top-level `test`, `bench` and `fixtures`, which see every package, and see
 * it only through its public surface.
 */
import { posix } from 'node:path';
import type { SourceFile } from './source-file.ts';
import type { Finding, Manifest, Tree } from './tree.ts';

interface Layer {
  readonly ours: readonly string[] | 'all';
  /** Built-in modules allowed, without `node:`; left out where all are. */
  readonly builtins?: readonly string[];
  /** Exceptions to `builtins`: module and the one file that is its home. */
  readonly builtinHomes?: Readonly<Record<string, string>>;
}

const FS_HOME = { fs: 'src/node-disk.ts', 'fs/promises': 'src/node-disk.ts' };

export const LAYERS: Readonly<Record<string, Layer>> = {
  'packages/hlc-ts': { ours: [], builtins: [] },
  'packages/model': { ours: ['hlc-ts'], builtins: [] },
  'packages/wire': { ours: ['hlc-ts'] },
  'packages/feed': {
    ours: ['hlc-ts'],
    builtins: ['crypto', 'zlib', 'path', 'util', 'buffer', 'events'],
    builtinHomes: FS_HOME,
  },
  'packages/outbox': { ours: ['hlc-ts'] },
  'packages/docs': { ours: ['hlc-ts', '@branchline/model'] },
  'packages/fiscal': { ours: ['hlc-ts', '@branchline/model'] },
  'packages/repo': { ours: ['hlc-ts'] },
  'packages/client': { ours: ['@branchline/model'], builtins: [] },
  'packages/pages': { ours: ['hlc-ts', '@branchline/model', '@branchline/client'] },
  relay: {
    ours: ['hlc-ts', '@branchline/wire', '@branchline/feed', '@branchline/repo', '@branchline/pages'],
  },
  node: {
    ours: [
      'hlc-ts',
      '@branchline/model',
      '@branchline/wire',
      '@branchline/feed',
      '@branchline/outbox',
      '@branchline/docs',
      '@branchline/fiscal',
      '@branchline/repo',
      '@branchline/pages',
    ],
  },
  'packages/cli': { ours: 'all' },
  fixtures: { ours: 'all' },
  bench: { ours: 'all' },
  test: { ours: 'all' },
};

export function checkLayers(tree: Tree, layers: Readonly<Record<string, Layer>> = LAYERS): Finding[] {
  const findings: Finding[] = [];
  const context = { tree, layers, ours: new Map(tree.manifests.map((m) => [m.name, m])) };
  for (const file of tree.sources) {
    const workspace = workspaceOf(file.path);
    if (workspace === undefined) {
      continue;
    }
    if (layers[workspace] === undefined) {
      findings.push({
        path: file.path,
        message: `${workspace} has no row in test/tidy/layers.ts: give it one`,
      });
      continue;
    }
    for (const { specifier, line } of file.imports) {
      const message = judgeImport(file, workspace, specifier, context);
      if (message !== undefined) {
        findings.push({ path: file.path, line, message });
      }
    }
  }
  return findings;
}

/** The workspace a file belongs to; undefined for files outside of all (there should be none). */
function workspaceOf(path: string): string | undefined {
  return /^(packages\/[^/]+|relay|node|fixtures|bench|test)\//.exec(path)?.[1];
}

interface Context {
  readonly tree: Tree;
  readonly layers: Readonly<Record<string, Layer>>;
  readonly ours: ReadonlyMap<string, Manifest>;
}

function judgeImport(
  file: SourceFile,
  workspace: string,
  specifier: string,
  { tree, layers, ours }: Context,
): string | undefined {
  const isTest =
    workspace === 'test' ||
    file.path.startsWith(`${workspace}/test/`) ||
    // A tool's settings are made with that tool.
    file.path.endsWith('.config.ts');
  if (specifier.startsWith('.')) {
    return judgeRelative(file, workspace, specifier, isTest);
  }
  if (specifier.startsWith('node:')) {
    return isTest ? undefined : judgeBuiltin(file, workspace, specifier.slice(5), layers[workspace]!);
  }
  const name = packageName(specifier);
  const own = tree.manifests.find((manifest) => manifest.folder === workspace);
  const target = ours.get(name);
  if (target !== undefined) {
    if (name === own?.name) {
      return `imports its own package by name: import the sibling file`;
    }
    const allowed = layers[workspace]!.ours;
    const isFixture = isTest && target.folder === 'fixtures';
    if (allowed !== 'all' && !allowed.includes(name) && !isFixture) {
      return `${workspace} may not import ${name}: it may import ${allowed.join(', ') || 'none of ours'}`;
    }
    if (specifier !== name && specifier !== `${name}/acceptance`) {
      return `${specifier} reaches into a package: use its public surface, ${name}`;
    }
  }
  const root = tree.manifests.find((manifest) => manifest.folder === '');
  // Examples are not shipped either: they may use what only development needs.
  const isAtHome = isTest || file.path.startsWith(`${workspace}/example/`);
  const declared = [...(own?.dependencies ?? []), ...(isAtHome ? [...(own?.devDependencies ?? [])] : [])];
  const tools = isTest ? [...(root?.devDependencies ?? []), ...ours.keys()] : [];
  // The top-level tests have no manifest: they compose what the workspaces compose.
  const composed = workspace === 'test' ? tree.manifests.flatMap((manifest) => manifest.dependencies) : [];
  if (![...declared, ...tools, ...composed].includes(name)) {
    return `${name} is not a dependency of ${workspace}: declare it in its package.json, with a reason in the README`;
  }
  return undefined;
}

function judgeRelative(
  file: SourceFile,
  workspace: string,
  specifier: string,
  isTest: boolean,
): string | undefined {
  const target = posix.join(posix.dirname(file.path), specifier);
  if (!/\.(ts|tsx|js|mjs|json|css)$/.test(specifier)) {
    return `${specifier} has no extension: relative imports end in .ts`;
  }
  if (target.startsWith(`${workspace}/`)) {
    const isIndex = /(^|\/)src\/index\.ts$/.test(target);
    const fromSource = file.path.startsWith(`${workspace}/src/`);
    return isIndex && fromSource ? 'imports its own index: import the sibling file' : undefined;
  }
  if (isTest && target.startsWith('test/support/')) {
    return undefined;
  }
  return `${specifier} leaves ${workspace}: import the other package by name`;
}

function judgeBuiltin(file: SourceFile, workspace: string, name: string, layer: Layer): string | undefined {
  if (layer.builtins === undefined || layer.builtins.includes(name)) {
    return undefined;
  }
  const home = layer.builtinHomes?.[name];
  if (home !== undefined) {
    return file.path === `${workspace}/${home}` ? undefined : `node:${name} belongs in ${workspace}/${home}`;
  }
  return `${workspace} may not use node:${name}: let it come in through a port`;
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!;
}
