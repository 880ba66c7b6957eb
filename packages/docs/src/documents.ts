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
import {
  type Cell,
  type CellValue,
  type CellWriter,
  checkedKey,
  checkedValue,
  type Mutator,
} from './cell.ts';
import {
  type CheckedChange,
  cellOwner,
  checkChange,
  isPanic,
  messageOf,
  type QuarantineCode,
  type Refusal,
} from './change-check.ts';
import { CHANGE_LIMITS } from './chunk-guard.ts';
import { type DocName, docKind, type WriterId } from './doc-name.ts';
import { DocError } from './errors.ts';
import { ShardDocument } from './shard-document.ts';
import { type WaitingChange, WaitingRoom } from './waiting-room.ts';

/** Documents kept loaded while nobody uses them. */
export const DOCUMENTS_LOADED_MAX = 96;
/** Automerge operations kept loaded while nobody uses them, summed over documents (about 100 bytes each). */
export const OPERATIONS_LOADED_MAX = 1_000_000;
/** Changes of one document made here and not yet reported durable. */
export const UNSETTLED_CHANGES_MAX = 256;
/** Changes applied before other work of the event loop gets its turn. */
export const APPLY_SLICE = 200;
/** Refused changes remembered per document, so that a reload does not try them again. */
export const REFUSED_CHANGES_MAX = 1024;
/** Panics after which nothing of a writer is tried in a document any more. */
export const PANICS_PER_WRITER_MAX = 3;

/** A change as it stands in a feed. */
export interface OfferedChange {
  readonly writer: WriterId;
  readonly bytes: Uint8Array;
  /** The offerer's name for it (number of the feed entry), handed back with what waits. */
  readonly ref?: number;
}

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
  readonly changes: readonly OfferedChange[];
}

/** One Automerge change made here: goes into a feed as `{ doc, change: bytes }`. */
export interface DocumentChange {
  readonly doc: DocName;
  readonly bytes: Uint8Array;
  /** The cells written, as they stand now. */
  readonly patches: readonly Cell[];
}

export interface Quarantined extends Refusal {
  /** Place in the list offered. */
  readonly index: number;
  readonly writer: WriterId;
}

export type ChangeOutcome = 'applied' | 'known' | 'waiting' | 'quarantined';

export interface ApplyResult {
  /** What became of each offered change, in the order offered. */
  readonly outcomes: readonly ChangeOutcome[];
  /** Offered changes that are in the document now (`applied` and `known`). */
  readonly applied: number;
  readonly waiting: number;
  readonly quarantined: readonly Quarantined[];
  /** Cells that look different now, including those of earlier changes that had waited. */
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
  /** Apply changes one by one: a change among them makes Automerge panic. */
  careful: boolean;
}

interface Candidate {
  readonly index: number | undefined;
  readonly waiting: WaitingChange;
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
  readonly #refused = new Map<DocName, Map<string, Refusal>>();
  readonly #panics = new Map<string, number>();
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

  /** Values of cells; undefined for a cell never written. */
  read(doc: DocName, keys: readonly string[]): Promise<(CellValue | undefined)[]> {
    return this.#use(doc, (loaded) => keys.map((key) => loaded.document!.get(checkedKey(key))));
  }

