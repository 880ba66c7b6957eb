/** The disk that holds a folder, and the marks commands leave there: when it was last copied and verified, when its disk last failed. */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from 'hlc-ts';

export async function diskSpace(folder: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** For metrics. A folder that was never copied or verified counts from when it was made. */
export async function folderFacts(folder: string, clock: Clock) {
  const { freeBytes, totalBytes } = await diskSpace(folder);
  const ageSeconds = async (name: string): Promise<number | undefined> =>
    await stat(join(folder, name)).then(
      ({ mtimeMs }) => Math.max(0, clock.nowMs() - mtimeMs) / 1_000,
      () => undefined,
    );
  return {
    disk_free_bytes: freeBytes,
    disk_size_bytes: totalBytes,
    backup_age_seconds: (await ageSeconds('last-backup.json')) ?? (await ageSeconds('relay.json')),
    disk_failure_age_seconds: await ageSeconds('last-failure.json'),
    verify_age_seconds: (await ageSeconds('last-verify.json')) ?? (await ageSeconds('relay.json')),
    verify_failed: (await ageSeconds('verify-failed.json')) === undefined ? 0 : 1,
  };
}
