/**
 * File systems of a test's own: an ext4 in a file, to cut the power of, and a tmpfs, to fill. Needs root and loop devices, and says so instead of
 * skipping.
 *
 * A power cut is the shutdown call of the kernel (`EXT4_IOC_SHUTDOWN`, without flushing its journal): from that instant nothing reaches the
 * disk any more, and what was in the page cache only is gone with the next mount. What it does not model: a disk that lies about its own cache.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../../support/within.ts';

const run = promisify(execFile);
/** A node and a relay keep 48 MiB free and fill ballast of 16 MiB each. */
const IMAGE_BYTES = 320 * 1024 * 1024;
/** _IOR('X', 125, uint32) with the flag NOLOGFLUSH. */
const SHUTDOWN = [
  "open(my $dir, '<', $ARGV[0]) or die qq($!);",
  "my $how = pack('I', 2);",
  'ioctl($dir, 0x8004587d, $how) or die qq($!);',
].join(' ');
const UNMOUNT_WITHIN_MS = 20_000;

export async function needRoot(...programs: string[]): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error('this rig mounts file systems and makes network namespaces: run it as root');
  }
  if (programs.includes('losetup')) {
    await access('/dev/loop-control').catch(() => {
      throw new Error('this rig needs loop devices: modprobe loop, or a container that is given /dev/loop*');
    });
  }
  for (const program of programs) {
    await run('which', [program]).catch(() => {
      throw new Error(`this rig needs ${program}: apt-get install e2fsprogs strace iproute2 nftables`);
    });
  }
}

export class Mounted {
  readonly path: string;
  readonly #image: string | undefined;
  readonly #options: string;

  private constructor(path: string, image: string | undefined, options: string) {
    this.path = path;
    this.#image = image;
    this.#options = options;
  }

  /** `options` are those of mount, e.g. `data=writeback,noauto_da_alloc`. */
  static async ext4(base: string, options = ''): Promise<Mounted> {
    await needRoot('mkfs.ext4', 'losetup', 'perl');
    const [image, path] = [join(base, 'image'), join(base, 'disk')];
    await writeFile(image, '');
    await truncate(image, IMAGE_BYTES);
    await mkdir(path, { recursive: true });
    const mounted = new Mounted(path, image, options);
    await mounted.format();
    return mounted;
  }

  static async tmpfs(base: string, bytes: number): Promise<Mounted> {
    await needRoot('mount');
    const path = join(base, 'small');
    await mkdir(path, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
    return new Mounted(path, undefined, '');
  }

  /** Empty again. */
  async format(): Promise<void> {
    await this.unmount();
    await run('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=1,lazy_journal_init=1', this.#image!]);
    await this.mount();
  }

  async mount(): Promise<void> {
    const options = ['loop', this.#options].filter((each) => each !== '').join(',');
    await run('mount', ['-t', 'ext4', '-o', options, this.#image!, this.path]);
  }

  /** As after an error the kernel met: whoever writes gets EROFS. */
  async turnReadOnly(): Promise<void> {
    await run('mount', ['-o', 'remount,abort', this.path]);
  }

  /** What was copied here by others is on the disk. */
  async settle(): Promise<void> {
    await run('sync', ['-f', this.path]);
  }

  async cutPower(): Promise<void> {
    await run('perl', ['-e', SHUTDOWN, this.path]);
  }

  /** Unmounted, checked and mounted again, as after a repair. */
  async repair(): Promise<void> {
    await this.unmount();
    // 1 and 2: something was put right.
    await run('e2fsck', ['-fy', this.#image!]).catch((error: { code?: number }) => {
      if ((error.code ?? 0) > 2) throw error;
    });
    await this.mount();
  }

  async unmount(): Promise<void> {
    // A killed process lets go of its files a moment later.
    await until(UNMOUNT_WITHIN_MS, `umount ${this.path}`, async () => {
      try {
        await run('umount', [this.path]);
      } catch (error) {
        if (!String((error as { stderr?: string }).stderr).includes('not mounted')) throw error;
      }
      return true;
    });
    if (this.#image !== undefined) await this.#untilFree(this.#image);
  }

  /**
   * A mount that another mount namespace still holds (`ip netns exec` copies all of them) would be met again as it was cut off, or write into the
   * image later: nothing after that would prove anything.
   */
  async #untilFree(image: string): Promise<void> {
    await until(UNMOUNT_WITHIN_MS, `nobody else holding the file system in ${image}`, async () => {
      const { stdout } = await run('losetup', ['--associated', image]);
      return stdout.trim() === '';
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
    await rm(this.path, { recursive: true, force: true });
  }
}
