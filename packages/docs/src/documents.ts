/**
 * Documents: the loaded shards of this device, over a source that can rebuild any of them.
 *
 * Guarantees
 * D1 A document is what its source's snapshot and changes, and the changes given here, add up to, whatever their order,
 *    repetition or grouping (strong eventual consistency).
 * D2 One call of `change` makes at most one Automerge change, however many mutators it is given.
 * D3 A change made here and not yet reported durable (`settle`) is never lost by eviction and never made twice under one
 *    sequence number: its document stays loaded until then; `abandon` forgets it as if it had never been made.
 * D4 A change of another writer enters only after `checkChange`; what cannot enter is an outcome, never a throw, and a
 *    change that makes Automerge panic costs a rebuild of its document and is remembered as hostile.
 * D5 Changes whose predecessors are missing wait outside of Automerge and are never counted as applied; `waiting` names
 *    them, so a snapshot's vector can stop before the first of each writer.
 * D6 What is loaded is bounded by `DOCUMENTS_LOADED_MAX` and `OPERATIONS_LOADED_MAX`, plus what is in use at the moment.
 *
 * D7 Calls for one document take effect one after another, in the order they were made.
 *
 * Not here: durability, feeds, rights to a collection, persistence of rows.
 */
import type { Clock } from 'hlc-ts';
import { LRUCache } from 'lru-cache';
import { actorOf } from './actor.ts';
import { type ApplyResult, ApplyRun } from './apply-run.ts';
import { type Cell, type CellValue, checkedKey, type Mutator } from './cell.ts';
import { messageOf } from './change-check.ts';
import { CHANGE_LIMITS } from './chunk-guard.ts';
import { type DocName, docKind, type WriterId } from './doc-name.ts';
import { DocError } from './errors.ts';
import { Intake, type IntakeTarget, type OfferedChange, Panicked } from './intake.ts';
import { ShardDocument } from './shard-document.ts';
import { stage } from './staging.ts';
import { type CellEffect, effectIn } from './succession.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Documents kept loaded while nobody uses them. */
export const DOCUMENTS_LOADED_MAX = 64;
/** Automerge operations kept loaded while nobody uses them, summed over documents (about 100 bytes each). */
export const OPERATIONS_LOADED_MAX = 400_000;
/** Changes of one document made here and not yet reported durable. */
export const UNSETTLED_CHANGES_MAX = 256;
/** Changes applied before other work of the event loop gets its turn. */
export const APPLY_SLICE = 200;
/** Operations of own changes taken in before other work of the event loop gets its turn: a few milliseconds. */
export const LEVEL_SLICE = 256;

/** Where documents come from. Implemented by the node over its feeds and stored snapshots. */
export interface DocumentSource {
  /**
   * Called when a document is needed and not loaded. The snapshot was saved here or verified with `openSnapshot`; the
   * changes are at least all durable ones it does not hold (more is harmless), per writer in feed order.
   */
  load(doc: DocName): Promise<StoredDocument>;
}

export interface StoredDocument {
  readonly snapshot?: Uint8Array | undefined;
  /** Snapshots of other authorities, verified with `openSnapshot`, that no snapshot taken here holds yet. */
  readonly absorbed?: readonly Uint8Array[];
  readonly changes: readonly OfferedChange[];
}

/** One Automerge change made here: goes into a feed as `{ doc, change: bytes }`. */
export interface DocumentChange {
  readonly doc: DocName;
  readonly bytes: Uint8Array;
  /** The cells written, as they stand now. */
  readonly patches: readonly Cell[];
}

/** A value of a cell with who wrote it and when, as the author claimed. `winner`: what every reader sees. */
export interface ConflictingValue {
  readonly value: CellValue;
  readonly author: WriterId | undefined;
  readonly timeMs: number;
  readonly winner: boolean;
}

export interface DocumentCounters {
  loads: number;
  evictions: number;
  changes: number;
  applies: number;
  quarantined: number;
  panics: number;
}

interface Loaded {
  readonly name: DocName;
  document: ShardDocument | undefined;
  users: number;
  lastTurn: Promise<void>;
  unsettled: Uint8Array[];
  room: WaitingRoom;
  /** Must be rebuilt from the source before its next use. */
  stale: boolean;
}

