/**
 * Copies of a data folder: an online backup, and its way back.
 *
 * Segments only grow at their end, and a record is whole or it is a torn tail, which every opening drops: so a plain copy,
 * oldest segment first, is a consistent prefix of a journal in use. The clock's bound is copied last, so that it lies above every
 * stamp copied. The index is not copied; it is rebuilt. A backup holds private keys and is as secret as they are.
 *
 * The file that says whose data it is comes after everything else: a copy that was interrupted is the data of nobody, and no
 * program starts on it.
 *
 * Nothing is ever written over: the target must be new or empty.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CliError } from './errors.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
/** Describe a process, not the data. */
const NOT_COPIED =
  /^(LOCK|ballast.*|control\.json|restores\.json|restored\.json|last-(backup|failure|verify)\.json|verify-failed\.json)$|\.new$/;

const IDENTITY = /^(node|relay)\.json$/;

export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

export async function copyData(
  from: string,
  to: string,
  onProgress: (done: number, of: number) => void,
  /** Called when the folder is made and nothing is in it yet. */
  begin: () => Promise<void> = async () => {},
): Promise<Copied> {
  await makeEmptyFolder(to);
  await begin();
  const names = await readdir(from, { withFileTypes: true });
  const small = names.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const segments = (await readdir(join(from, 'journal'))).sort().map((name) => join('journal', name));
  // After the segments: what a feed goes on from is on the disk before the journal says so.
  const checkpoints = await listCheckpoints(from, to);
  const order = [
    ...small.filter((name) => name !== 'clock-bound' && !IDENTITY.test(name)),
    ...segments,
    ...checkpoints,
    ...small.filter((name) => name === 'clock-bound'),
    ...small.filter((name) => IDENTITY.test(name)),
  ].filter((path) => !NOT_COPIED.test(path.replace(/^journal\//, '')));
  let files = 0;
  let bytes = 0;
  for (const [at, path] of order.entries()) {
    const copied = await copyIfPresent(join(from, path), join(to, path));
    files += copied === undefined ? 0 : 1;
    bytes += copied ?? 0;
    onProgress(at + 1, order.length);
  }
  await syncFolder(join(to, 'journal'));
  if (checkpoints.length > 0) {
    await syncFolder(join(to, 'checkpoints'));
  }
  await syncFolder(to);
  return { files, bytes };
}

/** Signed checkpoints, where there are any: entries below them are not in the journal. */
async function listCheckpoints(from: string, to: string): Promise<string[]> {
  const names = await readdir(join(from, 'checkpoints')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  if (names.length > 0) {
    await mkdir(join(to, 'checkpoints'), { mode: PRIVATE_FOLDER_MODE });
  }
  return names.sort().map((name) => join('checkpoints', name));
}

async function makeEmptyFolder(to: string): Promise<void> {
  try {
    await mkdir(to, { recursive: true, mode: PRIVATE_FOLDER_MODE });
    if ((await readdir(to)).length > 0) {
      throw new CliError('FILE_UNWRITABLE', `${to} is not empty`, { hint: 'Name a new folder.' });
    }
    await mkdir(join(to, 'journal'), { mode: PRIVATE_FOLDER_MODE });
  } catch (cause) {
    if (cause instanceof CliError) {
      throw cause;
    }
    throw new CliError('FILE_UNWRITABLE', `cannot make ${to}: ${(cause as Error).message}`, { cause });
  }
}

async function copyIfPresent(from: string, to: string): Promise<number | undefined> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    // Compaction may have dropped a segment since it was listed; what it held lives on in others.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw new CliError('FILE_UNWRITABLE', `cannot copy ${from}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const file = await open(to, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
  return (await stat(to)).size;
}

/** Whole or as it was before: written beside, synced, renamed over, folder synced. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', PRIVATE_FILE_MODE);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(dirname(path));
}

/** Says in a data folder that something happened; metrics count from its time. A disk that takes nothing more is no reason to fail. */
export async function markFolder(
  data: string,
  name: 'last-backup' | 'last-failure' | 'last-verify' | 'verify-failed',
  content: object,
): Promise<void> {
  const path = join(data, `${name}.json`);
  // An empty file says when, which is what counts; a full or broken disk may still take that.
  await writeWhole(path, `${JSON.stringify(content)}\n`).catch(() =>
    writeFile(path, '').catch(() => undefined),
  );
}

/** Everything was right. What an earlier, wider look found wrong stands until one as wide finds it right. */
export async function markVerified(
  data: string,
  mark: { readonly at: string; readonly withBackup: boolean },
): Promise<void> {
  await markFolder(data, 'last-verify', mark);
  if (mark.withBackup || (await readMark(data, 'verify-failed'))?.withBackup !== true) {
    await rm(join(data, 'verify-failed.json'), { force: true }).catch(() => undefined);
  }
}

export async function markVerifyFailed(
  data: string,
  mark: { readonly at: string; readonly withBackup: boolean; readonly words: string },
): Promise<void> {
  await markFolder(data, 'verify-failed', mark);
}

/** Where the data was last copied to; undefined when it never was. */
export async function lastBackup(data: string): Promise<string | undefined> {
  return (await readMark(data, 'last-backup'))?.to;
}

const markFile = z.looseObject({ to: z.string().optional(), withBackup: z.boolean().optional() });

/** Undefined when there is none, or none that can be read: a mark is a note, not data. */
async function readMark(
  data: string,
  name: 'last-backup' | 'verify-failed',
): Promise<z.output<typeof markFile> | undefined> {
  try {
    return markFile.parse(JSON.parse(await readFile(join(data, `${name}.json`), 'utf8')));
  } catch {
    return undefined;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
