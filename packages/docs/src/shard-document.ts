/**
 * One loaded Automerge document, spoken to through its WASM handle.
 *
 * The handle and not `Automerge.change`: the JavaScript view copies every map on the path of every change and keeps the
 * whole document as objects beside the WASM copy (measured: a change of 30 cells in a document of 30k costs half as much
 * through the handle, and a loaded document holds no JavaScript objects at all). This file is the only one that knows.
 *
 * Synchronous and unguarded: callers (`Documents`) pass only changes that were checked and whose predecessors are here,
 * and drop the instance after a panic. Not safe after `free`.
 */
import * as Automerge from '@automerge/automerge';
import type { ActorId } from './actor.ts';
import { type Cell, type CellValue, isCellKey, isCellValue, keyRow } from './cell.ts';
import { BUCKETS, bucketOf, type DocKind } from './doc-name.ts';
import { bucketKey, bucketObject, genesisChange } from './genesis.ts';
import { OwnTail, type TailWrite } from './own-tail.ts';

/** Operations written out that Automerge may lag behind: half a second of its work, done when idle. */
export const LAG_OPERATIONS_MAX = 16_384;

type Handle = ReturnType<typeof Automerge.getBackend>;

/** A value that stands or lost in a cell, with the change that wrote it. */
export interface CellVersion {
  readonly value: CellValue;
  readonly actor: string;
  /** Hash of the change. */
  readonly change: string;
  /** Seconds since 1970 as the author claimed. */
  readonly timeS: number;
}

export class ShardDocument {
  readonly kind: DocKind;
  #handle: Handle;
  /** Own changes Automerge has not been given yet; undefined until one was made on top of everything known. */
  #tail: OwnTail | undefined;

  private constructor(kind: DocKind, handle: Handle) {
    this.kind = kind;
    this.#handle = handle;
  }

  /** From a snapshot, or from the genesis. Throws what Automerge throws. */
  static open(kind: DocKind, actor: ActorId | undefined, snapshot?: Uint8Array): ShardDocument {
    if (snapshot === undefined) {
      return new ShardDocument(kind, emptyHandle(kind).clone(actor));
    }
    const handle = Automerge.getBackend(
      Automerge.init<unknown>(actor === undefined ? {} : { actor: actor as string }),
    );
    handle.loadIncremental(snapshot);
    return new ShardDocument(kind, handle);
  }

  /** Makes this document speak as `actor`. */
  speakAs(actor: ActorId): void {
    if (this.#handle.getActorId() === actor) {
      return;
    }
    this.#breakOff();
    const copy = this.#handle.clone(actor);
    this.#handle.free();
    this.#handle = copy;
  }

  /** A value as it stands, or as it stood at some heads. */
  get(key: string, heads?: readonly string[]): CellValue | undefined {
    const written = heads === undefined ? this.#tail?.written(key) : this.#catchUp();
    if (written !== undefined) {
      return written;
    }
    const bucket = bucketObject(bucketOf(this.kind, keyRow(key)));
    const found = this.#handle.getWithType(bucket, key, heads && [...heads]);
    return found === null || found === undefined ? undefined : scalarOf(found);
  }

  /** Writes the cells as one change; undefined when every cell already stood so. */
  commit(cells: ReadonlyMap<string, CellValue>, timeS: number): Uint8Array | undefined {
    if (this.#tail?.isFull === true) {
      this.#breakOff();
    }
    if (this.#tail !== undefined) {
      const bytes = this.#tail.append(this.#writes(cells), timeS);
      const { operations } = this.#tail.waiting;
      if (operations > LAG_OPERATIONS_MAX) {
        this.takeIn(operations - LAG_OPERATIONS_MAX);
      }
      return bytes;
    }
    const bytes = this.#put(cells, timeS);
    if (bytes !== undefined && this.kind === 'stock' && this.#handle.getHeads().length === 1) {
      this.#tail = OwnTail.behind(bytes);
    }
    return bytes;
  }

  /** Own changes written out and not taken in yet. */
  get lag(): { readonly changes: number; readonly operations: number } {
    return this.#tail?.waiting ?? { changes: 0, operations: 0 };
  }

