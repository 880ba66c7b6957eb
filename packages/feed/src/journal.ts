/**
 * The append side of the journal: group commit into the last segment.
 *
 *     append ──> queue ──┐ one group at a time
 *     append ──> queue ──┴──> write ──> fdatasync ──> onDurable (all of the group, in order)
 *
 * Guarantees: positions are given in the order of calls; all records waiting when a group starts share one write and one
 * fdatasync; the next group is not written before the last one is durable, so what follows a record proves it was.
 *
 * The first error of any kind poisons: nothing more is written or reported durable, because after a failed write or sync
 * nobody knows what the disk holds, and the kernel may have marked lost pages as clean. `onFailed` is told once.
 *
 * Does not: know what is in a record, or read.
 */
import type { Disk, DiskFile } from './disk.ts';
import { assert, FeedError } from './errors.ts';
import { sealRecord } from './record.ts';
import { encodeHeader, HEADER_BYTES, type SegmentName } from './segment.ts';
import type { Segment, Segments } from './segments.ts';

export const SEGMENT_BYTES_MAX = 32 * 1024 * 1024;
/** One write. A single larger record is a group of its own. */
export const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** Records waiting for the disk, in bytes; beyond it `append` refuses. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** A record that became durable, and where. */
export interface DurableRecord<Note> {
  readonly position: number;
  readonly segment: SegmentName;
  readonly offset: number;
  readonly length: number;
  readonly note: Note;
}

export interface JournalOptions<Note> {
  readonly disk: Disk;
  readonly dir: string;
  readonly tenant: string;
  readonly segments: Segments;
  /** Position of the last durable record. */
  readonly position: number;
  readonly segmentBytesMax?: number;
  readonly onDurable: (group: readonly DurableRecord<Note>[]) => void;
  readonly onFailed: (error: unknown) => void;
}

interface Waiting<Note> {
  readonly position: number;
  readonly record: Buffer;
  readonly note: Note;
}

export class Journal<Note> {
  readonly #options: JournalOptions<Note>;
  readonly #segmentBytesMax: number;
  #file: DiskFile | undefined;
  #queue: Waiting<Note>[] = [];
  #queueBytes = 0;
  #position: number;
  #durable: number;
  #failed = false;
  #sealing = false;
  #running: Promise<void> | undefined;
  /** One for every fdatasync that made records durable. */
  groups = 0;

  constructor(options: JournalOptions<Note>) {
    this.#options = options;
    this.#segmentBytesMax = options.segmentBytesMax ?? SEGMENT_BYTES_MAX;
    this.#position = options.position;
    this.#durable = options.position;
  }

  /** Position of the last record given to `append`. */
  get position(): number {
    return this.#position;
  }

  /** Room for a record of that many bytes: checked before anything else changes. */
  checkRoom(bytes: number): void {
    if (this.#queueBytes > 0 && this.#queueBytes + bytes > QUEUE_BYTES_MAX) {
      throw new FeedError('FEED_LIMIT', `more than ${QUEUE_BYTES_MAX} bytes wait for the disk`, {
        retryable: true,
      });
    }
  }

  /** Queues the record that `encode` makes for the next position. */
  append(encode: (position: number) => Buffer, note: Note): number {
    assert(!this.#failed, 'nothing is appended to a poisoned journal');
    const position = this.#position + 1;
    this.#enqueue(position, encode(position), note);
    this.#position = position;
    return position;
  }

  /** What is appended from now on stands in a new segment. */
  sealSegment(): void {
    this.#sealing = true;
  }

  /** Resolves when what was queued until now is durable, or the journal has failed. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Writes what waits, then the mark of an orderly end made by `encodeMark`. */
  async close(encodeMark: (position: number) => Buffer): Promise<void> {
    await this.#running;
    if (!this.#failed && this.#file !== undefined) {
      const mark = encodeMark(this.#position);
      sealRecord(mark, this.#durable);
      try {
        await this.#file.append(mark);
        await this.#file.datasync();
        this.#options.segments.last()!.bytes += mark.byteLength;
      } catch (error) {
        this.#fail(error);
      }
    }
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #enqueue(position: number, record: Buffer, note: Note): void {
    this.#queue.push({ position, record, note });
    this.#queueBytes += record.byteLength;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Let everybody who commits in this turn of the event loop join the first group.
    await Promise.resolve();
    while (this.#queue.length > 0 && !this.#failed) {
      const group = this.#takeGroup();
      try {
        this.#report(group, await this.#write(group));
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#running = undefined;
  }

  #takeGroup(): Waiting<Note>[] {
    let bytes = 0;
    let count = 0;
    for (const { record } of this.#queue) {
      if (count > 0 && bytes + record.byteLength > GROUP_BYTES_MAX) break;
      bytes += record.byteLength;
      count += 1;
    }
    this.#queueBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  /** Returns the segment and the offset where the group begins. */
  async #write(group: readonly Waiting<Note>[]): Promise<{ segment: Segment; offset: number }> {
    for (const { record } of group) sealRecord(record, this.#durable);
    const bytes = group.length === 1 ? group[0]!.record : Buffer.concat(group.map((each) => each.record));
    const { file, segment } = await this.#segmentFor(group[0]!.position, bytes.byteLength);
    await file.append(bytes);
    await file.datasync();
    const offset = segment.bytes;
    segment.bytes += bytes.byteLength;
    return { segment, offset };
  }

  #report(group: readonly Waiting<Note>[], at: { segment: Segment; offset: number }): void {
    const { first, generation } = at.segment;
    let { offset } = at;
    const durable = group.map(({ position, record, note }) => {
      const located = { position, segment: { first, generation }, offset, length: record.byteLength, note };
      offset += record.byteLength;
      return located;
    });
    this.#durable = group.at(-1)!.position;
    this.groups += 1;
    this.#options.onDurable(durable);
  }

  async #segmentFor(position: number, bytes: number): Promise<{ file: DiskFile; segment: Segment }> {
    const { segments, disk } = this.#options;
    const last = segments.last();
    const full =
      last !== undefined && last.bytes > HEADER_BYTES && last.bytes + bytes > this.#segmentBytesMax;
    // A rewritten segment is never written to again, so that its name says what it holds.
    const isSealed = this.#sealing && last !== undefined && last.bytes > HEADER_BYTES;
    this.#sealing = false;
    if (last === undefined || full || isSealed || last.generation > 0) return this.#startSegment(position);
    this.#file ??= await disk.open(segments.path(last), 'append');
    return { file: this.#file, segment: last };
  }

  async #startSegment(first: number): Promise<{ file: DiskFile; segment: Segment }> {
    const { disk, dir, tenant, segments } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    const name = { first, generation: 0 };
    const file = await disk.open(segments.path(name), 'create');
    this.#file = file;
    await file.append(encodeHeader(name, tenant));
    await file.datasync();
    await disk.syncDir(dir);
    const segment = { ...name, bytes: HEADER_BYTES };
    segments.add(segment);
    return { file, segment };
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#queue = [];
    this.#queueBytes = 0;
    this.#options.onFailed(error);
  }
}
