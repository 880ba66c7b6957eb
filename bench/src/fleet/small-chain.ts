/** A relay and head office in processes of their own, and branches as they are asked for: what the cases about one node share. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import type { ForkedProgram } from '../system/forked.ts';
import { HQ, TENANT } from './plan.ts';
import { invite } from './prepare.ts';
import { openHost, openRelay } from './programs.ts';

export interface SmallChain {
  readonly relay: ForkedProgram;
  readonly office: ForkedProgram;
  readonly url: string;
  readonly tokens: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

export async function openSmallChain(
  context: BenchContext,
  branches: readonly string[],
): Promise<SmallChain> {
  const { clock, workDir } = context;
  const relay = openRelay(context);
  const office = openHost(context);
  const close = async (): Promise<void> => {
    await Promise.all([relay.close(), office.close()]);
  };
  try {
    const data = join(workDir, 'relay');
    const { adminToken } = await relay.call<{ adminToken: string }>('init', {
      data,
      tenant: TENANT,
      nowMs: clock.nowMs(),
    });
    const { url } = await relay.call<{ url: string }>('open', { data, listen: '127.0.0.1:0' });
    const tokens = await invite(
      url,
      adminToken,
      branches.map((code, index) => ({ code, region: 'R01', index })),
    );
    await office.call('open', { code: HQ, data: join(workDir, HQ), relay: url, token: tokens.get(HQ) });
    return { relay, office, url, tokens, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Bytes of all files below a folder, as `du` would say without counting blocks. */
export async function folderBytes(dir: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const path = join(dir, entry.name);
    bytes += entry.isDirectory() ? await folderBytes(path) : (await stat(path)).size;
  }
  return bytes;
}
