/**
 * Checkpoints kept on disk, one file each: what their maker signed, what a relay forwards, what a branch began with.
 *
 *     keep ──> written beside, synced, renamed, directory synced ──> those it covers entirely are removed
 *
 * Guarantees: what `keep` resolved for is there after a power cut, whole; a damaged file is not offered and is named in
 * `damaged`; of a collection the newest whose signer still may vouch is offered; one that covers what no other does
 * stays, because what was adopted from it exists nowhere else on this machine.
 *
 * Does not: open documents, check vectors against a store, or prune.
 */
import { createHash } from 'node:crypto';
import type { Clock } from 'hlc-ts';
import {
  type CheckpointMark,
  countEntries,
  encodeCheckpointFile,
  readCheckpoint,
  readCheckpointMark,
} from './checkpoint-file.ts';
import type { CheckpointOffer, CheckpointSource, SignedCheckpoint } from './checkpoint-transfer.ts';
import type { Disk, DiskFile } from './disk.ts';
import { FeedError } from './errors.ts';
import { writerIdOf } from './identity.ts';
import type { Collection, FeedName, Head, WriterId } from './types.ts';

/** Of one collection, none of which covers another. */
export const SHELF_PER_COLLECTION_MAX = 4;
export const SHELF_COLLECTIONS_MAX = 4096;

const SUFFIX = '.checkpoint';

export interface ShelfOptions {
  readonly disk: Disk;
  /** Directory of checkpoints alone. */
  readonly dir: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** May the holder of this key vouch for a checkpoint? Asked at each offer. */
  readonly mayVouch: (writer: WriterId) => boolean;
}

export class CheckpointShelf implements CheckpointSource {
  readonly #options: ShelfOptions;
  readonly #marks = new Map<string, CheckpointMark>();
  /** Files that are not what they were when they were kept. */
  readonly damaged: readonly string[];
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(options: ShelfOptions, found: ReadonlyMap<string, CheckpointMark>, damaged: string[]) {
    this.#options = options;
    this.#marks = new Map(found);
    this.damaged = damaged;
  }

  static async open(options: ShelfOptions): Promise<CheckpointShelf> {
    const { disk, dir } = options;
    const found = new Map<string, CheckpointMark>();
    const damaged: string[] = [];
    for (const name of (await disk.list(dir)).sort()) {
      if (name.endsWith(`${SUFFIX}.new`)) {
        await disk.remove(`${dir}/${name}`);
      } else if (name.endsWith(SUFFIX)) {
        const mark = await reading(disk, `${dir}/${name}`, readCheckpointMark);
        if (mark !== undefined && fileOf(mark) === name) found.set(name, mark);
        else damaged.push(name);
      }
    }
    // A power cut may bring back what was removed.
    for (const [name, mark] of [...found]) {
      const isCovered = [...found].some(
        ([other, { collection, vector }]) =>
          other !== name && collection === mark.collection && covers(vector, mark.vector),
      );
      if (!isCovered) continue;
      found.delete(name);
      await disk.remove(`${dir}/${name}`);
    }
    return new CheckpointShelf(options, found, damaged);
  }

  marks(): readonly CheckpointMark[] {
    return [...this.#marks.values()];
  }

  /** The newest of a collection, whoever signed it. */
  newest(collection: Collection): CheckpointMark | undefined {
    return this.#newest(collection, () => true);
  }

  async offer(
    collection: Collection,
    needed?: { readonly feed: FeedName; readonly from: number },
  ): Promise<CheckpointOffer | undefined> {
    return this.#newest(
      collection,
      ({ signer, vector }) =>
        this.#options.mayVouch(writerIdOf(signer)) &&
        (needed === undefined || (vector.get(needed.feed)?.seq ?? 0) >= needed.from),
    );
  }

  async load(collection: Collection, id: string): Promise<SignedCheckpoint | undefined> {
    const name = fileOf({ collection, id });
    if (!this.#marks.has(name)) return undefined;
    return reading(this.#options.disk, `${this.#options.dir}/${name}`, readCheckpoint);
  }

  /** Resolves when it is durable. One that is covered by what is here already is not kept. `FEED_LIMIT`: no room. */
  keep(checkpoint: SignedCheckpoint): Promise<void> {
    const kept = this.#writing.then(() => this.#keep(checkpoint));
    this.#writing = kept.catch(() => undefined);
    return kept;
  }

  async #keep(checkpoint: SignedCheckpoint): Promise<void> {
    const { collection, id, vector, signer, docs } = checkpoint;
    const name = fileOf(checkpoint);
    const others = [...this.#marks].filter(([, mark]) => mark.collection === collection);
    if (others.some(([, mark]) => covers(mark.vector, vector))) return;
    const obsolete = others.filter(([, mark]) => covers(vector, mark.vector));
    const collections = new Set(this.marks().map((mark) => mark.collection)).add(collection);
    if (
      others.length - obsolete.length >= SHELF_PER_COLLECTION_MAX ||
      collections.size > SHELF_COLLECTIONS_MAX
    ) {
      throw new FeedError('FEED_LIMIT', `no room for another checkpoint of ${collection}`);
    }
    const keptMs = this.#options.clock.nowMs();
    await this.#write(name, encodeCheckpointFile(checkpoint, keptMs));
    const bytes = docs.reduce((sum, doc) => sum + doc.bytes.byteLength, 0);
    this.#marks.set(name, { collection, id, vector, signer, entries: countEntries(vector), bytes, keptMs });
    for (const [old] of obsolete) {
      this.#marks.delete(old);
      await this.#options.disk.remove(`${this.#options.dir}/${old}`);
    }
  }

  async #write(name: string, pieces: readonly Uint8Array[]): Promise<void> {
    const { disk, dir } = this.#options;
    const beside = `${dir}/${name}.new`;
    await disk.remove(beside);
    const file = await disk.open(beside, 'create');
    try {
      for (const piece of pieces) await file.append(piece);
      await file.datasync();
    } finally {
      await file.close();
    }
    await disk.rename(beside, `${dir}/${name}`);
    await disk.syncDir(dir);
  }

  #newest(collection: Collection, fits: (mark: CheckpointMark) => boolean): CheckpointMark | undefined {
    let newest: CheckpointMark | undefined;
    for (const mark of this.#marks.values()) {
      if (mark.collection === collection && fits(mark) && mark.entries > (newest?.entries ?? -1))
        newest = mark;
    }
    return newest;
  }
}

/** True when `a` stands in for every entry `b` stands in for. */
export function covers(a: ReadonlyMap<FeedName, Head>, b: ReadonlyMap<FeedName, Head>): boolean {
  return [...b].every(([feed, { seq }]) => (a.get(feed)?.seq ?? 0) >= seq);
}

function fileOf({ collection, id }: { collection: string; id: string }): string {
  const hash = createHash('sha256').update(`${collection}\0${id}`).digest('hex');
  return `${hash.slice(0, 32)}${SUFFIX}`;
}

async function reading<T>(disk: Disk, path: string, read: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, 'read');
  try {
    return await read(file);
  } finally {
    await file.close();
  }
}
