/**
 * The segment files of a journal, oldest first, and reading from them.
 *
 * Guarantees: a segment in use is not closed or removed under its reader; at most `OPEN_SEGMENTS_MAX` files are kept open for
 * reading besides those in use; reads end at what is known to be durable.
 */
import type { Disk, DiskFile } from './disk.ts';
import { assert, corruptError } from './errors.ts';
import { decodeHeader, HEADER_BYTES, parseSegmentFile, type SegmentName, segmentFile } from './segment.ts';

export const OPEN_SEGMENTS_MAX = 64;
/** Runs of one feed stand near each other: one read serves several. */
export const READ_AHEAD_BYTES = 128 * 1024;

export interface Segment extends SegmentName {
  /** Bytes known to be durable and whole, header included. */
  bytes: number;
}

interface OpenSegment {
  readonly file: Promise<DiskFile>;
  users: number;
  retired: boolean;
  onIdle: (() => void) | undefined;
  window: { start: number; bytes: Uint8Array };
}

export class Segments {
  readonly #disk: Disk;
  readonly #dir: string;
  #list: Segment[];
  /** Most recently used last. */
  readonly #open = new Map<string, OpenSegment>();

  constructor(disk: Disk, dir: string, list: Segment[]) {
    this.#disk = disk;
    this.#dir = dir;
    this.#list = list;
  }

  list(): readonly Segment[] {
    return this.#list;
  }

  last(): Segment | undefined {
    return this.#list.at(-1);
  }

  find(name: SegmentName): Segment | undefined {
    return this.#list.find((each) => each.first === name.first && each.generation === name.generation);
  }

  path(name: SegmentName): string {
    return `${this.#dir}/${segmentFile(name)}`;
  }

  add(segment: Segment): void {
    this.#list = [...this.#list, segment];
  }

  /** Called when what stood behind `bytes` was cut off: what is written there next is not what was read ahead. */
  cut(segment: Segment, bytes: number): void {
    segment.bytes = bytes;
    const open = this.#open.get(segmentFile(segment));
    if (open !== undefined) open.window = { start: 0, bytes: new Uint8Array(0) };
  }

  /** Puts a rewritten segment in the place of the old one, or nothing; the old file goes when its last reader is done. */
  async replace(old: SegmentName, next: Segment | undefined): Promise<void> {
    this.#list = this.#list.flatMap((each) => {
      if (each.first !== old.first) return [each];
      return next === undefined ? [] : [next];
    });
    await this.#retire(old);
    await this.#disk.remove(this.path(old));
    await this.#disk.syncDir(this.#dir);
  }

  async use<T>(name: SegmentName, read: (file: DiskFile) => Promise<T>): Promise<T> {
    const open = this.#acquire(name);
    try {
      return await read(await open.file);
    } finally {
      this.#release(open);
    }
  }

  /** Undefined when the range is not within what is durable in that segment, e.g. when it was compacted meanwhile. */
  async read(name: SegmentName, offset: number, length: number): Promise<Uint8Array | undefined> {
    const segment = this.find(name);
    if (segment === undefined || offset + length > segment.bytes) return undefined;
    const open = this.#acquire(name);
    try {
      const { window } = open;
      if (offset >= window.start && offset + length <= window.start + window.bytes.byteLength) {
        return window.bytes.subarray(offset - window.start, offset - window.start + length);
      }
      const wanted = Math.min(Math.max(length, READ_AHEAD_BYTES), segment.bytes - offset);
      const bytes = await (await open.file).read(offset, wanted);
      open.window = { start: offset, bytes };
      return bytes.byteLength < length ? undefined : bytes.subarray(0, length);
    } finally {
      this.#release(open);
    }
  }

  async close(): Promise<void> {
    for (const file of [...this.#open.keys()]) await this.#retireFile(file);
  }

  #acquire(name: SegmentName): OpenSegment {
    const file = segmentFile(name);
    let open = this.#open.get(file);
    if (open === undefined) {
      open = {
        file: this.#disk.open(this.path(name), 'read'),
        users: 0,
        retired: false,
        onIdle: undefined,
        window: { start: 0, bytes: new Uint8Array(0) },
      };
      // Whoever uses it sees the rejection; an opening nobody waits for must not end the process.
      open.file.catch(() => this.#open.delete(file));
    } else {
      this.#open.delete(file);
    }
    this.#open.set(file, open);
    open.users += 1;
    this.#closeOldest();
    return open;
  }

  #release(open: OpenSegment): void {
    open.users -= 1;
    assert(open.users >= 0, 'a segment is released as often as acquired');
    if (open.users === 0) open.onIdle?.();
  }

  #closeOldest(): void {
    if (this.#open.size <= OPEN_SEGMENTS_MAX) return;
    for (const [file, open] of this.#open) {
      if (open.users > 0) continue;
      this.#open.delete(file);
      open.file.then((handle) => handle.close()).catch(() => undefined);
      return;
    }
  }

  async #retire(name: SegmentName): Promise<void> {
    await this.#retireFile(segmentFile(name));
  }

  async #retireFile(file: string): Promise<void> {
    const open = this.#open.get(file);
    if (open === undefined) return;
    this.#open.delete(file);
    if (open.users > 0) {
      await new Promise<void>((resolve) => {
        open.onIdle = resolve;
      });
    }
    await (await open.file).close();
  }
}

/**
 * Finds the segments of a directory. Leftovers of an interrupted compaction go: unfinished files, and generations that a
 * complete later one replaces. A last segment whose header never became durable held nothing and goes too.
 */
export async function findSegments(disk: Disk, dir: string, tenant: string): Promise<Segments> {
  const files = await disk.list(dir);
  const byFirst = new Map<number, SegmentName>();
  const leftovers = files.filter((file) => file.endsWith('.tmp'));
  for (const file of files.sort()) {
    const name = parseSegmentFile(file);
    if (name === undefined) continue;
    const other = byFirst.get(name.first);
    if (other !== undefined) leftovers.push(segmentFile(other.generation < name.generation ? other : name));
    if (other === undefined || other.generation < name.generation) byFirst.set(name.first, name);
  }
  const names = [...byFirst.values()].sort((a, b) => a.first - b.first);
  const list: Segment[] = [];
  for (const [index, name] of names.entries()) {
    const file = await disk.open(`${dir}/${segmentFile(name)}`, 'read');
    try {
      const bytes = await file.size();
      const header = decodeHeader(await file.read(0, HEADER_BYTES));
      if ('fault' in header) {
        if (index === names.length - 1 && bytes <= HEADER_BYTES && name.generation === 0) {
          leftovers.push(segmentFile(name));
          continue;
        }
        throw corruptError(`journal segment ${segmentFile(name)}: ${header.fault}`);
      }
      checkHeader(name, header, tenant);
      list.push({ ...name, bytes });
    } finally {
      await file.close();
    }
  }
  for (const file of leftovers) await disk.remove(`${dir}/${file}`);
  if (leftovers.length > 0) await disk.syncDir(dir);
  return new Segments(disk, dir, list);
}

function checkHeader(name: SegmentName, header: { name: SegmentName; tenant: string }, tenant: string): void {
  if (header.name.first !== name.first || header.name.generation !== name.generation) {
    throw corruptError(`journal segment ${segmentFile(name)} says it is ${segmentFile(header.name)}`);
  }
  if (header.tenant !== tenant) {
    throw corruptError(
      `journal segment ${segmentFile(name)} belongs to tenant ${JSON.stringify(header.tenant)}`,
      {
        hint: `this store was opened for tenant ${JSON.stringify(tenant)}: check the data directory`,
      },
    );
  }
}
