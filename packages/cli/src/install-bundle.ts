/**
 * One file for a machine without a network: this release, what it needs of npm, and the Node it runs on, as a tar archive.
 *
 *     branchline-0.1.0/
 *       branchline        the command: runs the rest with the Node beside it
 *       node              the Node this was packed with (Linux of the same processor)
 *       packages, relay, node-program…, node_modules
 *       install           units, environment files, container files: `relay/operations/install`
 *
 * Which modules are needed is read from `package-lock.json`, so nothing of the development tools comes along. Works in a checkout
 * that was installed and built; a bundle itself holds no lock file and is refused as a source.
 */
import { execFile } from 'node:child_process';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { CliError } from './errors.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const lock = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      dev: z.boolean().optional(),
      link: z.boolean().optional(),
      resolved: z.string().optional(),
    }),
  ),
});
/** Of a workspace. Sources, tests and build notes stay behind. */
const WORKSPACE_PARTS = ['package.json', 'README.md', 'dist', 'bin', 'operations'];
const LAUNCHER = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/runtime/node" --max-semi-space-size=8 --no-turbo-inline-js-wasm-calls "$here/packages/cli/bin/branchline.js" "$@"
`;

export interface Packed {
  readonly to: string;
  readonly modules: number;
  readonly bytes: number;
}

export async function packInstallation(to: string, version: string): Promise<Packed> {
  const { packages } = await readLock();
  const work = await mkdtemp(join(tmpdir(), 'branchline-bundle-'));
  try {
    const name = `branchline-${version}`;
    const top = join(work, name);
    await mkdir(join(top, 'runtime'), { recursive: true });
    let modules = 0;
    for (const [path, { dev = false, link = false, resolved }] of Object.entries(packages)) {
      if (dev || !path.startsWith('node_modules/')) {
        continue;
      }
      modules += 1;
      if (link && resolved !== undefined) {
        await copyWorkspace(resolved, top);
        await mkdir(dirname(join(top, path)), { recursive: true });
        await symlink(relative(dirname(join(top, path)), join(top, resolved)), join(top, path));
      } else {
        await copyIfThere(join(ROOT, path), join(top, path));
      }
    }
    await writeFile(
      join(top, 'package.json'),
      `${JSON.stringify({ name: 'branchline', version, type: 'module' })}\n`,
    );
    await copyFile(process.execPath, join(top, 'runtime', 'node'));
    await writeFile(join(top, 'branchline'), LAUNCHER);
    await chmod(join(top, 'branchline'), 0o755);
    await cp(join(top, 'relay', 'operations', 'install'), join(top, 'install'), { recursive: true });
    const compress = to.endsWith('.gz') || to.endsWith('.tgz') ? ['-z'] : [];
    await promisify(execFile)('tar', [...compress, '-cf', to, '-C', work, '--owner=0', '--group=0', name]);
    return { to, modules, bytes: (await stat(to)).size };
  } catch (cause) {
    throw cause instanceof CliError
      ? cause
      : new CliError('FILE_UNWRITABLE', `cannot pack ${to}: ${(cause as Error).message}`, { cause });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function readLock(): Promise<z.infer<typeof lock>> {
  const text = await readFile(join(ROOT, 'package-lock.json'), 'utf8').catch((cause: Error) => {
    throw new CliError('FILE_UNREADABLE', `${ROOT} is no checkout: it has no package-lock.json`, {
      cause,
      hint: 'Pack in the repository, after npm ci.',
    });
  });
  return lock.parse(JSON.parse(text));
}

async function copyWorkspace(path: string, top: string): Promise<void> {
  for (const part of WORKSPACE_PARTS) {
    await copyIfThere(join(ROOT, path, part), join(top, path, part));
  }
}

/** Modules for other processors are in the lock file and not on the disk. A module's own modules come with their own line. */
async function copyIfThere(from: string, to: string): Promise<void> {
  const found = await stat(from).catch(() => undefined);
  if (found === undefined) {
    return;
  }
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, {
    recursive: true,
    filter: (source) =>
      !/\.(d\.ts|map|tsbuildinfo)$/.test(source) && !relative(from, source).startsWith('node_modules'),
  });
}
