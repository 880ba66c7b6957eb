/**
 * A copy of the programs' sources in a folder of its own, to be made wrong on purpose. The tree that is worked in is never
 * touched; packages from outside are shared by links.
 */
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WORKSPACES = ['relay', 'node', 'fixtures', 'bench'];
/** Scopes and packages of ours are found in the copy, not in what they are copied from. */
const OURS = new Set(['@branchline', 'hlc-ts']);

export interface Mutation {
  /** Relative to the repository. */
  readonly file: string;
  /** Must stand there exactly once. */
  readonly find: string;
  readonly put: string;
}

export class MutantTree {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** `path` exists and is empty. */
  static async make(path: string): Promise<MutantTree> {
    const packages = (await readdir(join(ROOT, 'packages'), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `packages/${name}`);
    for (const folder of [...packages, ...WORKSPACES, 'test']) {
      await cp(join(ROOT, folder), join(path, folder), {
        recursive: true,
        filter: (source) => !/\/(dist|node_modules|coverage)(\/|$)/.test(source.slice(ROOT.length)),
      });
    }
    await cp(join(ROOT, 'package.json'), join(path, 'package.json'));
    await linkModules(path);
    return new MutantTree(path);
  }

  /** Makes it wrong; the result makes it right again. */
  async mutate({ file, find, put }: Mutation): Promise<() => Promise<void>> {
    const target = join(this.path, file);
    const text = await readFile(target, 'utf8');
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(`${file} has ${parts.length - 1} places that read: ${find}`);
    }
    await writeFile(target, parts.join(put));
    return () => writeFile(target, text);
  }
}

async function linkModules(path: string): Promise<void> {
  const from = join(ROOT, 'node_modules');
  const to = join(path, 'node_modules');
  await mkdir(join(to, '@branchline'), { recursive: true });
  for (const name of await readdir(from)) {
    if (!OURS.has(name)) {
      await symlink(join(from, name), join(to, name));
    }
  }
  for (const name of await readdir(join(from, '@branchline'))) {
    const folder = WORKSPACES.includes(name) ? name : `packages/${name}`;
    await symlink(join(path, folder), join(to, '@branchline', name));
  }
  await symlink(join(path, 'packages/hlc-ts'), join(to, 'hlc-ts'));
}
