/**
 * The feed store of a machine: a journal of segment files as the only truth, a LevelDB index to find things in it.
 *
 *     append ──> intake (order, chain, signature) ──> journal (one fdatasync a group) ──> heads ──> index ──> watchers ──> ack
 *
 * Guarantees: what `append` acknowledged is read back after any crash or power cut, or opening fails with `STORE_CORRUPT`;
 * of a commit there is all or nothing; readers and watchers see only what is durable. After the first error of any kind
 * the store is poisoned: waiting commits reject with `STORE_POISONED`, their outcome is unknown until the store is opened
 * again, and nothing more is acknowledged.
 *
 * Does not: decide who may write what, open databases, or repair.
 */
import type { AbstractLevel } from 'abstract-level';
import type { Clock } from 'hlc-ts';
import { compactSegment, DEAD_SHARE_MIN, segmentsWith } from './compaction.ts';
import type { Disk } from './disk.ts';
import { closedError, FeedError, poisonedError, prunedError } from './errors.ts';
import { FeedIndex, PENDING_ROWS_MAX } from './feed-index.ts';
import type { KeyResolver } from './identity.ts';
import type { RunRow } from './index-rows.ts';
import { type AdmittedRun, type FeedTip, Intake } from './intake.ts';
import { type DurableRecord, Journal } from './journal.ts';
import { encodeBase, encodeClose, encodeCommit, runBytes } from './record.ts';
import { type Recovered, recover } from './recovery.ts';
import { replayRecords } from './replay.ts';
import { bytesOfRuns, RunReader, readExactly, readSigned } from './run-reader.ts';
import { findSegments, type Segments } from './segments.ts';
import { outOfSpace, Space } from './space.ts';
import type { Appended, AppendOptions, Commit, FeedName, FeedState, FeedStore, Head, Run } from './types.ts';
import { Watchers } from './watchers.ts';

export interface JournalStoreOptions<Format, Key, Value> {
  readonly disk: Disk;
  /** Directory of the journal alone. */
  readonly dir: string;
  /** A sublevel for the index, open or opening; the store neither opens nor closes it. */
  readonly level: AbstractLevel<Format, Key, Value>;
  readonly tenant: string;
  readonly keys: KeyResolver;
  readonly clock: Pick<Clock, 'yield' | 'setTimer'>;
  readonly segmentBytesMax?: number;
  readonly ballastBytes?: number;
}

/** What opening found, for the program to log and count. */
export interface Opening {
  /** Bytes of never acknowledged records that a power cut had left. */
  readonly tornBytes: number;
  /** True when the index was made again from the journal. */
  readonly rebuilt: boolean;
}

type Content =
  | { readonly type: 'commit'; readonly admitted: readonly AdmittedRun[]; readonly local: boolean }
  | { readonly type: 'base'; readonly tip: FeedTip };

/** What a record in the journal's queue is about, and who waits for it. */
interface Note {
  readonly content: Content;
  readonly resolve: (done: { position: number }) => void;
  readonly reject: (error: Error) => void;
}

type Settings = Pick<
  JournalStoreOptions<unknown, unknown, unknown>,
  'disk' | 'dir' | 'tenant' | 'keys' | 'segmentBytesMax'
>;

interface Parts {
  readonly unlock: () => Promise<void>;
  readonly space: Space;
  readonly segments: Segments;
  readonly index: FeedIndex;
  readonly found: Recovered;
}

export class JournalStore implements FeedStore {
  readonly opening: Opening;
  readonly failed: Promise<Error>;
  readonly #settings: Settings;
  readonly #unlock: () => Promise<void>;
  readonly #space: Space;
  readonly #segments: Segments;
  readonly #index: FeedIndex;
  readonly #runs: RunReader;
  readonly #intake: Intake;
  readonly #journal: Journal<Note>;
  readonly #watchers = new Watchers();
  readonly #feeds = new Map<FeedName, FeedState>();
  readonly #waiting = new Set<Note>();
  #position: number;
  #fail: (error: Error) => void = () => undefined;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;
  #compacting: Promise<void> = Promise.resolve();

