/**
 * A LevelDB that loses its tail at a power cut, as one that nobody asked to sync does: batches survive in order, up to a point
 * nobody chose, each whole or not at all.
 */
import { type Random, randomInteger } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';

type Bytes = Uint8Array;
type Operation = { readonly type: 'put' | 'del'; readonly key: Bytes; readonly value?: Bytes };
type Entry = readonly [key: Bytes, value: Bytes];

/** What abstract-level asks of an implementation; keys and values are encoded, and named by their whole path. */
interface Implementation {
  _put(key: Bytes, value: Bytes, options: object): Promise<void>;
  _del(key: Bytes, options: object): Promise<void>;
  _batch(operations: Operation[], options: object): Promise<void>;
  _clear(options: object): Promise<void>;
}

const memory = MemoryLevel.prototype as unknown as Implementation;

/** Batches at the end that a power cut may take. */
const UNSYNCED_MAX = 64;

type Write = (level: SimLevel) => Promise<void>;

export class SimLevel extends MemoryLevel<string, string> {
  /** As it was opened. */
  #found: readonly Entry[] = [];
  /** Since it was opened. */
  readonly #writes: Write[] = [];

  constructor() {
    super({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
  }

  _put(key: Bytes, value: Bytes, options: object): Promise<void> {
    return this.#write((level) => memory._put.call(level, key, value, options));
  }

  _del(key: Bytes, options: object): Promise<void> {
    return this.#write((level) => memory._del.call(level, key, options));
  }

  _batch(operations: Operation[], options: object): Promise<void> {
    const kept = operations.map((operation) => ({ ...operation }));
    return this.#write((level) => memory._batch.call(level, kept, options));
  }

  _clear(options: object): Promise<void> {
    return this.#write((level) => memory._clear.call(level, options));
  }

  /** As it is found after the process was killed: everything written is there, under a handle of its own. */
  async afterKill(): Promise<SimLevel> {
    const level = new SimLevel();
    await level.open();
    await level.#fill(await this.#entries());
    return level;
  }

  async afterPowerCut(random: Random): Promise<SimLevel> {
    const lost = random() < 0.5 ? 0 : randomInteger(random, UNSYNCED_MAX);
    if (lost === 0) {
      return await this.afterKill();
    }
    const before = new SimLevel();
    await before.open();
    await before.#fill(this.#found);
    for (const write of this.#writes.slice(0, Math.max(0, this.#writes.length - lost))) {
      await write(before);
    }
    return await before.afterKill();
  }

  async #write(write: Write): Promise<void> {
    this.#writes.push(write);
    await write(this);
  }

  async #entries(): Promise<Entry[]> {
    const options = { keyEncoding: 'view', valueEncoding: 'view' } as const;
    return await this.iterator<Bytes, Bytes>(options).all();
  }

  async #fill(entries: readonly Entry[]): Promise<void> {
    this.#found = entries;
    const puts = entries.map(([key, value]) => ({ type: 'put' as const, key, value }));
    await memory._batch.call(this, puts as never, {});
  }
}
