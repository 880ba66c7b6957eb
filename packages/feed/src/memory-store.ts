/**
 * A feed store in memory: for tests, simulations and whatever need not survive.
 *
 * Guarantees: everything `FeedStore` says except durability; it passes the same acceptance suite as `JournalStore`.
 * Watchers are told before `append` resolves and never inside the call to it.
 */
import { headAfter } from './chain.ts';
import { assert, closedError, poisonedError, prunedError } from './errors.ts';
import type { KeyResolver } from './identity.ts';
import { type AdmittedRun, type FeedTip, Intake } from './intake.ts';
import { aboveBase } from './run.ts';
import type { Appended, Commit, FeedName, FeedState, FeedStore, Head, Run } from './types.ts';
import { Watchers } from './watchers.ts';

export interface MemoryStoreOptions {
  readonly tenant: string;
  readonly keys: KeyResolver;
}

interface Held {
  state: FeedState;
  /** Entry `state.base.seq + 1 + i` is `entries[i]`. */
  entries: Uint8Array[];
  /** Entry number to signature. */
  signatures: Map<number, Uint8Array>;
}

export class MemoryStore implements FeedStore {
  readonly #intake: Intake;
  readonly #held = new Map<FeedName, Held>();
  readonly #feeds = new Map<FeedName, FeedState>();
  readonly #watchers = new Watchers();
  readonly #log: Appended[] = [];
  #position = 0;
  #closed = false;
  #failure: Error | undefined;
  readonly failed: Promise<Error>;
  #fail: (error: Error) => void = () => undefined;

  private constructor(options: MemoryStoreOptions) {
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#intake = new Intake({
      ...options,
      held: async (feed, from, to) => this.#range(feed, from, to),
    });
  }

  static async open(options: MemoryStoreOptions): Promise<MemoryStore> {
    return new MemoryStore(options);
  }

  get position(): number {
    return this.#position;
  }

  async append(commit: Commit, options: { local?: boolean } = {}): Promise<{ position: number }> {
    this.#checkOpen();
    const local = options.local ?? false;
    let rest = commit;
    while (this.#intake.overlaps(rest)) {
      rest = await this.#intake.trim(rest);
      this.#checkOpen();
    }
    const admitted = this.#intake.admit(rest, local);
    if (admitted.length === 0) return { position: this.#position };
    this.#position += 1;
    const appended: Appended = { position: this.#position, runs: admitted.map((each) => each.run), local };
    for (const each of admitted) this.#keep(each);
    this.#log.push(appended);
    await Promise.resolve();
    const failure = this.#watchers.notify(appended);
    if (failure !== undefined) this.#poison(failure);
    return { position: appended.position };
  }

  async read(feed: FeedName, from: number, byteLimit: number): Promise<Run | undefined> {
    this.#checkOpen();
    const held = this.#held.get(feed);
    if (held === undefined) return undefined;
    const { base, head } = held.state;
    if (from <= base.seq) throw prunedError(feed, from, base.seq);
    if (from > head.seq) return undefined;
    let bytes = 0;
    for (let seq = from; seq <= head.seq; seq += 1) {
      bytes += held.entries[seq - base.seq - 1]!.byteLength;
      const signature = held.signatures.get(seq);
      if (signature !== undefined && (bytes >= byteLimit || seq === head.seq)) {
        return { feed, from, entries: held.entries.slice(from - base.seq - 1, seq - base.seq), signature };
      }
    }
    throw new Error(`the last entry of ${feed} is not signed`);
  }

  async bytesOf(feed: FeedName, from: number, to: number, enough: number): Promise<number> {
    const held = this.#held.get(feed);
    let bytes = 0;
    for (let seq = from; held !== undefined && seq <= to && bytes <= enough; seq += 1) {
      bytes += held.entries[seq - held.state.base.seq - 1]?.byteLength ?? 0;
    }
    return bytes;
  }

  feeds(): ReadonlyMap<FeedName, FeedState> {
    return this.#feeds;
  }

  async *replay(afterPosition: number): AsyncIterable<Appended> {
    this.#checkOpen();
    for (let index = 0; index < this.#log.length; index += 1) {
      const appended = this.#log[index]!;
      if (appended.position <= afterPosition) continue;
      const runs = appended.runs.flatMap((run) => aboveBase(run, this.#feeds.get(run.feed)?.base.seq ?? 0));
      if (runs.length > 0) yield { ...appended, runs };
    }
  }

  watch(listener: (appended: Appended) => void): () => void {
    return this.#watchers.add(listener);
  }

  async prune(feed: FeedName, below: number): Promise<void> {
    this.#checkOpen();
    const raised = await this.#intake.raiseBase(feed, below - 1);
    if (raised !== undefined) this.#drop(raised);
  }

  async shred(feed: FeedName, below: number): Promise<void> {
    await this.prune(feed, below);
  }

  async adopt(feed: FeedName, head: Head): Promise<void> {
    this.#checkOpen();
    const adopted = await this.#intake.adopt(feed, head);
    if (adopted !== undefined) this.#drop(adopted);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #keep({ run, before, after }: AdmittedRun): void {
    let held = this.#held.get(run.feed);
    if (held === undefined) {
      held = { state: { feed: run.feed, head: before, base: before }, entries: [], signatures: new Map() };
      this.#held.set(run.feed, held);
    }
    held.entries.push(...run.entries);
    held.signatures.set(after.seq, run.signature);
    held.state = { ...held.state, head: after };
    this.#feeds.set(run.feed, held.state);
  }

  #drop({ feed, head, base }: FeedTip): void {
    const held = this.#held.get(feed) ?? { state: { feed, head, base }, entries: [], signatures: new Map() };
    held.entries = held.entries.slice(base.seq - held.state.base.seq);
    for (const seq of held.signatures.keys()) {
      if (seq <= base.seq) held.signatures.delete(seq);
    }
    held.state = { feed, head, base };
    this.#held.set(feed, held);
    this.#feeds.set(feed, held.state);
    this.#position += 1;
  }

  #range(feed: FeedName, from: number, to: number): { before: Head; entries: readonly Uint8Array[] } {
    const held = this.#held.get(feed);
    assert(held !== undefined && from > held.state.base.seq, `${feed} ${from} is not held`);
    const { base } = held.state;
    const before = headAfter(base, held.entries.slice(0, from - base.seq - 1));
    return { before, entries: held.entries.slice(from - base.seq - 1, to - base.seq) };
  }

  #poison(cause: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = poisonedError(cause);
    this.#fail(this.#failure);
  }

  #checkOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw closedError();
  }
}
