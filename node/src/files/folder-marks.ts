/**
 * Marks that commands leave in the folder of a node: `last-backup.json` when its data was copied, `last-failure.json` when its disk
 * failed and the program ended itself, `last-verify.json` when `branchline verify` found everything right, and `verify-failed.json` while
 * it did not. Only their time counts. A folder that was never copied or verified counts from when it was made.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Alarms } from '../alarms.ts';

export const VERIFY_ALARM = 'VERIFY_FAILED';

export interface FolderMarks {
  /** When the data was last copied, or the folder made. */
  readonly backupMs: number | undefined;
  /** When the program last ended because its disk failed. */
  readonly failureMs: number | undefined;
  /** When the data was last found as it was written, or the folder made. */
  readonly verifiedMs: number | undefined;
  /** When something in it, or in its last backup, was found not to be as it was written; until a verification finds everything right. */
  readonly verifyFailedMs: number | undefined;
}

export async function readFolderMarks(folder: string): Promise<FolderMarks> {
  const [madeMs, backupMs, failureMs, verifiedMs, verifyFailedMs] = await Promise.all(
    ['node', 'last-backup', 'last-failure', 'last-verify', 'verify-failed'].map((name) =>
      writtenMs(join(folder, `${name}.json`)),
    ),
  );
  return { backupMs: backupMs ?? madeMs, failureMs, verifiedMs: verifiedMs ?? madeMs, verifyFailedMs };
}

/** Called with what was read now: what `branchline verify` found wrong is an alarm until it finds everything right. */
export function tellOfVerify(
  marks: FolderMarks | undefined,
  alarms: Pick<Alarms, 'raise' | 'clear' | 'has'>,
): void {
  if (marks?.verifyFailedMs === undefined) {
    alarms.clear(VERIFY_ALARM);
  } else if (!alarms.has(VERIFY_ALARM)) {
    alarms.raise(
      VERIFY_ALARM,
      'the last `branchline verify` found something wrong; run it again: it names what',
    );
  }
}

async function writtenMs(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
