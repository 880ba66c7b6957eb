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

  private constructor(kind: DocKind, handle: Handle) {
    this.kind = kind;
    this.#handle = handle;
  }

  /** From a snapshot, or from the genesis. Throws what Automerge throws. */
  static open(kind: DocKind, actor: ActorId | undefined, snapshot?: Uint8Array): ShardDocument {
    const handle = Automerge.getBackend(
      Automerge.init<unknown>(actor === undefined ? {} : { actor: actor as string }),
    );
    if (snapshot === undefined) {
      handle.applyChanges([genesisChange(kind)]);
    } else {
      handle.loadIncremental(snapshot);
    }
    return new ShardDocument(kind, handle);
  }

  /** Makes this document speak as `actor`. */
  speakAs(actor: ActorId): void {
    if (this.#handle.getActorId() === actor) {
      return;
    }
    const copy = this.#handle.clone(actor);
    this.#handle.free();
    this.#handle = copy;
  }

  /** A value as it stands, or as it stood at some heads. */
  get(key: string, heads?: readonly string[]): CellValue | undefined {
    const bucket = bucketObject(bucketOf(this.kind, keyRow(key)));
    const found = this.#handle.getWithType(bucket, key, heads && [...heads]);
    return found === null || found === undefined ? undefined : scalarOf(found);
  }

  /** Writes the cells as one change; undefined when every cell already stood so. */
  commit(cells: ReadonlyMap<string, CellValue>, timeS: number): Uint8Array | undefined {
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
      this.#handle.applyChanges([...changes]);
    }
  }

  /** Joins a snapshot that was verified: every change in it that is not here. Newer than this one, it takes its place. */
  absorb(snapshot: Uint8Array): void {
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
    return this.#handle.getChangeMetaByHash(hash)?.maxOp;
  }

  /** A cell as readers see it; undefined when it was never written. */
  cell(key: string): Cell | undefined {
    const versions = this.#handle.getAll(bucketObject(bucketOf(this.kind, keyRow(key))), key);
    const winner = versions.at(-1);
    return winner && { key, value: scalarOf(winner), conflict: versions.length > 1 };
  }

  /** Every cell as readers see it. */
  cells(): Cell[] {
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
    return this.#handle.getHeads().sort();
  }

  save(): Uint8Array {
    return this.#handle.save();
  }

  stats(): { changes: number; operations: number } {
    const { numChanges, numOps } = this.#handle.stats();
    return { changes: numChanges, operations: numOps };
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
