/**
 * Small files that must be whole or absent: written beside, synced, renamed over, directory synced.
 *
 * The node's own few files (key, clock bound, identity, control) go through here; feeds go through the store. A directory that is
 * read-only, full or not ours is refused as `NODE_DATA`, with what to do.
 */
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NodeError } from '../errors.ts';

/** Readable by its owner only: keys, tokens. */
export const PRIVATE_MODE = 0o600;

export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  await write(path, bytes).catch((cause: unknown) => refuse(path, cause));
}

async function write(path: string, bytes: Uint8Array | string): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, PRIVATE_MODE);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncDirectory(dirname(path));
}

/** Undefined when there is no such file; every other failure is thrown. */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** Removes a file, if it is there. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** Makes a private directory and its parents durable. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(path));
  } catch (cause) {
    refuse(path, cause);
  }
}

/** Makes renames and removals in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

function refuse(path: string, cause: unknown): never {
  const { code = 'unknown', message } = cause as NodeJS.ErrnoException;
  const isFull = FULL.has(code);
  throw new NodeError('NODE_DATA', `${path} cannot be written: ${message}`, {
    cause,
    retryable: isFull,
    hint: isFull
      ? 'Free some space on its disk and start again.'
      : 'Give the user the node runs as the right to write there, or mount the disk writable.',
  });
}