  /** Gives Automerge about so many operations of what it lags behind. */
  takeIn(operations: number): void {
    const changes = this.#tail?.take(operations) ?? [];
    if (changes.length > 0) {
      this.#handle.applyChanges(changes);
    }
  }

  #catchUp(): undefined {
    this.takeIn(Number.POSITIVE_INFINITY);
  }

  /** Before anything but own changes gets in: what follows is not the end of one chain. */
  #breakOff(): void {
    this.#catchUp();
    this.#tail = undefined;
  }

  /** The cells that do not stand so already. */
  #writes(cells: ReadonlyMap<string, CellValue>): TailWrite[] {
    const writes: TailWrite[] = [];
    for (const [key, value] of cells) {
      const bucket = bucketObject(bucketOf(this.kind, keyRow(key)));
      if (this.get(key) !== value) {
        const replaced = () => this.#handle.getAll(bucket, key).map((version) => String(version[2]));
        writes.push({ key, bucket, value, replaced });
      }
    }
    return writes;
  }

  #put(cells: ReadonlyMap<string, CellValue>, timeS: number): Uint8Array | undefined {
    for (const [key, value] of cells) {
      const bucket = bucketObject(bucketOf(this.kind, keyRow(key)));
      if (this.#isEqualInConflict(bucket, key, value)) {
        this.#handle.put(bucket, key, null, 'null');
      }
      this.#handle.put(bucket, key, value, datatypeOf(value));
    }
    if (this.#handle.pendingOps() === 0) {
      return undefined;
    }
    this.#handle.commit(null, timeS);
    return this.#handle.getLastLocalChange() ?? undefined;
  }

  /** Applies checked changes whose predecessors are here. */
  apply(changes: readonly Uint8Array[]): void {
    if (changes.length > 0) {
      this.#breakOff();
      this.#handle.applyChanges([...changes]);
    }
  }

  /** Joins a snapshot that was verified: every change in it that is not here. Newer than this one, it takes its place. */
  absorb(snapshot: Uint8Array): void {
    this.#breakOff();
    if (this.#handle.stats().numChanges > 1) {
      this.#handle.loadIncremental(snapshot);
      return;
    }
    // Nothing here but the genesis, which the snapshot begins with: loading is many times faster than joining.
    const actor = this.#handle.getActorId();
    this.#handle.free();
    this.#handle = Automerge.getBackend(Automerge.init<unknown>({ actor }));
    this.#handle.loadIncremental(snapshot);
  }

  knows(hash: string): boolean {
    return this.lastOperation(hash) !== undefined;
  }

  /** Number of the last operation of a change; undefined when the change is not here. */
  lastOperation(hash: string): number | undefined {
    this.#catchUp();
    return this.#handle.getChangeMetaByHash(hash)?.maxOp;
  }

  /** A cell as readers see it; undefined when it was never written. */
  cell(key: string): Cell | undefined {
    this.#catchUp();
    const versions = this.#handle.getAll(bucketObject(bucketOf(this.kind, keyRow(key))), key);
    const winner = versions.at(-1);
    return winner && { key, value: scalarOf(winner), conflict: versions.length > 1 };
  }

  /** Every cell as readers see it. */
  cells(): Cell[] {
    this.#catchUp();
    const cells: Cell[] = [];
    for (const patch of this.#handle.diff([], this.#handle.getHeads())) {
      const key = patch.path[1];
      if (patch.action === 'put' && patch.path.length === 2 && typeof key === 'string') {
        cells.push({ key, value: plainValue(patch.value), conflict: patch.conflict === true });
      }
    }
    return cells;
  }

  /** All values standing concurrently in a cell; the last one is the winner every reader sees. */
  versions(key: string): CellVersion[] {
    this.#catchUp();
    const bucket = bucketObject(bucketOf(this.kind, keyRow(key)));
    const all = this.#handle.getAll(bucket, key);
    if (all.length < 2) {
      return [];
    }
    const metas = this.#handle.getChangesMeta([]);
    return all.map((entry) => {
      const [operation, actor] = String(entry[2]).split('@') as [string, string];
      const counter = Number(operation);
      const meta = metas.find((m) => m.actor === actor && m.startOp <= counter && counter <= m.maxOp);
      return {
        value: scalarOf(entry),
        actor,
        change: meta?.hash ?? '',
        timeS: Number(meta?.time ?? 0),
      };
    });
  }

  heads(): string[] {
    this.#catchUp();
    return this.#handle.getHeads().sort();
  }

  save(): Uint8Array {
    this.#catchUp();
    return this.#handle.save();
  }

  stats(): { changes: number; operations: number } {
    const { numChanges, numOps } = this.#handle.stats();
    const { changes, operations } = this.lag;
    return { changes: numChanges + changes, operations: numOps + operations };
  }

  /**
   * Confirming the winner of a conflict would be written as a delete of the losers, and receivers refuse deletes; so the
   * value is set anew. Cells of stock have one writer and no conflicts: not worth asking there.
   */
  #isEqualInConflict(bucket: string, key: string, value: CellValue): boolean {
    if (this.kind === 'stock') {
      return false;
    }
    const versions = this.#handle.getAll(bucket, key);
    return versions.length > 1 && scalarOf(versions.at(-1)!) === value;
  }

  /** What stands here besides cells in the buckets of the genesis, in words; undefined when nothing does. */
  stray(): string | undefined {
    this.#catchUp();
    const keys = this.#handle.keys('_root').sort();
    if (keys.length !== BUCKETS[this.kind]) {
      return `the root holds ${keys.length} keys, the genesis makes ${BUCKETS[this.kind]}`;
    }
    for (const [bucket, key] of keys.entries()) {
      const [found, rival] = this.#handle.getAll('_root', key);
      if (key !== bucketKey(bucket) || found?.[1] !== bucketObject(bucket) || rival !== undefined) {
        return `bucket ${key} is not the one the genesis made`;
      }
    }
    for (const { action, path, ...patch } of this.#handle.diff([], this.#handle.getHeads())) {
      const [bucket, key] = path;
      if (path.length === 1) {
        continue;
      }
      const value = 'value' in patch ? patch.value : null;
      const isWrite = action === 'conflict' || (action === 'put' && isStoredScalar(value));
      if (!isWrite || path.length > 2 || !isCellKey(key)) {
        return `${path.join(' › ').slice(0, 120)} is not a cell`;
      }
      if (bucketKey(bucketOf(this.kind, keyRow(key))) !== bucket) {
        return `cell ${key} stands in bucket ${bucket}, where no reader looks`;
      }
    }
    return undefined;
  }

  free(): void {
    this.#handle.free();
  }
}