  /** Every cell: what rows are rebuilt from. */
  cells(doc: DocName): Promise<Cell[]> {
    return this.#use(doc, (loaded) => loaded.document!.cells());
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
    this.#refused.delete(doc);
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
    const { snapshot, changes } = await this.#source.load(loaded.name);
    const actor = this.#lastWriter === undefined ? undefined : actorOf(this.#lastWriter, loaded.name);
    this.counters.loads += 1;
    loaded.stale = true;
    while (loaded.stale) {
      try {
        loaded.document?.free();
        loaded.document = undefined;
        loaded.room = new WaitingRoom();
        loaded.document = ShardDocument.open(docKind(loaded.name), actor, snapshot);
        const run = new ApplyRun(changes.length);
        for (let from = 0; from < changes.length; from += APPLY_SLICE) {
          if (from > 0) {
            await this.#clock.yield();
          }
          this.#applySlice(loaded, changes.slice(from, from + APPLY_SLICE), from, run);
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

  /** After a panic the document may be half changed: it is rebuilt, and every cell counts as patched. */
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
        this.#applySlice(loaded, slice, from, run);
        if (panicked) {
          run.applied([], loaded.document!.cells());
        }
        return;
      } catch (error) {
        if (!(error instanceof Panicked)) {
          throw error;
        }
      }
    }
  }

  #applySlice(loaded: Loaded, offered: readonly OfferedChange[], from: number, run: ApplyRun): void {
    const document = loaded.document!;
    const accepted: Candidate[] = [];
    const acceptedHashes = new Set<string>();
    const isHere = (hash: string) => acceptedHashes.has(hash) || document.knows(hash);
    const admit = (candidates: Candidate[]) => {
      // A stack and not recursion: one arrival may set free a chain of thousands.
      for (let candidate = candidates.pop(); candidate !== undefined; candidate = candidates.pop()) {
        const { change } = candidate.waiting;
        const missing = change.deps.find((dep) => !isHere(dep));
        if (missing !== undefined) {
          loaded.room.add(candidate.waiting, missing);
          run.wait(candidate);
          continue;
        }
        accepted.push(candidate);
        acceptedHashes.add(change.hash);
        for (const waiting of loaded.room.release(change.hash)) {
          candidates.push({ index: run.indexOf(waiting.change.hash), waiting });
        }
      }
    };
    for (const [at, offer] of offered.entries()) {
      const index = from + at;
      const verdict = this.#check(loaded.name, offer);
      if ('code' in verdict) {
        run.quarantine(index, offer.writer, verdict);
        continue;
      }
      const waiting = { writer: offer.writer, change: verdict, ref: offer.ref };
      if (isHere(verdict.hash)) {
        run.known(index);
      } else if (loaded.room.has(verdict.hash)) {
        run.wait({ index, waiting });
      } else {
        admit([{ index, waiting }]);
      }
    }
    this.#applyAccepted(loaded, accepted, run);
    while (loaded.room.isOverfull) {
      const { change, writer } = loaded.room.evictNewest()!;
      const reason = `more than ${loaded.room.size} changes wait for predecessors`;
      run.quarantine(run.indexOf(change.hash), writer, { code: 'CHANGE_WAITING_LIMIT', reason });
    }
  }

  #check(doc: DocName, offer: OfferedChange): CheckedChange | Refusal {
    if ((this.#panics.get(strikeKey(doc, offer.writer)) ?? 0) >= PANICS_PER_WRITER_MAX) {
      return {
        code: 'CHANGE_PANIC',
        reason: `${offer.writer} made Automerge panic too often in this document`,
      };
    }
    const verdict = checkChange(doc, offer.writer, offer.bytes);
    if (!verdict.ok) {
      return { code: verdict.code, reason: verdict.reason };
    }
    return this.#refused.get(doc)?.get(verdict.change.hash) ?? verdict.change;
  }

  #applyAccepted(loaded: Loaded, accepted: readonly Candidate[], run: ApplyRun): void {
    if (accepted.length === 0) {
      return;
    }
    const document = loaded.document!;
    if (!loaded.careful) {
      try {
        run.applied(accepted, document.apply(accepted.map(({ waiting }) => waiting.change.bytes)));
        this.counters.applies += accepted.length;
        return;
      } catch (error) {
        if (isPanic(error)) {
          loaded.careful = true;
          throw new Panicked();
        }
        // Automerge refused the group as a whole; find out which of them it does not take.
      }
    }
    for (const candidate of accepted) {
      this.#applyOne(loaded, candidate, run);
    }
  }

  #applyOne(loaded: Loaded, candidate: Candidate, run: ApplyRun): void {
    const { waiting } = candidate;
    const document = loaded.document!;
    const missing = waiting.change.deps.find((dep) => !document.knows(dep));
    if (missing !== undefined) {
      loaded.room.add(waiting, missing);
      run.wait(candidate);
      return;
    }
    try {
      run.applied([candidate], document.apply([waiting.change.bytes]));
      this.counters.applies += 1;
    } catch (error) {
      const code = refusalCode(error);
      const refusal = { code, reason: messageOf(error) };
      this.#rememberRefused(loaded.name, waiting.change.hash, refusal);
      if (code === 'CHANGE_PANIC') {
        this.counters.panics += 1;
        const key = strikeKey(loaded.name, waiting.writer);
        this.#panics.set(key, (this.#panics.get(key) ?? 0) + 1);
        throw new Panicked();
      }
      run.quarantine(candidate.index, waiting.writer, refusal);
    }
  }

  #rememberRefused(doc: DocName, hash: string, refusal: Refusal): void {
    const refused = this.#refused.get(doc) ?? new Map<string, Refusal>();
    if (refused.size < REFUSED_CHANGES_MAX) {
      refused.set(hash, refusal);
    }
    this.#refused.set(doc, refused);
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
    careful: false,
  };
}

