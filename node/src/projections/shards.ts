/**
 * Documents over feeds: where the changes of every shard are kept, when they are applied, and how rows follow.
 *
 *     entry `change` ──own, live──> rows dm/ (the document has it already) ──> row sinks
 *                    └──others────> rows dp/, pending ──when idle, or before this device changes the document──>
 *                                   documents.apply ──> dm/ + row sinks · waiting: stays · refused: dq/ + alarm
 *
 * Guarantees
 *   S1  What `load` hands out (snapshot + dm/) is exactly what rows show, so a document never has to be loaded to boot.
 *   S2  Moving a change from pending to applied and the rows it alters are one LevelDB batch with the position.
 *   S3  A change of this device is made on top of everything pending for that document, and reaches rows only once it is durable.
 *   S4  After a start, rows show everything this device did, before anything is decided on them.
 *   S5  Pending changes are applied in slices between which the event loop is free; a shard waits its turn, a sale does not.
 *
 * Does not: verify entries (the store did) or decide who may write a collection (admission did).
 */
import {
  type Cell,
  DocError,
  type DocName,
  type DocumentChange,
  Documents,
  docCollection,
  LEVEL_SLICE,
  type Mutator,
  parseDocName,
  type StoredDocument,
} from '@branchline/docs';
import type { WriterId } from '@branchline/feed';
import { type Clock, type Stamp, stampMs } from 'hlc-ts';
import type { Draft } from '../commit/transaction.ts';
import { ChangeRows, type StoredChange } from './change-rows.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { ordinal } from './row-keys.ts';
import type { Rows } from './rows.ts';

/**
 * Bytes of changes of one document since its last snapshot before a new one is taken when nobody waits for a commit. Bytes and
 * not changes: applying costs by what a change holds, about 1.5 ms per kilobyte of stock movements.
 */
export const SNAPSHOT_AFTER_BYTES = 64 * 1024;
/** The same for a document that is never idle: bounds what the next start has to apply before the first sale. */
export const SNAPSHOT_BUSY_BYTES = 512 * 1024;
/** Bytes of pending changes kept in memory beside their rows; more are read back when their turn comes. */
export const PENDING_BYTES_MAX = 8 * 1024 * 1024;
/** Pending changes applied at a time, between which others get their turn. */
export const MATERIALISE_SLICE = 200;

/** Marks, among the places of applied changes, a snapshot that came in a checkpoint. */
const ABSORBED = 'dc!';

/** First part of a document's name. */
export type DocumentKind = 'catalog' | 'stock' | 'loyalty';

export function kindOf(doc: DocName): DocumentKind {
  return doc.slice(0, doc.indexOf('/')) as DocumentKind;
}

interface Arrived {
  readonly changes: number;
  readonly lastMs: number;
}

const NOTHING_ARRIVED: Arrived = { changes: 0, lastMs: 0 };

/** Turns cells that changed into rows. One per kind of document. */
export interface RowSink {
  /** Called before `patch` with the same cells: reads the rows they belong to. */
  prepare(doc: DocName, cells: readonly Cell[]): Promise<void>;
  /** Called in journal order per document; the same cells again change nothing. */
  patch(doc: DocName, cells: readonly Cell[], cause: PatchCause): void;
  /** Called instead of `patch` when the cells will not become durable. */
  forget(doc: DocName, cells: readonly Cell[]): void;
}

export interface PatchCause {
  readonly position: number;
  readonly local: boolean;
}

interface Pending {
  /** Undefined: too many to hold, or found on start; they are in the rows. */
  held: StoredChange[] | undefined;
  /** True when something came since the last try: what waits for predecessors is not tried again without reason. */
  fresh: boolean;
}

/** Changes since the last snapshot: where they stand in the journal, and their size. */
interface Applied {
  readonly sizes: Map<string, number>;
  bytes: number;
}

interface Made {
  readonly change: DocumentChange;
  readonly draft: Draft;
}

export interface ShardsOptions {
  readonly rows: Rows;
  readonly writer: WriterId;
  readonly clock: Clock;
  readonly sinks: Readonly<Record<DocumentKind, RowSink>>;
  /** Called with a change that can never be applied. */
  readonly onQuarantined: (doc: string, writer: WriterId, code: string, reason: string) => void;
  /** A snapshot could not be taken: rows or documents are broken. */
  readonly onFailure: (error: Error) => void;
}

