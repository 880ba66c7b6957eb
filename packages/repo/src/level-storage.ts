/**
 * A Level database as automerge-repo's storage.
 *
 * A key is a path; its elements are joined with NUL, so a range is what lies below whole elements and never a name that merely begins
 * alike. Each value stands behind eight bytes that count up, and a range comes back in the order it was first written, as the interface's
 * acceptance suite wants.
 *
 * Guarantees, beside the interface's
 *   T1  A write that fails is tried again; one that fails for good stops this storage and calls `onFailure`. Its promise never settles:
 *       a rejection would end the process and switch compaction off for good, a resolution would be a lie.
 *   T2  A document that has content is never replaced by an empty one, which is what evicting it from a Repo asks for.
 *   T3  Values are plain `Uint8Array`s, safe to keep.
 *
 * Does not: sync to the disk on every write unless asked to (`sync`), nor cache.
 */
import type { Chunk, StorageAdapterInterface, StorageKey } from '@automerge/automerge-repo/slim';
import type { AbstractLevel } from 'abstract-level';
import type { Clock } from 'hlc-ts';
import { RepoError } from './errors.ts';

/** Elements of a key, and characters of all of them. */
export const KEY_PARTS_MAX = 8;
export const KEY_CHARS_MAX = 512;
/** Bytes of one value. */
export const VALUE_BYTES_MAX = 64 * 1024 * 1024;
/** Times a write is tried before the storage stops, and what it waits after the first. Doubles. */
export const WRITE_TRIES_MAX = 5;
export const WRITE_RETRY_MS = 50;

const SEPARATOR = '\0';
const BELOW = '\x01';
const ORDER_BYTES = 8;

export type StorageLevel = AbstractLevel<string | Uint8Array | Buffer, string, Uint8Array>;

export interface LevelStorageOptions {
  /** Utf8 keys, values as `view`; nobody else writes there. */
  readonly level: StorageLevel;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Called once, when a write failed for good: stop accepting edits and tell somebody. */
  readonly onFailure: (error: RepoError) => void;
  /** Writes reach the disk before they resolve, where the level below can do that. */
  readonly sync?: boolean;
}

export class LevelStorageAdapter implements StorageAdapterInterface {
  readonly #options: LevelStorageOptions;
  #order: bigint;
  /** Documents whose content an empty snapshot was about to replace: what would be removed next stays. */
  readonly #guarded = new Set<string>();
  #failed = false;

  private constructor(options: LevelStorageOptions, order: bigint) {
    this.#options = options;
    this.#order = order;
  }

  static async open(options: LevelStorageOptions): Promise<LevelStorageAdapter> {
    let order = 0n;
    for await (const value of options.level.values()) {
      const at = orderOf(value);
      order = at > order ? at : order;
    }
    return new LevelStorageAdapter(options, order);
  }

  /** True after a write failed for good; reads go on. */
  get isFailed(): boolean {
    return this.#failed;
  }

  async load(key: StorageKey): Promise<Uint8Array | undefined> {
    const value = await this.#options.level.get(joined(key));
    return value === undefined ? undefined : dataOf(value);
  }

