/**
 * `control.json`: how a command on the same machine reaches the running node instead of opening its locked store.
 *
 * Only its owner can read it; the token in it is new at every start and lives as long as the process. A file left by a
 * crash names a dead pid and is overwritten by the next start.
 */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfPresent, writeDurably } from './durable-file.ts';

const control = z.strictObject({
  program: z.enum(['node', 'relay']),
  url: z.string(),
  pid: z.int(),
  token: z.string(),
});
export type Control = z.infer<typeof control>;

export const CONTROL_FILE = 'control.json';

export async function writeControl(dataDirectory: string, content: Control): Promise<void> {
  await writeDurably(join(dataDirectory, CONTROL_FILE), `${JSON.stringify(content)}\n`);
}

export async function readControl(dataDirectory: string): Promise<Control | undefined> {
  const text = await readIfPresent(join(dataDirectory, CONTROL_FILE));
  if (text === undefined) {
    return undefined;
  }
  try {
    return control.parse(JSON.parse(text.toString('utf8')));
  } catch {
    // A torn or foreign file is the same as none: the node is not reachable through it.
    return undefined;
  }
}

/** Another process that has taken the folder meanwhile keeps its file. */
export async function removeControl(dataDirectory: string): Promise<void> {
  const found = await readControl(dataDirectory);
  if (found !== undefined && found.pid !== process.pid) {
    return;
  }
  await unlink(join(dataDirectory, CONTROL_FILE)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') {
      throw error;
    }
  });
}
