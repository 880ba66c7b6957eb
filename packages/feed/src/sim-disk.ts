/**
 * A disk in memory that does what real disks do to programs: at a power cut everything not synced may be lost, torn or half there;
 * any call may fail; bits flip. For tests and simulations; nothing a program runs on imports it.
 *
 * What is promised is exactly the disk port: bytes survive after `datasync` of their file, names after `syncDir`. All else is
 * decided at `crash` by a seeded random, per file and per 64-byte sector, so that a run can be repeated.
 */
import { type Random, randomInteger, seededRandom } from 'hlc-ts';
import type { Disk, DiskFile, OpenMode } from './disk.ts';
import { FeedError } from './errors.ts';

const SECTOR_BYTES = 64;

interface Inode {
  /** As programs see it. */
  bytes: Uint8Array;
  /** As the medium has it. */
  synced: Uint8Array;
}

export interface SimDiskOptions {
  readonly seed: number;
  readonly capacityBytes?: number;
}

export class SimDisk implements Disk {
  readonly #random: Random;
  readonly #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  readonly #locks = new Set<string>();
  #capacityBytes: number;
  /** Grows with each power cut: handles of the time before are dead. */
  #life = 0;
  #calls = 0;
  #faults = new Map<number, string>();
  /** Calls of `datasync` that succeeded. */
  syncs = 0;
  /** Files opened and not closed. */
  openFiles = 0;

