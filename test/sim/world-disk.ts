/**
 * The disk of a simulated machine: a `SimDisk` whose syncs take simulated time, and which may lie about them.
 *
 * A process that is killed while it waits for the disk never hears of it again. A lying disk says that everything is on the
 * medium and keeps nothing of it: what that costs shows at the next power cut.
 */
import type { Disk, DiskFile, OpenMode } from '@branchline/feed';
import { SimDisk } from '@branchline/feed/acceptance';
import { type Clock, type Random, randomInteger } from 'hlc-ts';

const SLOW_MS_MAX = 1_500;

export interface WorldDiskOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Called when a fault that was set up has met a call. */
  readonly onFault: (name: string) => void;
}

/** What is on it at one moment. */
export type DiskImage = readonly (readonly [path: string, bytes: Uint8Array])[];

export class WorldDisk {
  readonly medium: SimDisk;
  readonly #options: WorldDiskOptions;
  #life = 0;
  isSlow = false;
  isLying = false;

  constructor(options: WorldDiskOptions) {
    this.#options = options;
    this.medium = new SimDisk({ seed: randomInteger(options.random, 2 ** 31) });
  }

  static async of(image: DiskImage, options: WorldDiskOptions): Promise<WorldDisk> {
    const disk = new WorldDisk(options);
    for (const [path, bytes] of image) {
      const file = await disk.medium.open(path, 'create');
      await file.append(bytes);
      await file.datasync();
      await file.close();
    }
    await disk.medium.syncDir();
    return disk;
  }

  image(): DiskImage {
    return this.medium.files().map((path) => [path, this.medium.content(path)] as const);
  }

  kill(): void {
    this.#life += 1;
    this.medium.kill();
  }

  crash(): void {
    this.#life += 1;
    this.medium.crash();
  }

  /** Everything works again; what a lie has cost stays lost until it is written again. */
  mend(): void {
    this.isSlow = false;
    this.isLying = false;
    this.medium.heal();
    this.medium.setCapacity(Number.POSITIVE_INFINITY);
  }

  /** What is in the page cache reaches the medium after all. */
  async settle(): Promise<void> {
    this.isLying = false;
    this.medium.heal();
    for (const path of this.medium.files()) {
      const file = await this.medium.open(path, 'append');
      await file.datasync();
      await file.close();
    }
    await this.medium.syncDir();
  }

  /** For one process: when it was killed, whatever of its code still runs hears nothing more from the disk. */
  open(): Disk {
    return new Session(this, this.#life);
  }

  /** For a session. */
  async call<Result>(life: number, call: () => Promise<Result>): Promise<Result> {
    if (life !== this.#life) {
      return await never();
    }
    try {
      const result = await call();
      return life === this.#life ? result : await never();
    } catch (error) {
      if (life !== this.#life) {
        return await never();
      }
      const { code, message } = error as { code?: string; message: string };
      if (code !== undefined && message.startsWith('simulated ') && code !== 'ENOENT') {
        this.#options.onFault(code);
      }
      throw error;
    }
  }

  /** For a session. */
  async sync(life: number, sync: () => Promise<void>): Promise<void> {
    const { clock, random, onFault } = this.#options;
    if (this.isSlow && life === this.#life) {
      onFault('slow sync');
      await clock.sleep(1 + randomInteger(random, SLOW_MS_MAX));
    }
    if (this.isLying && life === this.#life) {
      onFault('sync was a lie');
      return;
    }
    await this.call(life, sync);
  }
}

class Session implements Disk {
  readonly #disk: WorldDisk;
  readonly #life: number;

  constructor(disk: WorldDisk, life: number) {
    this.#disk = disk;
    this.#life = life;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await this.#call((medium) => medium.open(path, mode));
    return {
      append: (bytes) => this.#call(() => file.append(bytes)),
      datasync: () => this.#disk.sync(this.#life, () => file.datasync()),
      read: (offset, length) => this.#call(() => file.read(offset, length)),
      size: () => this.#call(() => file.size()),
      truncate: (size) => this.#call(() => file.truncate(size)),
      close: () => file.close(),
    };
  }

  list(dir: string): Promise<string[]> {
    return this.#call((medium) => medium.list(dir));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call((medium) => medium.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#call((medium) => medium.remove(path));
  }

  syncDir(): Promise<void> {
    return this.#disk.sync(this.#life, () => this.#disk.medium.syncDir());
  }

  freeBytes(): Promise<number> {
    return this.#call((medium) => medium.freeBytes());
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.#call((medium) => medium.lock(path));
  }

  #call<Result>(call: (medium: SimDisk) => Promise<Result>): Promise<Result> {
    return this.#disk.call(this.#life, () => call(this.#disk.medium));
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
