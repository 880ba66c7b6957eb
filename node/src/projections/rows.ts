/**
 * Rows: where projections keep what feeds add up to. Write-behind over one LevelDB sublevel.
 *
 * A projection writes synchronously into memory (so a read right after a commit sees it) and `flush` puts everything gathered
 * so far in one LevelDB batch together with the journal position it covers. The batch is atomic, so after a crash rows and
 * position agree and the tail is replayed from the feeds. Nothing here is synced to disk on purpose: rows can be rebuilt.
 *
 * One flush runs at a time and is never cut: a change moved from pending to applied takes two rows, and a crash between them
 * would lose it. What is written meanwhile forms the next. A writer that gets `DIRTY_ROWS_MAX` ahead must wait:
 * `settled()` is awaited by the commit pipeline and the replay loop between groups.
 *
 * Not here: any meaning of keys. Keys sort bytewise in the order they are read; key prefixes are listed in `row-keys.ts`.
 */
import type { AbstractBatchOperation, AbstractLevel } from 'abstract-level';
import type { Clock, Timer } from 'hlc-ts';

/** Rows gathered in memory before writers are asked to wait for LevelDB. */
export const DIRTY_ROWS_MAX = 20_000;
/** How long rows wait for others to be written with them: one LevelDB batch for many commits, and a row written often once. */
export const GATHER_MS = 20;
/** Rows that are written without waiting for others. */
export const GATHERED_ROWS_MAX = 2_000;

export type RowLevel = AbstractLevel<string | Buffer | Uint8Array, string, string>;

type Value = string | Uint8Array | undefined;

const POSITION_KEY = 'a/position';
const LAYOUT_KEY = 'a/layout';

/**
 * What rows hold and how. Raised with every change of a projection, a row or the kinds of entries that are projected: a release that finds
 * rows of another layout, after an upgrade or a roll-back, makes its own from the feeds. Rows from before there was a mark are of layout 1.
 */
export const ROWS_LAYOUT = 1;

/** The layout of the rows, of those from before there was a mark too; undefined where there are none. */
export async function layoutOf(level: RowLevel): Promise<number | undefined> {
  const [layout, position] = await level.getMany([LAYOUT_KEY, POSITION_KEY]);
  return layout === undefined ? (position === undefined ? undefined : 1) : Number(layout);
}

/**
 * Rows of another layout are removed; the caller's replay makes them again. The mark is written last, so a crash in between removes what
 * is left at the next start.
 */
export async function discardOtherLayout(level: RowLevel): Promise<void> {
  const layout = await layoutOf(level);
  if (layout !== undefined && layout !== ROWS_LAYOUT) {
    await level.clear({ lt: LAYOUT_KEY });
    await level.clear({ gt: LAYOUT_KEY });
  }
  await level.put(LAYOUT_KEY, String(ROWS_LAYOUT));
}

export interface RowsOptions {
  readonly level: RowLevel;
  readonly onFailure: (error: Error) => void;
  /** Without one, nothing waits for others. */
  readonly clock?: Pick<Clock, 'setTimer'>;
}

export class Rows {
  readonly #level: RowLevel;
  /** Newest first: `#dirty` gathers, `#flushing` is being written. A value of undefined is a deletion. */
  #dirty = new Map<string, Value>();
  #flushing: Map<string, Value> | undefined;
  #position: number;
  #flushedPosition: number;
  #run: Promise<void> | undefined;
  #failure: Error | undefined;
  readonly #onFailure: (error: Error) => void;
  readonly #clock: Pick<Clock, 'setTimer'> | undefined;
  #gathering: Timer | undefined;

  private constructor(options: RowsOptions, position: number) {
    this.#level = options.level;
    this.#position = position;
    this.#flushedPosition = position;
    this.#onFailure = options.onFailure;
    this.#clock = options.clock;
  }

  static async open(options: RowsOptions): Promise<Rows> {
    const stored = await options.level.get(POSITION_KEY);
    return new Rows(options, stored === undefined ? 0 : Number(stored));
  }

  /** Journal position the rows in memory cover. */
  get position(): number {
    return this.#position;
  }

  /** Journal position the rows in LevelDB cover. */
  get flushedPosition(): number {
    return this.#flushedPosition;
  }

  get dirtyCount(): number {
    return this.#dirty.size + (this.#flushing?.size ?? 0);
  }

  putText(key: string, text: string): void {
    this.#dirty.set(key, text);
  }

  putBytes(key: string, bytes: Uint8Array): void {
    this.#dirty.set(key, bytes);
  }

  remove(key: string): void {
    this.#dirty.set(key, undefined);
  }

  /** Called by the projection runner after the rows of a commit were put. */
  cover(position: number): void {
    this.#position = position;
  }

  async getText(key: string): Promise<string | undefined> {
    const recent = this.#recent(key);
    if (recent !== undefined) {
      return recent.value as string | undefined;
    }
    return this.#level.get(key);
  }

