/** The other systems, installed when they are first asked for: `bench/peers` has a manifest and a lock of its own. */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BenchError } from '../errors.ts';

const INSTALL_TIMEOUT_MS = 900_000;

export const PEERS_DIR = fileURLToPath(new URL('../../peers', import.meta.url));
export const PEER_PROGRAM = join(PEERS_DIR, 'program.mjs');

export async function peersInstalled(): Promise<boolean> {
  return await access(join(PEERS_DIR, 'node_modules', '.package-lock.json')).then(
    () => true,
    () => false,
  );
}

export async function installPeers(progress: (words: string) => void, signal: AbortSignal): Promise<void> {
  if (await peersInstalled()) return;
  progress('installing the other systems, once');
  const args = [
    'ci',
    '--prefix',
    PEERS_DIR,
    '--workspaces=false',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
  ];
  await promisify(execFile)('npm', args, { cwd: PEERS_DIR, signal, timeout: INSTALL_TIMEOUT_MS }).catch(
    (cause) => {
      throw new BenchError(
        'BENCH_PROGRAM_FAILED',
        `the other systems could not be installed: ${cause.message}`,
        {
          cause,
          hint: 'Run `npm ci --prefix bench/peers`, or leave the case peers out.',
          retryable: true,
        },
      );
    },
  );
}