export class Shards implements Projection {
  readonly kinds = ['change'];
  readonly documents: Documents;
  readonly #options: ShardsOptions;
  readonly #changes: ChangeRows;
  readonly #pending = new Map<DocName, Pending>();
  readonly #turns = new Map<DocName, Promise<unknown>>();
  readonly #made = new Map<DocName, Made[]>();
  /** Places of the changes applied since the last snapshot, of documents loaded in this run of the program. */
  readonly #applied = new Map<DocName, Applied>();
  readonly #saving = new Set<DocName>();
  readonly #levelling = new Set<DocName>();
  #ownChanges = 0;
  #pendingBytes = 0;
  readonly #arrived = new Map<DocumentKind, Arrived>();
  #wake: (() => void) | undefined;
  #news: (() => void) | undefined;
  #quarantined = 0;

  private constructor(options: ShardsOptions, changes: ChangeRows) {
    this.#options = options;
    this.#changes = changes;
    this.documents = new Documents({ source: this, clock: options.clock });
  }

  static async open(options: ShardsOptions): Promise<Shards> {
    const self = new Shards(options, await ChangeRows.open(options.rows));
    for (const doc of await self.#changes.pendingDocuments()) {
      self.#pending.set(doc, { held: undefined, fresh: true });
    }
    return self;
  }

  get counts(): { readonly pendingDocuments: number; readonly loaded: number; readonly quarantined: number } {
    return {
      pendingDocuments: this.#pending.size,
      loaded: this.documents.loadedCount,
      quarantined: this.#quarantined,
    };
  }

  // ------------------------------------------------------------------------------------------- this device's changes

