/**
 * Two marks that commands leave in the folder of a node: `last-backup.json` when its data was copied, `last-failure.json` when its disk
 * failed and the program ended itself. Only their time counts. A folder that was never copied counts from when it was made.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface FolderMarks {
  /** When the data was last copied, or the folder made. */
  readonly backupMs: number | undefined;
  /** When the program last ended because its disk failed. */
  readonly failureMs: number | undefined;
}

export async function readFolderMarks(folder: string): Promise<FolderMarks> {
  const [backupMs, madeMs, failureMs] = await Promise.all(
    ['last-backup.json', 'node.json', 'last-failure.json'].map((name) => writtenMs(join(folder, name))),
  );
  return { backupMs: backupMs ?? madeMs, failureMs };
}

async function writtenMs(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