  async getBytes(key: string): Promise<Uint8Array | undefined> {
    const recent = this.#recent(key);
    if (recent !== undefined) {
      return recent.value as Uint8Array | undefined;
    }
    return this.#level.get<string, Uint8Array>(key, { valueEncoding: 'view' });
  }

  async getTexts(keys: readonly string[]): Promise<(string | undefined)[]> {
    const found: (string | undefined)[] = new Array(keys.length);
    const missing: number[] = [];
    for (let index = 0; index < keys.length; index++) {
      const recent = this.#recent(keys[index]!);
      if (recent === undefined) {
        missing.push(index);
      } else {
        found[index] = recent.value as string | undefined;
      }
    }
    if (missing.length > 0) {
      const stored = await this.#level.getMany(missing.map((index) => keys[index]!));
      for (let at = 0; at < missing.length; at++) {
        found[missing[at]!] = stored[at];
      }
    }
    return found;
  }

  /** Text rows with `from < key < below`, in key order. What is dirty is flushed first. */
  async *texts(range: {
    after: string;
    below: string;
    limit?: number;
    reverse?: boolean;
  }): AsyncGenerator<[key: string, text: string]> {
    await this.flush();
    const { after, below, limit, reverse } = range;
    const iterator = this.#level.iterator({
      gt: after,
      lt: below,
      limit: limit ?? -1,
      reverse: reverse ?? false,
    });
    for await (const row of iterator) {
      yield row;
    }
  }

  /** Keys with `after < key < below`, in order. What is dirty is flushed first. */
  async keys(range: { after: string; below: string; limit: number }): Promise<string[]> {
    await this.flush();
    return await this.#level.keys({ gt: range.after, lt: range.below, limit: range.limit }).all();
  }

  async *bytes(range: { after: string; below: string }): AsyncGenerator<[key: string, bytes: Uint8Array]> {
    await this.flush();
    const iterator = this.#level.iterator<string, Uint8Array>({
      gt: range.after,
      lt: range.below,
      valueEncoding: 'view',
    });
    for await (const row of iterator) {
      yield row;
    }
  }

  /** Writes what is dirty soon, unless a write is under way; that one goes on with the rest. */
  startFlush(): void {
    if (this.#clock === undefined || this.#dirty.size >= GATHERED_ROWS_MAX) {
      this.#startWriting();
    } else {
      this.#gathering ??= this.#clock.setTimer(GATHER_MS, () => this.#startWriting());
    }
  }

  #startWriting(): void {
    this.#gathering?.cancel();
    this.#gathering = undefined;
    if (this.#run === undefined && this.#dirty.size > 0 && this.#failure === undefined) {
      this.#run = this.#flushAll();
    }
  }

  /** Resolves when everything put before the call is in LevelDB. */
  async flush(): Promise<void> {
    while (this.#dirty.size > 0 || this.#run !== undefined) {
      this.#throwIfFailed();
      this.#startWriting();
      await this.#run;
    }
    this.#throwIfFailed();
    if (this.#flushedPosition < this.#position) {
      await this.#write(new Map());
    }
  }

  /** Called between groups: waits only when writers are too far ahead of LevelDB. */
  async settled(): Promise<void> {
    if (this.dirtyCount > DIRTY_ROWS_MAX) {
      await this.flush();
    }
  }

  async close(): Promise<void> {
    if (this.#failure === undefined) {
      await this.flush();
    }
  }

  #recent(key: string): { value: Value } | undefined {
    if (this.#dirty.has(key)) {
      return { value: this.#dirty.get(key) };
    }
    if (this.#flushing?.has(key) === true) {
      return { value: this.#flushing.get(key) };
    }
    return undefined;
  }

  async #flushAll(): Promise<void> {
    try {
      do {
        const batch = this.#dirty;
        this.#flushing = batch;
        this.#dirty = new Map();
        await this.#write(batch);
        this.#flushing = undefined;
        // What came meanwhile waits for more, unless it is much.
      } while (this.#dirty.size > (this.#clock === undefined ? 0 : GATHERED_ROWS_MAX));
    } catch (cause) {
      this.#failure = cause as Error;
      this.#onFailure(this.#failure);
    } finally {
      this.#run = undefined;
    }
    if (this.#dirty.size > 0 && this.#failure === undefined) {
      this.startFlush();
    }
  }

  async #write(rows: Map<string, Value>): Promise<void> {
    const position = this.#position;
    const operations: AbstractBatchOperation<RowLevel, string, string>[] = [];
    for (const [key, value] of rows) {
      if (value === undefined) {
        operations.push({ type: 'del', key });
      } else if (typeof value === 'string') {
        operations.push({ type: 'put', key, value });
      } else {
        // abstract-level takes an encoding per operation; its types only know the level's own.
        operations.push({ type: 'put', key, value: value as unknown as string, valueEncoding: 'view' });
      }
    }
    operations.push({ type: 'put', key: POSITION_KEY, value: String(position) });
    await this.#level.batch(operations);
    this.#flushedPosition = position;
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }
}