function nothing(): void {}

/** The loaded document may be half changed: rebuild it. Never leaves this file. */
class Panicked extends Error {}

/** Book-keeping of one `apply`: what became of each offered change. */
class ApplyRun {
  readonly quarantined: Quarantined[] = [];
  readonly #outcomes: ChangeOutcome[];
  readonly #waitingIndex = new Map<string, number>();
  readonly #patches = new Map<string, Cell>();

  constructor(count: number) {
    this.#outcomes = new Array<ChangeOutcome>(count).fill('waiting');
  }

  known(index: number): void {
    this.#outcomes[index] = 'known';
  }

  wait({ index, waiting }: Candidate): void {
    if (index !== undefined) {
      this.#outcomes[index] = 'waiting';
      this.#waitingIndex.set(waiting.change.hash, index);
    }
  }

  /** Place in this run's list of a change that had to wait, undefined when it was offered in an earlier run. */
  indexOf(hash: string): number | undefined {
    return this.#waitingIndex.get(hash);
  }

  applied(candidates: readonly Candidate[], patches: readonly Cell[]): void {
    for (const { index } of candidates) {
      if (index !== undefined) {
        this.#outcomes[index] = 'applied';
      }
    }
    for (const patch of patches) {
      this.#patches.set(patch.key, patch);
    }
  }

  quarantine(index: number | undefined, writer: WriterId, refusal: Refusal): void {
    if (index !== undefined) {
      this.#outcomes[index] = 'quarantined';
      this.quarantined.push({ index, writer, code: refusal.code, reason: refusal.reason });
    }
  }

  result(): ApplyResult {
    const count = (outcome: ChangeOutcome) => this.#outcomes.filter((o) => o === outcome).length;
    return {
      outcomes: this.#outcomes,
      applied: count('applied') + count('known'),
      waiting: count('waiting'),
      quarantined: this.quarantined,
      patches: [...this.#patches.values()],
    };
  }
}

/** Runs the mutators over an overlay; the document is touched only when all of them went through. */
function stage(
  doc: DocName,
  writer: WriterId,
  document: ShardDocument,
  mutators: readonly Mutator[],
): Map<string, CellValue> {
  const staged = new Map<string, CellValue>();
  const cells: CellWriter = {
    writer,
    get: (key) => (staged.has(key) ? staged.get(key) : document.get(key)),
    set: (key, value) => {
      const owner = cellOwner(doc, checkedKey(key));
      if (owner !== undefined && owner !== writer) {
        throw new DocError('DOC_CELL', `${key} belongs to ${owner}; ${writer} may not write it`);
      }
      staged.set(key, checkedValue(key, value));
      if (staged.size > CHANGE_LIMITS.rowsMax) {
        throw new DocError('DOC_LIMIT', `one change may write ${CHANGE_LIMITS.rowsMax} cells`);
      }
    },
  };
  for (const mutate of mutators) {
    mutate(cells);
  }
  return staged;
}

function refusalCode(error: unknown): QuarantineCode {
  if (isPanic(error)) {
    return 'CHANGE_PANIC';
  }
  return messageOf(error).includes('duplicate seq') ? 'CHANGE_SEQ' : 'CHANGE_REFUSED';
}

function strikeKey(doc: DocName, writer: WriterId): string {
  return `${doc} ${writer}`;
}
