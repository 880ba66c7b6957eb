/**
 * The disk port over node:fs. The one file of this package that touches the file system.
 *
 * `datasync` is fdatasync(2): data and length, without times. A directory is synced through a descriptor of its own, where
 * the platform knows that.
 *
 * The lock is a file naming its holder: process id, start time and boot. A holder that died, or an id that went to another
 * process, does not hold it. LevelDB's own lock on the same data directory guards against the race that remains.
 */
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Disk, DiskFile, OpenMode } from './disk.ts';
import { FeedError } from './errors.ts';

const FLAGS: Record<OpenMode, string> = { create: 'ax+', append: 'a+', read: 'r' };

/** Paths locked by this process: the lock file alone cannot tell two stores of one process apart. */
const lockedHere = new Set<string>();

export class NodeDisk implements Disk {
  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    // `a+` would make a file that is not there, and an empty journal where one was lost.
    if (mode === 'append') await (await open(path, 'r')).close();
    return new NodeFile(await open(path, FLAGS[mode], 0o600));
  }

  async list(dir: string): Promise<string[]> {
    const made = await mkdir(dir, { recursive: true, mode: 0o700 });
    if (made !== undefined) await this.syncDir(dirname(made));
    return readdir(dir);
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  async syncDir(dir: string): Promise<void> {
    if (process.platform === 'win32') return;
    const handle = await open(dir, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async freeBytes(dir: string): Promise<number> {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  }

  async lock(path: string): Promise<() => Promise<void>> {
    if (lockedHere.has(path)) throw lockedError(path, String(process.pid));
    lockedHere.add(path);
    try {
      const text = await readFile(path, 'utf8').catch(() => '');
      const holder = text.trim().split(' ');
      if (holder.length === 3 && holder[0] !== String(process.pid) && (await lives(holder))) {
        throw lockedError(path, holder[0]!);
      }
      await writeFile(path, `${(await self(process.pid)).join(' ')}\n`, { mode: 0o600 });
    } catch (error) {
      lockedHere.delete(path);
      throw error;
    }
    return async () => {
      lockedHere.delete(path);
      await rm(path, { force: true });
    };
  }
}

class NodeFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.byteLength - at);
      if (bytesWritten === 0) throw new Error('the disk took no bytes');
      at += bytesWritten;
    }
  }

  async datasync(): Promise<void> {
    await this.#handle.datasync();
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const { bytesRead } = await this.#handle.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) return bytes.subarray(0, at);
      at += bytesRead;
    }
    return bytes;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async truncate(size: number): Promise<void> {
    await this.#handle.truncate(size);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function lives(holder: readonly string[]): Promise<boolean> {
  const pid = Number(holder[0]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await self(pid);
  return now[1] === holder[1] && now[2] === holder[2];
}

/** Process id, its start in ticks since boot, and the boot: together never the same twice. `-` where there is no /proc. */
async function self(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '-');
  // The process name stands in parentheses and may hold spaces; the start time is field 22, the 20th after it.
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
  return [String(pid), start, boot.trim()];
}

function lockedError(path: string, pid: string): FeedError {
  return new FeedError('STORE_LOCKED', `the store is in use by process ${pid} (${path})`, {
    hint: 'stop the other program, or use its commands while it runs',
    retryable: true,
  });
}