/** The handle answers `[datatype, value, …]`; text objects and whatever else a cell cannot hold read as null. */
function scalarOf([datatype, value]: readonly [string, unknown, ...unknown[]]): CellValue {
  return SCALARS.has(datatype) && isCellValue(value) ? value : null;
}

const SCALARS = new Set(['str', 'int', 'uint', 'boolean']);

function datatypeOf(value: CellValue): 'str' | 'int' | 'boolean' | 'null' {
  switch (typeof value) {
    case 'string':
      return 'str';
    case 'number':
      return 'int';
    case 'boolean':
      return 'boolean';
    default:
      return 'null';
  }
}

/** Text arrives as Automerge's immutable string; anything a cell cannot hold reads as null. */
function plainValue(raw: unknown): CellValue {
  const plain = raw instanceof Automerge.ImmutableString ? raw.val : raw;
  return isStoredScalar(raw) && isCellValue(plain) ? plain : null;
}

/** A plain string is Automerge text: collaborative, one operation per character, and not ours. */
function isStoredScalar(raw: unknown): boolean {
  return raw instanceof Automerge.ImmutableString || (typeof raw !== 'string' && isCellValue(raw));
}

/** A copy of a document that holds the genesis alone costs a thirtieth of making it: up to 2 ms at each load. */
const empty = new Map<DocKind, Handle>();

function emptyHandle(kind: DocKind): Handle {
  let handle = empty.get(kind);
  if (handle === undefined) {
    handle = Automerge.getBackend(Automerge.init<unknown>());
    handle.applyChanges([genesisChange(kind)]);
    empty.set(kind, handle);
  }
  return handle;
}