  async save(key: StorageKey, data: Uint8Array): Promise<void> {
    if (data.length > VALUE_BYTES_MAX) {
      throw new RepoError('REPO_VALUE', `a value of ${data.length} bytes, ${VALUE_BYTES_MAX} allowed`);
    }
    const name = joined(key);
    if (isEmptySnapshot(key, data) && (await this.#hasContent(key[0]!))) {
      this.#guarded.add(key[0]!);
      return;
    }
    this.#guarded.delete(key[0]!);
    const { level, sync } = this.#options;
    await this.#surely(async () => {
      const before = await level.get(name);
      const order = before === undefined ? ++this.#order : orderOf(before);
      await level.batch([{ type: 'put', key: name, value: withOrder(order, data) }], syncOption(sync));
    });
  }

  async remove(key: StorageKey): Promise<void> {
    const name = joined(key);
    if (!this.#guarded.has(key[0]!) || !isContent(key)) {
      await this.#surely(() => this.#options.level.del(name));
    }
  }

  async loadRange(prefix: StorageKey): Promise<Chunk[]> {
    const found: { readonly order: bigint; readonly chunk: Chunk }[] = [];
    const take = (name: string, value: Uint8Array): void => {
      found.push({ order: orderOf(value), chunk: { key: name.split(SEPARATOR), data: dataOf(value) } });
    };
    const name = prefix.length === 0 ? '' : joined(prefix);
    const own = name === '' ? undefined : await this.#options.level.get(name);
    if (own !== undefined) {
      take(name, own);
    }
    for await (const [key, value] of this.#options.level.iterator(below(name))) {
      take(key, value);
    }
    return found.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ chunk }) => chunk);
  }

  async removeRange(prefix: StorageKey): Promise<void> {
    const name = prefix.length === 0 ? '' : joined(prefix);
    await this.#surely(async () => {
      await this.#options.level.clear(below(name));
      if (name !== '') {
        await this.#options.level.del(name);
      }
    });
  }

  async #hasContent(document: string): Promise<boolean> {
    for (const kind of ['snapshot', 'incremental']) {
      const range = { ...below(joined([document, kind])), limit: 1 };
      for await (const _key of this.#options.level.keys(range)) {
        return true;
      }
    }
    return false;
  }

  async #surely(write: () => Promise<void>): Promise<void> {
    for (let tries = 1; !this.#failed; tries++) {
      try {
        await write();
        return;
      } catch (cause) {
        if (tries >= WRITE_TRIES_MAX) {
          this.#failed = true;
          this.#options.onFailure(
            new RepoError('REPO_STORAGE', `live documents cannot be stored: ${wordsOf(cause)}`, {
              cause,
              hint: 'Look at the disk; edits of live documents are not accepted until the program starts again.',
            }),
          );
          break;
        }
        await this.#options.clock.sleep(WRITE_RETRY_MS * 2 ** (tries - 1));
      }
    }
    await new Promise<never>(() => {});
  }
}

/** Everything strictly below a key; everything there is for the empty one. */
function below(name: string): { readonly gte: string; readonly lt: string } | Record<string, never> {
  return name === '' ? {} : { gte: name + SEPARATOR, lt: name + BELOW };
}

function joined(key: StorageKey): string {
  const name = key.join(SEPARATOR);
  const isValid =
    key.length > 0 &&
    key.length <= KEY_PARTS_MAX &&
    name.length <= KEY_CHARS_MAX &&
    key.every((part) => part.length > 0 && !/\p{Cc}/u.test(part));
  if (!isValid) {
    throw new RepoError('REPO_KEY', `no key: ${JSON.stringify(key).slice(0, 80)}`, {
      hint: `A key has one to ${KEY_PARTS_MAX} elements, none empty, no control characters, ${KEY_CHARS_MAX} characters in all.`,
    });
  }
  return name;
}

function isContent([, kind]: StorageKey): boolean {
  return kind === 'snapshot' || kind === 'incremental';
}

/** A document chunk of no actors and no heads: `magic(4) · checksum(4) · 0 · length · 0 · 0 …`. */
function isEmptySnapshot(key: StorageKey, data: Uint8Array): boolean {
  return key[1] === 'snapshot' && data.length < 32 && data[8] === 0 && data[10] === 0 && data[11] === 0;
}

function withOrder(order: bigint, data: Uint8Array): Uint8Array {
  const value = new Uint8Array(ORDER_BYTES + data.length);
  new DataView(value.buffer).setBigUint64(0, order);
  value.set(data, ORDER_BYTES);
  return value;
}

function orderOf(value: Uint8Array): bigint {
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getBigUint64(0);
}

/** A copy: what Level hands out may be part of a larger buffer, or a Buffer. */
function dataOf(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.subarray(ORDER_BYTES));
}

/** `classic-level` knows `sync`; `abstract-level` does not name it. */
function syncOption(sync: boolean | undefined): Record<string, never> {
  return (sync === true ? { sync: true } : {}) as Record<string, never>;
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