  constructor(options: SimDiskOptions) {
    this.#random = seededRandom(options.seed);
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Calls that can fail, so far. */
  get calls(): number {
    return this.#calls;
  }

  /** The call that is `n` from now on fails with that code, once. */
  failCall(n: number, code: string): void {
    this.#faults.set(this.#calls + n, code);
  }

  heal(): void {
    this.#faults.clear();
  }

  get usedBytes(): number {
    let used = 0;
    for (const inode of this.#names.values()) used += inode.bytes.byteLength;
    return used;
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  /** `kill -9`: handles and locks are gone, what was written is in the page cache and not on the medium. */
  kill(): void {
    this.#life += 1;
    this.#locks.clear();
    this.heal();
  }

  /** Power cut and power back. */
  crash(): void {
    this.kill();
    const survivors = new Map(this.#syncedNames);
    for (const name of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      const now = this.#names.get(name);
      if (now === survivors.get(name) || this.#random() < 0.5) continue;
      // A name made, moved or removed without syncDir: as likely as not it reached the medium.
      if (now === undefined) survivors.delete(name);
      else survivors.set(name, now);
    }
    this.#names.clear();
    for (const [name, inode] of survivors) {
      inode.bytes = this.#tear(inode);
      inode.synced = inode.bytes;
      this.#names.set(name, inode);
    }
    this.#syncedNames = new Map(this.#names);
  }

  files(): string[] {
    return [...this.#names.keys()].sort();
  }

  content(path: string): Uint8Array {
    return this.#inode(path).bytes;
  }

  overwrite(path: string, bytes: Uint8Array): void {
    const inode = this.#inode(path);
    inode.bytes = bytes;
    inode.synced = bytes;
  }

  flipBit(path: string, bit: number): void {
    const bytes = Uint8Array.from(this.content(path));
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    this.overwrite(path, bytes);
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#call();
    let inode = this.#names.get(path);
    if (mode === 'create') {
      if (inode !== undefined) throw failure('EEXIST');
      inode = { bytes: new Uint8Array(0), synced: new Uint8Array(0) };
      this.#names.set(path, inode);
    }
    const file = new SimFile(this, inode ?? this.#inode(path), this.#life);
    this.openFiles += 1;
    return file;
  }

  async list(dir: string): Promise<string[]> {
    await this.#call();
    return this.files().flatMap((path) => (path.startsWith(`${dir}/`) ? [path.slice(dir.length + 1)] : []));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call();
    this.#names.set(to, this.#inode(from));
    this.#names.delete(from);
  }

  async remove(path: string): Promise<void> {
    await this.#call();
    this.#names.delete(path);
  }

  async syncDir(): Promise<void> {
    await this.#call();
    this.#syncedNames = new Map(this.#names);
  }

  async freeBytes(): Promise<number> {
    await this.#call();
    return this.#free();
  }

  async lock(path: string): Promise<() => Promise<void>> {
    if (this.#locks.has(path)) throw new FeedError('STORE_LOCKED', 'in use');
    this.#locks.add(path);
    return async () => {
      this.#locks.delete(path);
    };
  }

  /** For `SimFile`. */
  async appendTo(inode: Inode, bytes: Uint8Array, life: number): Promise<void> {
    let taken = bytes;
    let error: unknown;
    try {
      await this.#call(life);
    } catch (cause) {
      error = cause;
      // A failed write may have taken part of the bytes.
      taken = bytes.subarray(0, randomInteger(this.#random, bytes.byteLength + 1));
    }
    if (life !== this.#life) throw error;
    if (taken.byteLength > this.#free()) {
      taken = taken.subarray(0, Math.max(0, this.#free()));
      error ??= failure('ENOSPC');
    }
    const grown = new Uint8Array(inode.bytes.byteLength + taken.byteLength);
    grown.set(inode.bytes);
    grown.set(taken, inode.bytes.byteLength);
    inode.bytes = grown;
    if (error !== undefined) throw error;
  }

  /** For `SimFile`. */
  async sync(inode: Inode, life: number): Promise<void> {
    await this.#call(life);
    inode.synced = inode.bytes;
    this.syncs += 1;
  }

  /** For `SimFile`. */
  async touch(life: number): Promise<void> {
    await this.#call(life);
  }

  #free(): number {
    return this.#capacityBytes - this.usedBytes;
  }

  /** What the medium has of a file after a power cut: what was synced, and of the rest any mixture. */
  #tear(inode: Inode): Uint8Array {
    const { bytes, synced } = inode;
    if (bytes === synced) return synced;
    const kept = Math.min(bytes.byteLength, synced.byteLength);
    // Length and content reach the medium separately: sectors inside the new length may be zero.
    const length = kept + randomInteger(this.#random, bytes.byteLength - kept + 1);
    const out = new Uint8Array(
      bytes.byteLength < synced.byteLength && this.#random() < 0.5 ? synced.byteLength : length,
    );
    out.set(synced.subarray(0, out.byteLength));
    for (let at = kept; at < length; at += SECTOR_BYTES) {
      const end = Math.min(at + SECTOR_BYTES, length);
      if (this.#random() < 0.7) out.set(bytes.subarray(at, end), at);
    }
    return out;
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw failure('ENOENT');
    return inode;
  }

  async #call(life = this.#life): Promise<void> {
    await Promise.resolve();
    if (life !== this.#life) throw failure('EIO');
    this.#calls += 1;
    const code = this.#faults.get(this.#calls);
    if (code !== undefined) throw failure(code);
  }
}

class SimFile implements DiskFile {
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  readonly #life: number;

  constructor(disk: SimDisk, inode: Inode, life: number) {
    this.#disk = disk;
    this.#inode = inode;
    this.#life = life;
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#disk.appendTo(this.#inode, Uint8Array.from(bytes), this.#life);
  }

  datasync(): Promise<void> {
    return this.#disk.sync(this.#inode, this.#life);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.#disk.touch(this.#life);
    return this.#inode.bytes.slice(offset, offset + length);
  }

  async size(): Promise<number> {
    await this.#disk.touch(this.#life);
    return this.#inode.bytes.byteLength;
  }

  async truncate(size: number): Promise<void> {
    await this.#disk.touch(this.#life);
    this.#inode.bytes = this.#inode.bytes.slice(0, size);
  }

  async close(): Promise<void> {
    this.#disk.openFiles -= 1;
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(`simulated ${code}`), { code });
}
