/** Two pseudo terminals joined by `socat`, as two ends of a serial cable; undefined where socat is not installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { until, within } from '../../../../test/support/within.ts';

export const hasSocat = spawnSync('socat', ['-V']).status === 0;

export interface PtyPair {
  readonly host: string;
  readonly device: string;
  close(): Promise<void>;
}

export async function openPtyPair(): Promise<PtyPair> {
  const dir = await TempDir.open('pty');
  const host = join(dir.path, 'host');
  const device = join(dir.path, 'device');
  const end = (link: string): string => `pty,raw,echo=0,link=${link}`;
  const child: ChildProcess = spawn('socat', [end(host), end(device)], { stdio: 'ignore' });
  await until(30_000, 'two pseudo terminals', () => existsSync(host) && existsSync(device));
  return {
    host,
    device,
    async close() {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill();
      await within(30_000, 'socat ends', ended);
      await dir[Symbol.asyncDispose]();
    },
  };
}
