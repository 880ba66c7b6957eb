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
 *   S4  Pending changes are applied in slices between which the event loop is free; a shard waits its turn, a sale does not.
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
  type Mutator,
  parseDocName,
  type StoredDocument,
} from '@branchline/docs';
import type { WriterId } from '@branchline/feed';
import { type Clock, type Stamp, stampMs } from 'hlc-ts';
import type { Draft } from '../commit/transaction.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, ordinal, rowKeys } from './row-keys.ts';
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
/** How long a busy node may keep pending changes waiting. */
export const MATERIALISE_WITHIN_MS = 250;
/** Between two looks at whether the node is idle. */
const IDLE_CHECK_MS = 5;

const WRITER_BYTES = 16;

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

interface PendingChange {
  readonly at: string;
  readonly writer: WriterId;
  readonly bytes: Uint8Array;
}

interface Pending {
  /** Undefined: too many to hold, or found on start; they are in the rows. */
  held: PendingChange[] | undefined;
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
  readonly sinks: Readonly<Record<'catalog' | 'stock' | 'loyalty', RowSink>>;
  /** Called with a change that can never be applied. */
  readonly onQuarantined: (doc: string, writer: WriterId, code: string, reason: string) => void;
  /** A snapshot could not be taken: rows or documents are broken. */
  readonly onFailure: (error: Error) => void;
  /** True while tills wait for a commit. */
  readonly busy: () => boolean;
}

export class Shards implements Projection {
  readonly kinds = ['change'];
  readonly documents: Documents;
  readonly #options: ShardsOptions;
  readonly #pending = new Map<DocName, Pending>();
  readonly #turns = new Map<DocName, Promise<unknown>>();
  readonly #made = new Map<DocName, Made[]>();
  /** Places of the changes applied since the last snapshot, of documents loaded in this run of the program. */
  readonly #applied = new Map<DocName, Applied>();
  readonly #saving = new Set<DocName>();
  /** Every document that has a change here. */
  readonly #known = new Set<DocName>();
  #pendingBytes = 0;
  #wake: (() => void) | undefined;
  #quarantined = 0;

  private constructor(options: ShardsOptions) {
    this.#options = options;
    this.documents = new Documents({ source: this, clock: options.clock });
  }

