/**
 * What a store accepts: the one place where a run is held against the history of its feed.
 *
 * Guarantees: a commit is admitted whole or not at all. Every admitted run starts right after the feed's tip, its entries
 * have the shape of entries, and (unless this device just made it) its signature by the feed's writer covers the chain
 * up to its last entry. The tip includes commits that are on their way to the disk; the store publishes them when durable.
 *
 * Entries already held are compared byte by byte and dropped: the same again is no error, another history is `FEED_FORK`
 * when its writer really signed it and `FEED_SIGNATURE` when not, so nobody can claim a fork for somebody else.
 *
 * Does not: ask whether the writer may write this feed. Admission by grants comes before, in replication.
 */
import { firstHead, headAfter, headSigned, keyOfFeed, sameHash } from './chain.ts';
import { ENTRY_BYTES_MAX, entryFault } from './entry.ts';
import { FeedError } from './errors.ts';
import { parseFeedName } from './feed-name.ts';
import { type KeyResolver, SIGNATURE_BYTES } from './identity.ts';
import type { Commit, FeedName, FeedState, Head, PublicKey, Run } from './types.ts';

export const COMMIT_RUNS_MAX = 1024;
/** Bytes of all entries of a commit, each with its length field. One commit is one journal record. */
export const COMMIT_BYTES_MAX = 16 * 1024 * 1024;
const ENTRY_LENGTH_BYTES = 4;
export const RUN_ENTRIES_MAX = 65_535;
export const SEQ_MAX = 2 ** 48 - 1;

/** A feed's state with the key of its writer, so that a store can be checked without asking anybody. */
export interface FeedTip extends FeedState {
  readonly key: PublicKey;
}

/** A run that was admitted, and the heads around it. */
export interface AdmittedRun {
  readonly run: Run;
  readonly before: Head;
  readonly after: Head;
  readonly key: PublicKey;
}

/** Held entries `from` to `to` and the head before them. Called only for numbers above the feed's base. */
export type HeldReader = (
  feed: FeedName,
  from: number,
  to: number,
) => Promise<{ before: Head; entries: readonly Uint8Array[] }>;

export interface IntakeOptions {
  readonly tenant: string;
  readonly keys: KeyResolver;
  readonly held: HeldReader;
}

export class Intake {
  readonly #tenant: string;
  readonly #keys: KeyResolver;
  readonly #held: HeldReader;
  readonly #tips = new Map<FeedName, FeedTip>();

  constructor(options: IntakeOptions) {
    this.#tenant = options.tenant;
    this.#keys = options.keys;
    this.#held = options.held;
  }

  /** Called at open with what was found on the disk. */
  restore(tips: Iterable<FeedTip>): void {
    for (const tip of tips) this.#tips.set(tip.feed, tip);
  }

  tip(feed: FeedName): FeedTip | undefined {
    return this.#tips.get(feed);
  }

  /** True when some run starts at or below what is held, so that `trim` must come before `admit`. */
  overlaps(commit: Commit): boolean {
    return commit.runs.some((run) => {
      const tip = this.#tips.get(run.feed);
      return tip !== undefined && run.from <= tip.head.seq;
    });
  }

  /** The commit without what is held already. Rejects when what is held is different. */
  async trim(commit: Commit): Promise<Commit> {
    const runs: Run[] = [];
    for (const run of commit.runs) {
      checkRun(run);
      const tip = this.#tips.get(run.feed);
      const fresh = tip === undefined || run.from > tip.head.seq ? run : await this.#trimRun(run, tip);
      if (fresh !== undefined) runs.push(fresh);
    }
    return { runs };
  }

  /** Synchronous, so that the order of calls is the order of entries. Throws and changes nothing, or moves the tips. */
  admit(commit: Commit, local: boolean): AdmittedRun[] {
    checkCommit(commit);
    const moved = new Map<FeedName, FeedTip>();
    const admitted = commit.runs.map((run) => {
      checkRun(run);
      const tip = moved.get(run.feed) ?? this.#tips.get(run.feed) ?? this.#firstTip(run.feed);
      const next = admitRun(run, tip, local);
      moved.set(run.feed, { ...tip, head: next.after });
      return next;
    });
    for (const [feed, tip] of moved) this.#tips.set(feed, tip);
    return admitted;
  }

  /** Moves a feed's base up to `seq`; undefined when nothing changes. Entries up to the base must be held until now. */
  async raiseBase(feed: FeedName, seq: number): Promise<FeedTip | undefined> {
    const tip = this.#tips.get(feed);
    if (tip === undefined) return undefined;
    const to = Math.min(seq, tip.head.seq);
    if (to <= tip.base.seq) return undefined;
    const base = to === tip.head.seq ? tip.head : await this.#headAt(feed, to);
    const current = this.#tips.get(feed)!;
    if (base.seq <= current.base.seq) return undefined;
    const raised = { ...current, base };
    this.#tips.set(feed, raised);
    return raised;
  }