  /** Called by the commit pipeline: one change out of the group's mutators, on top of everything known. */
  async change(doc: DocName, mutators: readonly Mutator[], stamp: Stamp): Promise<Draft | undefined> {
    if (this.#pending.has(doc)) {
      await this.materialise(doc);
    }
    const change = await this.documents.change(doc, this.#options.writer, mutators, {
      timeMs: stampMs(stamp),
    });
    if (change === undefined) {
      return undefined;
    }
    await this.#sinkOf(doc).prepare(doc, change.patches);
    const draft = {
      collection: docCollection(doc),
      kind: 'change',
      body: { doc, change: change.bytes },
      stamp,
    };
    this.#made.set(doc, [...(this.#made.get(doc) ?? []), { change, draft }]);
    return draft;
  }

  /** Documents held of a collection, and brings them level with what is stored here. */
  async level(collection: string): Promise<DocName[]> {
    const docs = [...this.#changes.names()].filter((doc) => docCollection(doc) === collection);
    for (const doc of docs) {
      if (this.#pending.has(doc)) {
        await this.materialise(doc);
      }
    }
    return docs;
  }

  /** Called when the commit of these drafts was refused and nothing of it is on disk. */
  abandon(drafts: readonly Draft[]): void {
    for (const [doc, made] of this.#made) {
      const dropped = made.filter(({ draft }) => drafts.includes(draft));
      this.documents.abandon(dropped.map(({ change }) => change));
      for (const { change } of dropped) {
        this.#sinkOf(doc).forget(doc, change.patches);
      }
      this.#keepMade(
        doc,
        made.filter(({ draft }) => !drafts.includes(draft)),
      );
    }
  }

  // --------------------------------------------------------------------------------------------------- as projection

  apply(entry: ProjectedEntry): void {
    const body = entry.body as { doc?: unknown; change?: unknown };
    if (typeof body?.doc !== 'string' || !(body.change instanceof Uint8Array)) {
      throw new TypeError('a change has a document and bytes');
    }
    const doc = parseDocName(body.doc);
    if (docCollection(doc) !== entry.collection) {
      throw new TypeError(`${doc} does not belong to ${entry.collection}`);
    }
    const at = `${ordinal(entry.position)}.${entry.index}`;
    const made = entry.local && !entry.replayed ? this.#take(doc, body.change) : undefined;
    if (made === undefined) {
      this.#keepPending(doc, { at, writer: entry.writer, bytes: body.change });
      return;
    }
    this.documents.settle([made.change]);
    this.#keepApplied(doc, { at, writer: entry.writer, bytes: body.change });
    this.#sinkOf(doc).patch(doc, made.change.patches, { position: entry.position, local: true });
    this.#ownChanges += 1;
    if (this.#appliedOf(doc).bytes >= SNAPSHOT_BUSY_BYTES && !this.#saving.has(doc)) {
      this.#saveBusy(doc);
    } else if (this.documents.lagOf(doc) > 0) {
      this.#wake?.();
    }
  }

  /** Between two groups is the only moment at which a busy document has no change under way; it must be level by then. */
  #saveBusy(doc: DocName): void {
    if (this.documents.lagOf(doc) <= LEVEL_SLICE) {
      void this.snapshot(doc).catch((error: Error) => this.#options.onFailure(error));
    } else if (!this.#levelling.has(doc)) {
      this.#levelling.add(doc);
      void this.documents
        .level(doc)
        .catch((error: Error) => this.#options.onFailure(error))
        .finally(() => this.#levelling.delete(doc));
    }
  }

  // ------------------------------------------------------------------------------------------------------- as source

  async load(doc: DocName): Promise<StoredDocument> {
    const changes = await this.#changes.read('dm', doc);
    for (const { at, bytes } of changes) {
      note(this.#appliedOf(doc), at, bytes.length);
    }
    const absorbed = await this.#changes.read('dc', doc);
    for (const { at } of absorbed) {
      note(this.#appliedOf(doc), ABSORBED + at, SNAPSHOT_AFTER_BYTES);
    }
    const snapshot = await this.#changes.readSnapshot(doc);
    return { snapshot, absorbed: absorbed.map(({ bytes }) => bytes), changes };
  }

  /**
   * Joins a verified snapshot that came in a checkpoint with a document, its rows included. `all` puts rows again also where the
   * document says nothing new: after a crash nobody knows which of them had been written.
   */
  absorb(doc: DocName, snapshot: StoredChange, scope: 'changed' | 'all'): Promise<void> {
    return this.#inTurn(doc, () => this.#absorb(doc, snapshot, scope));
  }

  /** Changes stored here that are not in the document: new ones, and those that wait for predecessors. */
  async notApplied(doc: DocName): Promise<readonly StoredChange[]> {
    const pending = this.#pending.get(doc);
    return pending === undefined ? [] : (pending.held ?? (await this.#changes.read('dp', doc)));
  }

  /** Sorted heads of a document after everything stored here was applied. */
  async heads(name: string): Promise<string[]> {
    const doc = parseDocName(name);
    if (this.#pending.has(doc)) {
      await this.materialise(doc);
    }
    return await this.documents.heads(doc);
  }

  // ------------------------------------------------------------------------------------------------------- when idle

  /**
   * Called once on a start: what this device did that reached the disk and not the rows. Rights and stock are read from rows, and a device
   * that does not know of its own last step would take it twice.
   */
  async materialiseOwn(): Promise<void> {
    for (const doc of [...this.#pending.keys()]) {
      const changes = await this.notApplied(doc);
      if (changes.some(({ writer }) => writer === this.#options.writer)) {
        await this.materialise(doc);
      }
    }
  }

  /** Applies everything pending now: on a start without rows, and in tests. */
  async materialiseAll(): Promise<void> {
    for (const [doc, pending] of this.#pending) {
      if (pending.fresh) {
        await this.materialise(doc);
        await this.#options.clock.yield();
      }
    }
  }

  /** Changes of others that came in this run of the program, by kind, and when the last of them did (monotonic). */
  arrived(kind: DocumentKind): Arrived {
    return this.#arrived.get(kind) ?? NOTHING_ARRIVED;
  }

  /** Called by upkeep: documents with changes that came since they were last tried. */
  *pendingDocuments(): Generator<DocName> {
    for (const [doc, pending] of this.#pending) {
      if (pending.fresh) {
        yield doc;
      }
    }
  }

  /** Called by upkeep: a document whose changes have grown enough for a snapshot. */
  nextToSnapshot(): DocName | undefined {
    for (const [doc, applied] of this.#applied) {
      if (applied.bytes >= SNAPSHOT_AFTER_BYTES && !this.#saving.has(doc) && this.documents.isLoaded(doc)) {
        return doc;
      }
    }
    return undefined;
  }

  /** Called by upkeep: a document that has not taken in changes of this device. */
  nextLagging(): DocName | undefined {
    for (const doc of this.#applied.keys()) {
      if (this.documents.lagOf(doc) > 0) {
        return doc;
      }
    }
    return undefined;
  }

  /** Changes of this device since the start: tells upkeep whether it is quiet. */
  get ownChanges(): number {
    return this.#ownChanges;
  }

  /** True while a change of this device is on its way to the disk. */
  isChanging(doc: DocName): boolean {
    return this.#made.has(doc);
  }

  /** Resolves when there may be something to do. */
  async untilWoken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  /** Resolves when a change of others has come that is not of stock: those are applied at once while they are few. */
  async untilNews(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#news = resolve;
    });
  }

  /** Ends both waits. */
  wake(): void {
    this.#wake?.();
    this.#news?.();
  }

  /** Applies what is pending. One document has one turn at a time, so a slice of pending changes and a change of ours never interleave. */
  materialise(doc: DocName): Promise<void> {
    return this.#inTurn(doc, () => this.#applyPending(doc));
  }

  #inTurn(doc: DocName, act: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(doc) ?? Promise.resolve()).then(act);
    const settled = turn.catch(() => undefined);
    this.#turns.set(doc, settled);
    void settled.then(() => {
      if (this.#turns.get(doc) === settled) {
        this.#turns.delete(doc);
      }
    });
    return turn;
  }

  async #applyPending(doc: DocName): Promise<void> {
    const pending = this.#pending.get(doc);
    if (pending === undefined || !pending.fresh) {
      return;
    }
    pending.fresh = false;
    // A copy: what comes while these are applied is appended to `held`.
    const offered = pending.held === undefined ? await this.#changes.read('dp', doc) : [...pending.held];
    let left: StoredChange[] = [];
    for (let from = 0; from < offered.length; from += MATERIALISE_SLICE) {
      left.push(...(await this.#applySlice(doc, offered.slice(from, from + MATERIALISE_SLICE))));
      await this.#options.clock.yield();
    }
    if (left.length > 0 && offered.length > MATERIALISE_SLICE) {
      // What waited in one slice may have been let in by a later one; asking again tells.
      left = await this.#applySlice(doc, left);
    }
    if (pending.held === undefined) {
      // Too many to hold: what is left stands in the rows, with whatever came meanwhile.
      this.#forgetIfDone(doc, pending, left.length);
      return;
    }
    const came = pending.held.slice(offered.length);
    this.#pendingBytes += bytesOf(left) - bytesOf(offered);
    pending.held = [...left, ...came];
    this.#forgetIfDone(doc, pending, pending.held.length);
  }

  #forgetIfDone(doc: DocName, pending: Pending, left: number): void {
    if (left === 0 && !pending.fresh) {
      this.#pending.delete(doc);
    }
  }

  /** Returns what has to wait for predecessors. */
  async #applySlice(doc: DocName, slice: readonly StoredChange[]): Promise<StoredChange[]> {
    const { rows, onQuarantined } = this.#options;
    const result = await this.documents.apply(doc, slice);
    await this.#sinkOf(doc).prepare(doc, result.patches);
    // From here on nothing waits: rows and the changes behind them go into the same batch.
    const left: StoredChange[] = [];
    for (const [index, change] of slice.entries()) {
      const outcome = result.outcomes[index]!;
      if (outcome === 'waiting') {
        left.push(change);
        continue;
      }
      this.#changes.remove('dp', doc, change.at);
      if (outcome === 'quarantined') {
        this.#changes.put('dq', doc, change);
      } else {
        this.#keepApplied(doc, change);
      }
    }
    for (const { writer, code, reason } of result.quarantined) {
      this.#quarantined += 1;
      onQuarantined(doc, writer as WriterId, code, reason);
    }
    this.#sinkOf(doc).patch(doc, result.patches, { position: rows.position, local: false });
    return left;
  }

  async #absorb(doc: DocName, snapshot: StoredChange, scope: 'changed' | 'all'): Promise<void> {
    const before = new Map((await this.documents.cells(doc)).map((cell) => [cell.key, cell]));
    // Handed out by `load` from now on, so that nothing is lost if the document is evicted before its rows are ready.
    this.#changes.put('dc', doc, snapshot);
    const cells = (await this.documents.absorb(doc, snapshot.bytes)).filter(
      (cell) => scope === 'all' || !isSameCell(before.get(cell.key), cell),
    );
    await this.#sinkOf(doc).prepare(doc, cells);
    note(this.#appliedOf(doc), ABSORBED + snapshot.at, SNAPSHOT_AFTER_BYTES);
    this.#sinkOf(doc).patch(doc, cells, { position: this.#options.rows.position, local: false });
    const pending = this.#pending.get(doc);
    if (pending !== undefined) {
      pending.fresh = true;
    }
    this.wake();
  }

  /** Takes a snapshot of what is applied and drops the changes it holds; does nothing while a change is under way. */
  async snapshot(doc: DocName): Promise<void> {
    this.#saving.add(doc);
    try {
      // Asked for first: what is applied while the snapshot is made may be in it or not.
      const applied = this.#appliedOf(doc);
      const covered = [...applied.sizes];
      const snapshot = await this.documents.save(doc);
      this.#changes.putSnapshot(doc, snapshot);
      for (const [at, bytes] of covered) {
        const isAbsorbed = at.startsWith(ABSORBED);
        this.#changes.remove(isAbsorbed ? 'dc' : 'dm', doc, isAbsorbed ? at.slice(ABSORBED.length) : at);
        applied.sizes.delete(at);
        applied.bytes -= bytes;
      }
    } catch (error) {
      if (!(error instanceof DocError && error.code === 'DOC_UNSETTLED')) {
        throw error;
      }
    } finally {
      this.#saving.delete(doc);
    }
  }

  #appliedOf(doc: DocName): Applied {
    let applied = this.#applied.get(doc);
    if (applied === undefined) {
      applied = { sizes: new Map(), bytes: 0 };
      this.#applied.set(doc, applied);
    }
    return applied;
  }

  #keepPending(doc: DocName, change: StoredChange): void {
    this.#changes.put('dp', doc, change);
    const kind = kindOf(doc);
    this.#arrived.set(kind, {
      changes: this.arrived(kind).changes + 1,
      lastMs: this.#options.clock.monotonicMs(),
    });
    const pending = this.#pending.get(doc) ?? { held: [], fresh: true };
    pending.fresh = true;
    if (pending.held !== undefined && this.#pendingBytes + change.bytes.length <= PENDING_BYTES_MAX) {
      pending.held.push(change);
      this.#pendingBytes += change.bytes.length;
    } else if (pending.held !== undefined) {
      this.#pendingBytes -= bytesOf(pending.held);
      pending.held = undefined;
    }
    this.#pending.set(doc, pending);
    if (kind === 'stock') {
      this.#wake?.();
    } else {
      this.wake();
    }
  }

  #keepApplied(doc: DocName, change: StoredChange): void {
    this.#changes.put('dm', doc, change);
    const applied = this.#appliedOf(doc);
    note(applied, change.at, change.bytes.length);
    if (applied.bytes >= SNAPSHOT_AFTER_BYTES) {
      this.#wake?.();
    }
  }

  #take(doc: DocName, bytes: Uint8Array): Made | undefined {
    const made = this.#made.get(doc) ?? [];
    const found = made.find(({ change }) => sameBytes(change.bytes, bytes));
    if (found !== undefined) {
      this.#keepMade(
        doc,
        made.filter((each) => each !== found),
      );
    }
    return found;
  }

  #keepMade(doc: DocName, made: Made[]): void {
    if (made.length === 0) {
      this.#made.delete(doc);
    } else {
      this.#made.set(doc, made);
    }
  }

  #sinkOf(doc: DocName): RowSink {
    return this.#options.sinks[kindOf(doc)];
  }
}

function note(applied: Applied, at: string, bytes: number): void {
  if (!applied.sizes.has(at)) {
    applied.sizes.set(at, bytes);
    applied.bytes += bytes;
  }
}

function isSameCell(a: Cell | undefined, b: Cell): boolean {
  return a !== undefined && a.value === b.value && a.conflict === b.conflict;
}

function bytesOf(changes: readonly StoredChange[]): number {
  return changes.reduce((sum, change) => sum + change.bytes.length, 0);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