  static async open<Format, Key, Value>(
    options: JournalStoreOptions<Format, Key, Value>,
  ): Promise<JournalStore> {
    const { disk, dir, tenant, clock } = options;
    await disk.list(dir);
    const unlock = await disk.lock(`${dir}/LOCK`);
    let segments: Segments | undefined;
    try {
      let failure: unknown;
      let onIndexFailed = (error: unknown): void => {
        failure ??= error;
      };
      const space = await Space.open(options);
      segments = await findSegments(disk, dir, tenant);
      const index = FeedIndex.open(options.level, (error) => onIndexFailed(error), clock);
      const found = await recover({ disk, dir, tenant, segments, index, pause: () => clock.yield() });
      if (failure !== undefined) throw failure;
      const store = new JournalStore(options, { unlock, space, segments, index, found });
      onIndexFailed = (error) => store.#poison(error);
      return store;
    } catch (error) {
      // The error that stopped the opening is the one to tell, whatever closing says.
      await segments?.close().catch(() => undefined);
      await unlock();
      throw error;
    }
  }

  private constructor(settings: Settings, parts: Parts) {
    const { found } = parts;
    this.#settings = settings;
    this.#unlock = parts.unlock;
    this.#space = parts.space;
    this.#segments = parts.segments;
    this.#index = parts.index;
    this.#runs = new RunReader(parts.index, parts.segments);
    this.#position = found.position;
    this.opening = { tornBytes: found.tornBytes, rebuilt: found.rebuilt };
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#intake = new Intake({
      tenant: settings.tenant,
      keys: settings.keys,
      held: (feed, from, to) => this.#range(feed, from, to),
    });
    this.#intake.restore(found.tips.values());
    for (const { feed, head, base } of found.tips.values()) this.#feeds.set(feed, { feed, head, base });
    this.#journal = new Journal<Note>({
      ...settings,
      segments: parts.segments,
      position: found.position,
      onDurable: (group) => this.#publish(group),
      onFailed: (error) => this.#poison(error),
    });
  }

  get position(): number {
    return this.#position;
  }

  async append(commit: Commit, options: AppendOptions = {}): Promise<{ position: number }> {
    this.#checkOpen();
    if (this.#space.full && options.urgent !== true) {
      this.#space.checkSoon();
      throw fullError(this.#space.reserveBytes);
    }
    let rest = commit;
    while (this.#intake.overlaps(rest)) {
      rest = await this.#intake.trim(rest);
      this.#checkOpen();
    }
    if (rest.runs.length === 0) return { position: this.#position };
    this.#checkRoom(rest);
    const local = options.local ?? false;
    const admitted = this.#intake.admit(rest, local);
    return this.#write({ type: 'commit', admitted, local }, (position) =>
      encodeCommit(position, local, admitted),
    );
  }

  async read(feed: FeedName, from: number, byteLimit: number): Promise<Run | undefined> {
    this.#checkOpen();
    const state = this.#feeds.get(feed);
    if (state === undefined) return undefined;
    if (from <= state.base.seq) throw prunedError(feed, from, state.base.seq);
    if (from > state.head.seq) return undefined;
    return readSigned(this.#runs, feed, from, state.head.seq, byteLimit);
  }

  bytesOf(feed: FeedName, from: number, to: number, enough: number): Promise<number> {
    return bytesOfRuns(this.#index, feed, from, to, enough);
  }

  feeds(): ReadonlyMap<FeedName, FeedState> {
    return this.#feeds;
  }

  async *replay(afterPosition: number): AsyncIterable<Appended> {
    let position = afterPosition;
    while (position < this.#position) {
      this.#checkOpen();
      const end = this.#position;
      for await (const appended of replayRecords(this.#segments, this.#feeds, position, end)) {
        this.#checkOpen();
        position = appended.position;
        yield appended;
      }
      position = Math.max(position, end);
    }
  }

  watch(listener: (appended: Appended) => void): () => void {
    return this.#watchers.add(listener);
  }

  async prune(feed: FeedName, below: number): Promise<void> {
    this.#checkOpen();
    const tip = await this.#intake.raiseBase(feed, below - 1);
    if (tip !== undefined) await this.#moveBase(tip);
  }

  async shred(feed: FeedName, below: number): Promise<void> {
    this.#checkOpen();
    const moved = await this.#intake.raiseBase(feed, below - 1);
    const tip = this.#intake.tip(feed);
    if (tip === undefined) return;
    const { seq } = tip.base;
    if (moved === undefined && (await this.#index.shreddedTo(feed)) >= seq) return;
    // The base record begins a new segment, so that the one before can be rewritten.
    this.#journal.sealSegment();
    await this.#writeBase(tip);
    const dead = await this.#index.dropRuns(feed, seq);
    if (moved === undefined) {
      // Begun before and not finished, as far as anybody knows: the index may have forgotten where they stood.
      for (const first of await segmentsWith(this.#segments, feed, seq))
        dead.set(first, dead.get(first) ?? 0);
    }
    for await (const row of this.#index.locate(feed, seq + 1)) {
      if (row.from <= seq) dead.set(row.segment.first, dead.get(row.segment.first) ?? 0);
      break;
    }
    const compacting = this.#compacting.then(() => this.#compact(dead, 0));
    this.#compacting = compacting.then(() => undefined);
    if (await compacting) await this.#index.markShredded(feed, seq);
  }

  async adopt(feed: FeedName, head: Head): Promise<void> {
    this.#checkOpen();
    const isNew = !this.#feeds.has(feed);
    const tip = await this.#intake.adopt(feed, head);
    if (tip !== undefined) await this.#moveBase(tip);
    // Of a feed that was never here there is nothing to shred.
    if (tip !== undefined && isNew) await this.#index.markShredded(feed, head.seq);
  }

  /** Finishes what was begun. A second call waits for the first. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await this.#compacting.catch(() => undefined);
    try {
      await this.#journal.close(encodeClose);
      await this.#index.settled();
      await this.#segments.close();
    } finally {
      await this.#unlock();
    }
  }

  #write(content: Content, encode: (position: number) => Buffer): Promise<{ position: number }> {
    return new Promise((resolve, reject) => {
      const note = { content, resolve, reject };
      this.#waiting.add(note);
      this.#journal.append(encode, note);
    });
  }

  /** Called by the journal after each fdatasync. */
  #publish(group: readonly DurableRecord<Note>[]): void {
    const tips = new Map<FeedName, FeedTip>();
    const runs: RunRow[] = [];
    for (const record of group) {
      const { content } = record.note;
      if (content.type === 'base') this.#publishBase(content.tip, tips);
      else this.#publishCommit(record, content.admitted, tips, runs);
    }
    const last = group.at(-1)!;
    this.#position = last.position;
    const covered = { position: last.position, segment: last.segment, end: last.offset + last.length };
    this.#index.put({ runs, tips: [...tips.values()], segments: [last.segment], covered });
    this.#space.wrote(group.reduce((sum, record) => sum + record.length, 0));
    const failure = this.#notify(group);
    for (const { note, position } of group) {
      this.#waiting.delete(note);
      note.resolve({ position });
    }
    if (failure !== undefined) this.#poison(failure);
  }

  #publishCommit(
    record: DurableRecord<Note>,
    admitted: readonly AdmittedRun[],
    tips: Map<FeedName, FeedTip>,
    runs: RunRow[],
  ): void {
    const { segment, offset, length } = record;
    for (const [place, { run, before, after, key }] of admitted.entries()) {
      const { feed, from } = run;
      const state = { feed, head: after, base: this.#feeds.get(feed)?.base ?? before };
      this.#feeds.set(feed, state);
      tips.set(feed, { ...state, key });
      runs.push({ feed, from, last: after.seq, segment, offset, length, place, bytes: runBytes(run) });
    }
  }

  #publishBase({ feed, key, base }: FeedTip, tips: Map<FeedName, FeedTip>): void {
    const head = this.#feeds.get(feed)?.head;
    const state = { feed, head: head === undefined || head.seq < base.seq ? base : head, base };
    this.#feeds.set(feed, state);
    tips.set(feed, { ...state, key });
  }

  #notify(group: readonly DurableRecord<Note>[]): unknown {
    let failure: unknown;
    for (const { note, position } of group) {
      const { content } = note;
      if (content.type !== 'commit') continue;
      const runs = content.admitted.map((each) => each.run);
      const thrown = this.#watchers.notify({ position, runs, local: content.local });
      failure ??= thrown;
    }
    return failure;
  }

  async #moveBase(tip: FeedTip): Promise<void> {
    await this.#writeBase(tip);
    const dead = await this.#index.dropRuns(tip.feed, tip.base.seq);
    this.#compacting = this.#compacting.then(async () => {
      await this.#compact(dead);
    });
    await this.#compacting;
  }

  async #writeBase(tip: FeedTip): Promise<void> {
    this.#checkOpen();
    const { feed, key, base } = tip;
    await this.#write({ type: 'base', tip }, (position) => encodeBase(position, feed, key, base));
  }

  /** False when it was cut off by the end of the store. */
  async #compact(dead: ReadonlyMap<number, number>, shareMin = DEAD_SHARE_MIN): Promise<boolean> {
    for (const [first, bytes] of dead) {
      const segment = this.#segments.list().find((each) => each.first === first);
      if (segment === undefined || bytes < segment.bytes * shareMin) continue;
      if (this.#failure !== undefined || this.#closing !== undefined) return false;
      try {
        await compactSegment(first, {
          ...this.#settings,
          segments: this.#segments,
          index: this.#index,
          tip: (feed) => this.#durableTip(feed),
          moveBase: (feed) => this.#writeBase(this.#durableTip(feed)!),
        });
      } catch (error) {
        this.#poison(error);
        throw this.#failure;
      }
    }
    return true;
  }

  /** A commit that is on its way does not make anything dead yet. */
  #durableTip(feed: FeedName): FeedTip | undefined {
    const state = this.#feeds.get(feed);
    const tip = this.#intake.tip(feed);
    return state === undefined || tip === undefined ? undefined : { ...state, key: tip.key };
  }

  async #range(feed: FeedName, from: number, to: number): Promise<{ before: Head; entries: Uint8Array[] }> {
    while ((this.#feeds.get(feed)?.head.seq ?? 0) < to) {
      await this.#journal.settled();
      this.#checkOpen();
    }
    return readExactly(this.#runs, feed, from, to);
  }

  #checkRoom(commit: Commit): void {
    this.#journal.checkRoom(commit.runs.reduce((sum, run) => sum + runBytes(run), 0));
    if (this.#index.pendingRows > PENDING_ROWS_MAX) {
      throw new FeedError('FEED_LIMIT', `more than ${PENDING_ROWS_MAX} runs wait for the index`, {
        retryable: true,
      });
    }
  }

  #poison(cause: unknown): void {
    if (this.#failure !== undefined) return;
    const failure = poisonedError(cause);
    this.#failure = failure;
    for (const note of this.#waiting) note.reject(failure);
    this.#waiting.clear();
    if (outOfSpace(cause)) {
      // The process ends soon; a ballast that cannot be removed changes nothing about that.
      this.#space.releaseBallast().catch(() => undefined);
    }
    this.#fail(failure);
  }

  #checkOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw closedError();
  }
}

function fullError(reserveBytes: number): FeedError {
  return new FeedError('STORE_FULL', `less than ${reserveBytes} bytes are free on the disk`, {
    hint: 'free some space on the disk of the data directory: the store goes on by itself',
    retryable: true,
  });
}