export class Documents {
  readonly counters: DocumentCounters = {
    loads: 0,
    evictions: 0,
    changes: 0,
    applies: 0,
    quarantined: 0,
    panics: 0,
  };
  readonly #source: DocumentSource;
  readonly #clock: Pick<Clock, 'yield'>;
  /** An entry lives in one of the two: in use or holding unsettled changes, or idle and evictable. */
  readonly #busy = new Map<DocName, Loaded>();
  readonly #idle: LRUCache<DocName, Loaded>;
  readonly #intake = new Intake(this.counters);
  #lastWriter: WriterId | undefined;
  #closed = false;

  constructor(options: {
    source: DocumentSource;
    clock: Pick<Clock, 'yield'>;
    documentsMax?: number;
    operationsMax?: number;
  }) {
    this.#source = options.source;
    this.#clock = options.clock;
    this.#idle = new LRUCache<DocName, Loaded>({
      max: options.documentsMax ?? DOCUMENTS_LOADED_MAX,
      maxSize: options.operationsMax ?? OPERATIONS_LOADED_MAX,
      sizeCalculation: (loaded) => Math.max(1, loaded.document?.stats().operations ?? 1),
      dispose: (loaded, _name, reason) => {
        // 'delete' is the move to `#busy`; the rest is room made for others.
        if (reason !== 'delete') {
          this.counters.evictions += 1;
          loaded.document?.free();
          loaded.document = undefined;
        }
      },
    });
  }

  /**
   * Makes one change out of a group of mutators; undefined when they changed nothing. Its entry must be committed and then
   * `settle`d, or `abandon`ed, before the device ends. A mutator that throws leaves the document untouched.
   */
  change(
    doc: DocName,
    writer: WriterId,
    mutators: readonly Mutator[],
    options: { timeMs?: number } = {},
  ): Promise<DocumentChange | undefined> {
    this.#lastWriter = writer;
    return this.#use(doc, (loaded) => {
      if (loaded.unsettled.length >= UNSETTLED_CHANGES_MAX) {
        throw new DocError(
          'DOC_UNSETTLED',
          `${doc} has ${loaded.unsettled.length} changes not reported durable`,
        );
      }
      const document = loaded.document!;
      document.speakAs(actorOf(writer, doc));
      const staged = stage(doc, writer, document, mutators);
      const bytes = document.commit(staged, Math.floor((options.timeMs ?? 0) / 1000));
      if (bytes === undefined) {
        return undefined;
      }
      if (bytes.length > CHANGE_LIMITS.bytesMax) {
        loaded.stale = true;
        throw new DocError(
          'DOC_LIMIT',
          `a change of ${bytes.length} bytes, ${CHANGE_LIMITS.bytesMax} allowed`,
        );
      }
      loaded.unsettled.push(bytes);
      this.counters.changes += 1;
      const patches = Array.from(staged, ([key, value]) => ({ key, value, conflict: false }));
      return { doc, bytes, patches };
    });
  }

  /** The entries of these changes are durable. */
  settle(changes: Iterable<DocumentChange>): void {
    for (const { doc, bytes } of changes) {
      const loaded = this.#busy.get(doc);
      if (loaded !== undefined && loaded.unsettled.length > 0) {
        loaded.unsettled = loaded.unsettled.filter((unsettled) => unsettled !== bytes);
        this.#rest(loaded);
      }
    }
  }

  /** These changes will never be committed: forgets them and whatever was made on top of them. */
  abandon(changes: Iterable<DocumentChange>): void {
    for (const { doc, bytes } of changes) {
      const loaded = this.#busy.get(doc);
      const from = loaded?.unsettled.indexOf(bytes) ?? -1;
      if (loaded !== undefined && from >= 0) {
        loaded.unsettled.length = from;
        loaded.stale = true;
        this.#rest(loaded);
      }
    }
  }

  /**
   * Applies durable changes of any writers, in any order. Never throws for what they contain. A long list is applied in
   * slices: other calls for this document and other work of the event loop get their turn in between.
   */
  async apply(doc: DocName, offered: readonly OfferedChange[]): Promise<ApplyResult> {
    const run = new ApplyRun(offered.length);
    const loaded = this.#acquire(doc);
    try {
      for (let from = 0; from < offered.length; from += APPLY_SLICE) {
        if (from > 0) {
          await this.#clock.yield();
        }
        const slice = offered.slice(from, from + APPLY_SLICE);
        await this.#turn(loaded, () => this.#applySurely(loaded, slice, from, run));
      }
    } finally {
      this.#release(loaded);
    }
    this.counters.quarantined += run.quarantined.length;
    return run.result();
  }

  /**
   * Joins a snapshot verified with `openSnapshot` with what is loaded and returns every cell as it stands then. The source must
   * hand the snapshot out already. Changes that waited for predecessors are forgotten and to be offered again.
   */
  absorb(doc: DocName, snapshot: Uint8Array): Promise<Cell[]> {
    return this.#use(doc, (loaded) => {
      try {
        loaded.document!.absorb(snapshot);
      } catch (cause) {
        loaded.stale = true;
        throw new DocError('DOC_SNAPSHOT', `${doc}: ${messageOf(cause)}`, { cause });
      }
      loaded.room = new WaitingRoom();
      this.#intake.forget(doc);
      return loaded.document!.cells();
    });
  }

  /** Values of cells; undefined for a cell never written. */
  read(doc: DocName, keys: readonly string[]): Promise<(CellValue | undefined)[]> {
    return this.#use(doc, (loaded) => keys.map((key) => loaded.document!.get(checkedKey(key))));
  }

  /** Every cell: what rows are rebuilt from. */
  cells(doc: DocName): Promise<Cell[]> {
    return this.#use(doc, (loaded) => loaded.document!.cells());
  }

  /**
   * What changes of one writer did, in their order, to the cells they wrote: as they stood before the first of them, and as
   * they stand now. Undefined when the document does not hold them.
   */
  effectOf(doc: DocName, changes: readonly OfferedChange[]): Promise<CellEffect[] | undefined> {
    return this.#use(doc, (loaded) => effectIn(loaded.document!, doc, changes));
  }

  /** The values standing concurrently in a cell, the winner last; empty without a conflict. */
  conflict(doc: DocName, key: string, writers: Iterable<WriterId>): Promise<ConflictingValue[]> {
    return this.#use(doc, (loaded) => {
      const versions = loaded.document!.versions(checkedKey(key));
      const authors = new Map(Array.from(writers, (writer) => [actorOf(writer, doc) as string, writer]));
      return versions.map(({ value, actor, timeS }, index) => ({
        value,
        author: authors.get(actor),
        timeMs: timeS * 1000,
        winner: index === versions.length - 1,
      }));
    });
  }

  /** Changes held back because predecessors are missing, in order of arrival. */
  waiting(doc: DocName): Promise<{ writer: WriterId; ref: number | undefined; hash: string }[]> {
    return this.#use(doc, (loaded) =>
      loaded.room.list().map(({ writer, ref, change }) => ({ writer, ref, hash: change.hash })),
    );
  }

  /** Sorted hashes of the newest changes: equal heads mean equal documents. */
  heads(doc: DocName): Promise<string[]> {
    return this.#use(doc, (loaded) => loaded.document!.heads());
  }

  /**
   * A snapshot of what is applied; waiting and unsettled changes are not what its vector may cover. `DOC_UNSETTLED` while
   * a change made here is not durable: a snapshot must not outlive what the feeds hold.
   */
  save(doc: DocName): Promise<Uint8Array> {
    return this.#use(doc, (loaded) => {
      if (loaded.unsettled.length > 0) {
        throw new DocError('DOC_UNSETTLED', `${doc} holds changes that are not durable yet`, {
          retryable: true,
        });
      }
      return loaded.document!.save();
    });
  }

  /** Operations of own changes that are written out, and in what every call here says, but not taken in by Automerge. */
  lagOf(doc: DocName): number {
    return (this.#busy.get(doc) ?? this.#idle.peek(doc))?.document?.lag.operations ?? 0;
  }

  /** Takes in what a document lags behind, in slices. Called when idle, so that whoever needs the document finds it level. */
  async level(doc: DocName): Promise<void> {
    while (this.lagOf(doc) > 0) {
      await this.#use(doc, (loaded) => loaded.document!.takeIn(LEVEL_SLICE));
      await this.#clock.yield();
    }
  }

  isLoaded(doc: DocName): boolean {
    return this.#busy.has(doc) || this.#idle.has(doc);
  }

  get loadedCount(): number {
    return this.#busy.size + this.#idle.size;
  }

  /** Drops what is loaded so that the next use reads the source again, e.g. after a checkpoint was taken over. */
  reload(doc: DocName): void {
    const loaded = this.#busy.get(doc) ?? this.#idle.get(doc);
    if (loaded !== undefined) {
      loaded.stale = true;
    }
    this.#intake.forget(doc);
  }

  /** Frees everything idle; what is in use is freed when its user is done. */
  close(): void {
    this.#closed = true;
    this.#idle.clear();
  }

  async #use<T>(name: DocName, act: (loaded: Loaded) => T | Promise<T>): Promise<T> {
    const loaded = this.#acquire(name);
    try {
      return await this.#turn(loaded, () => act(loaded));
    } finally {
      this.#release(loaded);
    }
  }

  #acquire(name: DocName): Loaded {
    if (this.#closed) {
      throw new DocError('DOC_CLOSED', 'documents are closed');
    }
    let loaded = this.#busy.get(name);
    if (loaded === undefined) {
      loaded = this.#idle.get(name) ?? newlyLoaded(name);
      this.#idle.delete(name);
      this.#busy.set(name, loaded);
    }
    loaded.users += 1;
    return loaded;
  }

  /** One call after another on a document, each on a document that is loaded and whole. */
  #turn<T>(loaded: Loaded, act: () => T | Promise<T>): Promise<T> {
    const turn = loaded.lastTurn.then(async () => {
      if (loaded.stale) {
        await this.#rebuild(loaded);
      }
      return act();
    });
    // Whoever waits next must get its turn after a failure too; the failure itself goes to this caller.
    loaded.lastTurn = turn.then(nothing, nothing);
    return turn;
  }

  #release(loaded: Loaded): void {
    loaded.users -= 1;
    this.#rest(loaded);
  }

  #rest(loaded: Loaded): void {
    if (loaded.users > 0 || loaded.unsettled.length > 0 || this.#busy.get(loaded.name) !== loaded) {
      return;
    }
    this.#busy.delete(loaded.name);
    if (loaded.document === undefined || loaded.stale || this.#closed) {
      loaded.document?.free();
      loaded.document = undefined;
    } else {
      this.#idle.set(loaded.name, loaded);
    }
  }

  /** From the source, with what is unsettled on top. Each turn of the loop finds one more change that makes Automerge panic. */
  async #rebuild(loaded: Loaded): Promise<void> {
    const { snapshot, absorbed, changes } = await this.#source.load(loaded.name);
    const actor = this.#lastWriter === undefined ? undefined : actorOf(this.#lastWriter, loaded.name);
    this.counters.loads += 1;
    loaded.stale = true;
    while (loaded.stale) {
      try {
        loaded.document?.free();
        loaded.document = undefined;
        loaded.room = new WaitingRoom();
        loaded.document = ShardDocument.open(docKind(loaded.name), actor, snapshot);
        for (const each of absorbed ?? []) {
          loaded.document.absorb(each);
        }
        const run = new ApplyRun(changes.length);
        for (let from = 0; from < changes.length; from += APPLY_SLICE) {
          if (from > 0) {
            await this.#clock.yield();
          }
          this.#intake.apply(target(loaded), changes.slice(from, from + APPLY_SLICE), from, run);
        }
        loaded.document.apply(loaded.unsettled);
        loaded.stale = false;
      } catch (error) {
        if (!(error instanceof Panicked)) {
          throw new DocError('DOC_UNREADABLE', `${loaded.name}: ${messageOf(error)}`, {
            cause: error,
            hint: 'Run `branchline verify`; the document is rebuilt from its feeds or a checkpoint.',
          });
        }
      }
    }
  }

  /** After a panic the document may be half changed: it is rebuilt, and the slice offered again. */
  async #applySurely(
    loaded: Loaded,
    slice: readonly OfferedChange[],
    from: number,
    run: ApplyRun,
  ): Promise<void> {
    for (let panicked = false; ; panicked = true) {
      try {
        if (panicked) {
          await this.#rebuild(loaded);
        }
        this.#intake.apply(target(loaded), slice, from, run);
        run.touch(this.#intake.takeOwed(loaded.name));
        run.collect((key) => loaded.document!.cell(key));
        return;
      } catch (error) {
        if (!(error instanceof Panicked)) {
          throw error;
        }
      }
    }
  }
}

function newlyLoaded(name: DocName): Loaded {
  return {
    name,
    document: undefined,
    users: 0,
    lastTurn: Promise.resolve(),
    unsettled: [],
    room: new WaitingRoom(),
    stale: true,
  };
}

function nothing(): void {}

function target(loaded: Loaded): IntakeTarget {
  return { name: loaded.name, document: loaded.document!, room: loaded.room };
}