  /** Lets a feed continue after `head`, known from a checkpoint; undefined when the feed is there already. */
  async adopt(feed: FeedName, head: Head): Promise<FeedTip | undefined> {
    parseFeedName(feed);
    const tip = this.#tips.get(feed) ?? this.#firstTip(feed);
    if (head.seq > SEQ_MAX || head.hash.byteLength !== 32) {
      throw new FeedError('FEED_LIMIT', `not a head of ${feed}: number ${head.seq}`, { feed });
    }
    if (head.seq <= tip.head.seq) {
      if (head.seq >= tip.base.seq) {
        const ours = head.seq === tip.head.seq ? tip.head : await this.#headAt(feed, head.seq);
        if (!sameHash(ours.hash, head.hash)) throw forkError(feed, head.seq);
      }
      return undefined;
    }
    const adopted = { ...tip, head, base: head };
    this.#tips.set(feed, adopted);
    return adopted;
  }

  #firstTip(feed: FeedName): FeedTip {
    const key = keyOfFeed(feed, this.#keys);
    const start = firstHead(this.#tenant, feed, key);
    return { feed, head: start, base: start, key };
  }

  async #headAt(feed: FeedName, seq: number): Promise<Head> {
    const tip = this.#tips.get(feed);
    if (tip !== undefined && tip.base.seq === seq) return tip.base;
    const { before, entries } = await this.#held(feed, seq, seq);
    return headAfter(before, entries);
  }

  async #trimRun(run: Run, tip: FeedTip): Promise<Run | undefined> {
    const { feed } = run;
    const last = run.from + run.entries.length - 1;
    const start = Math.max(run.from, tip.base.seq + 1);
    // At and below the base there is nothing left to compare with; a checkpoint has vouched for it.
    if (last < start) return undefined;
    const offered = run.entries.slice(start - run.from);
    const common = Math.min(last, tip.head.seq);
    const held = common < start ? { before: tip.base, entries: [] } : await this.#held(feed, start, common);
    const differs = held.entries.findIndex((bytes, index) => !sameHash(bytes, offered[index]!));
    const signed = headSigned(feed, headAfter(held.before, offered), run.signature, tip.key);
    if (!signed) throw signatureError(feed, last);
    if (differs >= 0) throw forkError(feed, start + differs);
    if (last <= tip.head.seq) return undefined;
    return {
      feed,
      from: tip.head.seq + 1,
      entries: run.entries.slice(tip.head.seq + 1 - run.from),
      signature: run.signature,
    };
  }
}

function admitRun(run: Run, tip: FeedTip, local: boolean): AdmittedRun {
  const { feed, from } = run;
  const next = tip.head.seq + 1;
  if (from > next) {
    throw new FeedError('FEED_GAP', `${feed} ends at ${tip.head.seq}, entry ${from} cannot follow`, {
      feed,
      seq: from,
    });
  }
  if (from < next) throw forkError(feed, from);
  const after = headAfter(tip.head, run.entries);
  if (!local && !headSigned(feed, after, run.signature, tip.key)) throw signatureError(feed, after.seq);
  return { run, before: tip.head, after, key: tip.key };
}

function checkCommit(commit: Commit): void {
  if (commit.runs.length > COMMIT_RUNS_MAX) {
    throw new FeedError(
      'FEED_LIMIT',
      `a commit has at most ${COMMIT_RUNS_MAX} runs, got ${commit.runs.length}`,
    );
  }
  let bytes = 0;
  for (const run of commit.runs) {
    for (const entry of run.entries) bytes += entry.byteLength + ENTRY_LENGTH_BYTES;
  }
  if (bytes > COMMIT_BYTES_MAX) {
    throw new FeedError('FEED_LIMIT', `a commit has at most ${COMMIT_BYTES_MAX} bytes, got ${bytes}`);
  }
}

function checkRun(run: Run): void {
  const { feed, from, entries, signature } = run;
  parseFeedName(feed);
  if (!Number.isInteger(from) || from < 1 || from + entries.length - 1 > SEQ_MAX) {
    throw new FeedError('FEED_LIMIT', `entry number ${from} is out of range`, { feed, seq: from });
  }
  if (entries.length === 0 || entries.length > RUN_ENTRIES_MAX) {
    throw new FeedError('FEED_LIMIT', `a run has 1 to ${RUN_ENTRIES_MAX} entries, got ${entries.length}`, {
      feed,
      seq: from,
    });
  }
  if (signature.byteLength !== SIGNATURE_BYTES) throw signatureError(feed, from + entries.length - 1);
  entries.forEach((entry, index) => {
    const seq = from + index;
    if (entry.byteLength > ENTRY_BYTES_MAX) {
      throw new FeedError('FEED_LIMIT', `entry ${seq} of ${feed} is longer than ${ENTRY_BYTES_MAX} bytes`, {
        feed,
        seq,
      });
    }
    const fault = entryFault(entry);
    if (fault !== undefined)
      throw new FeedError('FEED_ENTRY', `entry ${seq} of ${feed} ${fault}`, { feed, seq });
  });
}

function signatureError(feed: FeedName, seq: number): FeedError {
  return new FeedError('FEED_SIGNATURE', `the signature at entry ${seq} of ${feed} is not its writer's`, {
    feed,
    seq,
  });
}

function forkError(feed: FeedName, seq: number): FeedError {
  return new FeedError('FEED_FORK', `entry ${seq} of ${feed} is held with another content`, { feed, seq });
}
