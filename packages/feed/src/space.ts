/**
 * Room on the disk: a ballast file to throw off, and a floor under which nothing new is begun.
 *
 * Guarantees: below `reserveBytes` the store says so (`full`) before it accepts anything but urgent commits, and notices by itself when
 * there is room again. When the disk runs full all the same, the ballast is released once, so that the restart has room to
 * recover: LevelDB needs several megabytes to open at all.
 *
 * The ballast is put back at a later open, when there is room for it above the reserve.
 */
import type { Disk } from './disk.ts';

/** More than three LevelDB write buffers (4 MiB each). */
export const BALLAST_BYTES = 16 * 1024 * 1024;
/** Free space is asked for again after this many bytes. */
export const CHECK_EVERY_BYTES = 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;

export interface SpaceOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly ballastBytes?: number;
}

export class Space {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #ballastBytes: number;
  #writtenBytes = 0;
  #checking: Promise<void> | undefined;
  #full = false;
  #released = false;

  private constructor(options: SpaceOptions) {
    this.#disk = options.disk;
    this.#dir = options.dir;
    this.#ballastBytes = options.ballastBytes ?? BALLAST_BYTES;
  }

  static async open(options: SpaceOptions): Promise<Space> {
    const space = new Space(options);
    await space.#fillBallast();
    await space.check();
    return space;
  }

  /** Three times the ballast: room for what was begun, and for LevelDB. */
  get reserveBytes(): number {
    return 3 * this.#ballastBytes;
  }

  get full(): boolean {
    return this.#full;
  }

  /** Called after a write; looks at the disk now and then. */
  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
    if (this.#writtenBytes < CHECK_EVERY_BYTES) return;
    this.#writtenBytes = 0;
    this.checkSoon();
  }

  /** Called when a commit was refused for want of room, so that the next one may find it. */
  checkSoon(): void {
    this.#checking ??= this.check()
      // Not being able to ask is not an answer: the state stays, the next write or refusal asks again.
      .catch(() => undefined)
      .finally(() => {
        this.#checking = undefined;
      });
  }

  async check(): Promise<void> {
    this.#full = (await this.#disk.freeBytes(this.#dir)) < this.reserveBytes;
  }

  /** Called once the store is poisoned: gives the ballast back so that recovery has room. */
  async releaseBallast(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#disk.remove(this.#path());
  }

  async #fillBallast(): Promise<void> {
    if (this.#ballastBytes === 0) return;
    const files = await this.#disk.list(this.#dir);
    if (files.includes('ballast')) {
      const file = await this.#disk.open(this.#path(), 'read');
      const size = await file.size().finally(() => file.close());
      if (size >= this.#ballastBytes) return;
      await this.#disk.remove(this.#path());
    }
    if ((await this.#disk.freeBytes(this.#dir)) < this.reserveBytes + this.#ballastBytes) return;
    const file = await this.#disk.open(this.#path(), 'create');
    try {
      // Written, not just declared: a sparse file holds nothing back.
      const block = new Uint8Array(Math.min(BLOCK_BYTES, this.#ballastBytes)).fill(0x42);
      for (let written = 0; written < this.#ballastBytes; written += block.byteLength)
        await file.append(block);
      await file.datasync();
    } finally {
      await file.close();
    }
    await this.#disk.syncDir(this.#dir);
  }

  #path(): string {
    return `${this.#dir}/ballast`;
  }
}

export function outOfSpace(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}
