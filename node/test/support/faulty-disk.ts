/**
 * A real disk that fails when told to: the n-th write or sync from now on, or all room gone. A failed write leaves half of its bytes
 * behind, as a disk that fills up does.
 */
import { type Disk, type DiskFile, NodeDisk, type OpenMode } from '@branchline/feed';

export class FaultyDisk implements Disk {
  readonly #disk = new NodeDisk();
  #failAt: number | undefined;
  #code = 'EIO';
  #calls = 0;
  /** Room an ordinary user has; undefined = what the real disk says. */
  freeBytesNow: number | undefined;

  /** Writes and syncs so far. */
  get calls(): number {
    return this.#calls;
  }

  /** The n-th write or sync from now on fails, and every one after it. */
  failFrom(n: number, code: 'EIO' | 'ENOSPC' | 'EROFS'): void {
    this.#failAt = this.#calls + n;
    this.#code = code;
  }

  heal(): void {
    this.#failAt = undefined;
    this.freeBytesNow = undefined;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await this.#disk.open(path, mode);
    const { fault } = this;
    return {
      append: async (bytes) => {
        const error = fault();
        if (error !== undefined) {
          await file.append(bytes.subarray(0, bytes.byteLength >> 1));
          throw error;
        }
        await file.append(bytes);
      },
      datasync: async () => {
        const error = fault();
        if (error !== undefined) {
          throw error;
        }
        await file.datasync();
      },
      read: (offset, length) => file.read(offset, length),
      size: () => file.size(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  }

  list(dir: string): Promise<string[]> {
    return this.#disk.list(dir);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  syncDir(dir: string): Promise<void> {
    return this.#disk.syncDir(dir);
  }

  async freeBytes(dir: string): Promise<number> {
    return this.freeBytesNow ?? (await this.#disk.freeBytes(dir));
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.#disk.lock(path);
  }

  readonly fault = (): Error | undefined => {
    this.#calls += 1;
    return this.#failAt !== undefined && this.#calls >= this.#failAt
      ? Object.assign(new Error(`${this.#code}: made up by the test`), { code: this.#code })
      : undefined;
  };
}