  static async open(options: ShardsOptions): Promise<Shards> {
    const self = new Shards(options);
    for await (const [key] of options.rows.texts({ after: 'dn/', below: after('dn/') })) {
      self.#known.add(key.slice('dn/'.length) as DocName);
    }
    for await (const doc of self.#pendingOnDisk()) {
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
      await this.#materialise(doc);
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
    const docs = [...this.#known].filter((doc) => docCollection(doc) === collection);
    for (const doc of docs) {
      if (this.#pending.has(doc)) {
        await this.#materialise(doc);
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
    if (this.#appliedOf(doc).bytes >= SNAPSHOT_BUSY_BYTES && !this.#saving.has(doc)) {
      // Between two groups is the only moment at which a busy document has no change under way.
      void this.#snapshot(doc).catch((error: Error) => this.#options.onFailure(error));
    }
  }

  // ------------------------------------------------------------------------------------------------------- as source

  async load(doc: DocName): Promise<StoredDocument> {
    const { rows } = this.#options;
    const changes: { writer: WriterId; bytes: Uint8Array }[] = [];
    const prefix = rowKeys.changes('dm', doc);
    for await (const [key, value] of rows.bytes({ after: prefix, below: after(prefix) })) {
      const change = unpack(value);
      changes.push(change);
      note(this.#appliedOf(doc), key.slice(prefix.length), change.bytes.length);
    }
    return { snapshot: await rows.getBytes(rowKeys.snapshot(doc)), changes };
  }

  /** Sorted heads of a document after everything stored here was applied. */
  async heads(name: string): Promise<string[]> {
    const doc = parseDocName(name);
    if (this.#pending.has(doc)) {
      await this.#materialise(doc);
    }
    return await this.documents.heads(doc);
  }

  // ------------------------------------------------------------------------------------------------------- when idle

  /** Applies everything pending now: on a start without rows, and in tests. */
  async materialiseAll(): Promise<void> {
    for (const [doc, pending] of this.#pending) {
      if (pending.fresh) {
        await this.#materialise(doc);
        await this.#options.clock.yield();
      }
    }
  }

  /** Applies what is pending and takes snapshots, when nobody waits for a commit. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, rows } = this.#options;
    const stop = () => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      const pending = this.#nextPending();
      const due = pending ?? this.#nextToSnapshot();
      if (due === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
        continue;
      }
      await this.#untilIdle(signal);
      if (pending !== undefined) {
        await this.#materialise(pending);
      } else if (this.#options.busy() || this.#made.has(due)) {
        // A snapshot can wait: a document that is never idle has its own limit.
        await clock.sleep(MATERIALISE_WITHIN_MS, { signal }).catch(() => undefined);
      } else {
        await this.#snapshot(due);
      }
      rows.startFlush();
      await rows.settled();
      await clock.yield();
    }
    signal.removeEventListener('abort', stop);
  }

  /** A busy node is left alone for a while, but not for ever: prices of head office must arrive on a busy day too. */
  async #untilIdle(signal: AbortSignal): Promise<void> {
    const { clock, busy } = this.#options;
    const startedMs = clock.monotonicMs();
    while (busy() && !signal.aborted && clock.monotonicMs() - startedMs < MATERIALISE_WITHIN_MS) {
      await clock.sleep(IDLE_CHECK_MS, { signal }).catch(() => undefined);
    }
  }

  /** One document has one turn at a time, so a slice of pending changes and a change of ours never interleave. */
  #materialise(doc: DocName): Promise<void> {
    const turn = (this.#turns.get(doc) ?? Promise.resolve()).then(() => this.#applyPending(doc));
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
    const held = pending.held !== undefined;
    // A copy: what comes while these are applied is appended to `held`.
    const offered = pending.held === undefined ? await this.#readPending(doc) : [...pending.held];
    const left: PendingChange[] = [];
    for (let from = 0; from < offered.length; from += MATERIALISE_SLICE) {
      // What waited in an earlier slice goes along again: its predecessor may be in this one.
      const slice = [...left.splice(0), ...offered.slice(from, from + MATERIALISE_SLICE)];
      left.push(...(await this.#applySlice(doc, slice)));
      if (from + MATERIALISE_SLICE < offered.length) {
        await this.#options.clock.yield();
      }
    }
    // What came while we applied was appended behind what was offered.
    const came = pending.held?.slice(offered.length) ?? [];
    this.#pendingBytes -= held ? bytesOf(offered) : 0;
    this.#pendingBytes += bytesOf(left);
    pending.held = pending.held === undefined && pending.fresh ? undefined : [...left, ...came];
    if (pending.held?.length === 0 && !pending.fresh) {
      this.#pending.delete(doc);
    }
  }

  /** Returns what has to wait for predecessors. */
  async #applySlice(doc: DocName, slice: readonly PendingChange[]): Promise<PendingChange[]> {
    const { rows, onQuarantined } = this.#options;
    const result = await this.documents.apply(doc, slice);
    await this.#sinkOf(doc).prepare(doc, result.patches);
    // From here on nothing waits: rows and the changes behind them go into the same batch.
    const left: PendingChange[] = [];
    for (const [index, change] of slice.entries()) {
      const outcome = result.outcomes[index]!;
      if (outcome === 'waiting') {
        left.push(change);
        continue;
      }
      rows.remove(rowKeys.change('dp', doc, change.at));
      if (outcome === 'quarantined') {
        rows.putBytes(rowKeys.change('dq', doc, change.at), pack(change));
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

  /** Takes a snapshot of what is applied and drops the changes it holds; does nothing while a change is under way. */
  async #snapshot(doc: DocName): Promise<void> {
    const { rows } = this.#options;
    this.#saving.add(doc);
    try {
      // Asked for first: what is applied while the snapshot is made may be in it or not.
      const applied = this.#appliedOf(doc);
      const covered = [...applied.sizes];
      const snapshot = await this.documents.save(doc);
      rows.putBytes(rowKeys.snapshot(doc), snapshot);
      for (const [at, bytes] of covered) {
        rows.remove(rowKeys.change('dm', doc, at));
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

  #nextPending(): DocName | undefined {
    for (const [doc, pending] of this.#pending) {
      if (pending.fresh) {
        return doc;
      }
    }
    return undefined;
  }

  #nextToSnapshot(): DocName | undefined {
    for (const [doc, applied] of this.#applied) {
      if (applied.bytes >= SNAPSHOT_AFTER_BYTES && !this.#saving.has(doc) && this.documents.isLoaded(doc)) {
        return doc;
      }
    }
    return undefined;
  }

  #appliedOf(doc: DocName): Applied {
    let applied = this.#applied.get(doc);
    if (applied === undefined) {
      applied = { sizes: new Map(), bytes: 0 };
      this.#applied.set(doc, applied);
    }
    return applied;
  }

  #keepName(doc: DocName): void {
    if (!this.#known.has(doc)) {
      this.#known.add(doc);
      this.#options.rows.putText(rowKeys.document(doc), '');
    }
  }

  #keepPending(doc: DocName, change: PendingChange): void {
    this.#keepName(doc);
    this.#options.rows.putBytes(rowKeys.change('dp', doc, change.at), pack(change));
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
    this.#wake?.();
  }

  #keepApplied(doc: DocName, change: PendingChange): void {
    this.#keepName(doc);
    this.#options.rows.putBytes(rowKeys.change('dm', doc, change.at), pack(change));
    const applied = this.#appliedOf(doc);
    note(applied, change.at, change.bytes.length);
    if (applied.bytes >= SNAPSHOT_AFTER_BYTES) {
      this.#wake?.();
    }
  }

  async #readPending(doc: DocName): Promise<PendingChange[]> {
    const prefix = rowKeys.changes('dp', doc);
    const found: PendingChange[] = [];
    for await (const [key, value] of this.#options.rows.bytes({ after: prefix, below: after(prefix) })) {
      found.push({ at: key.slice(prefix.length), ...unpack(value) });
    }
    return found;
  }

  /** Names of documents with pending changes, by skipping from one to the next. */
  async *#pendingOnDisk(): AsyncGenerator<DocName> {
    let from = 'dp/';
    for (;;) {
      let found: string | undefined;
      for await (const [key] of this.#options.rows.texts({ after: from, below: after('dp/'), limit: 1 })) {
        found = key.slice('dp/'.length, key.indexOf('!'));
      }
      if (found === undefined) {
        return;
      }
      yield found as DocName;
      from = after(rowKeys.changes('dp', found));
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
    return this.#options.sinks[doc.slice(0, doc.indexOf('/')) as 'catalog' | 'stock' | 'loyalty'];
  }
}

function note(applied: Applied, at: string, bytes: number): void {
  if (!applied.sizes.has(at)) {
    applied.sizes.set(at, bytes);
    applied.bytes += bytes;
  }
}

function pack({ writer, bytes }: { writer: WriterId; bytes: Uint8Array }): Uint8Array {
  const packed = new Uint8Array(WRITER_BYTES + bytes.length);
  packed.set(Buffer.from(writer, 'latin1'));
  packed.set(bytes, WRITER_BYTES);
  return packed;
}

function unpack(packed: Uint8Array): { writer: WriterId; bytes: Uint8Array } {
  const writer = Buffer.from(packed.subarray(0, WRITER_BYTES)).toString('latin1') as WriterId;
  return { writer, bytes: packed.subarray(WRITER_BYTES) };
}

function bytesOf(changes: readonly PendingChange[]): number {
  return changes.reduce((sum, change) => sum + change.bytes.length, 0);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
