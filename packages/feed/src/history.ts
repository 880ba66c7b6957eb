/**
 * Follows the records of a journal and says whether they are one history: the check behind open, rebuild and verify.
 *
 * Every run is checked on its own (key belongs to the writer, signature if asked) and against what came before it (number and
 * hash continue the feed). Entries may be missing only below a feed's base: a run that starts later than its feed ended
 * leaves a hole, and `finish` asks whether a base record has vouched for every hole.
 */
import { firstHead, headAfter, headSigned, sameHash } from './chain.ts';
import { entryFault } from './entry.ts';
import { writerOf } from './feed-name.ts';
import { writerIdOf } from './identity.ts';
import type { FeedTip } from './intake.ts';
import type { JournalRecord, StoredRun } from './record.ts';
import { lastSeq } from './run.ts';
import type { FeedName, Head } from './types.ts';

/** What is wrong, and from which entry on. */
export interface Break {
  readonly feed: FeedName;
  /** First entry concerned; with `to` when a signature vouches for several and cannot say which. */
  readonly seq: number;
  readonly to?: number;
  readonly what: string;
}

export class History {
  readonly #tenant: string;
  readonly #signatures: boolean;
  readonly #tips = new Map<FeedName, FeedTip>();
  readonly #holes = new Map<FeedName, { from: number; to: number }>();
  /** Writer ids are made by hashing; a key seen before is compared. */
  readonly #knownKeys = new Map<string, Uint8Array>();

  constructor(options: { tenant: string; signatures: boolean; tips?: Iterable<FeedTip> }) {
    this.#tenant = options.tenant;
    this.#signatures = options.signatures;
    for (const tip of options.tips ?? []) this.#tips.set(tip.feed, tip);
  }

  tips(): ReadonlyMap<FeedName, FeedTip> {
    return this.#tips;
  }

  follow(record: JournalRecord): Break | undefined {
    switch (record.type) {
      case 'commit':
        for (const run of record.runs) {
          const broken = this.#followRun(run);
          if (broken !== undefined) return broken;
        }
        return undefined;
      case 'base':
        return this.#followBase(record.feed, record.key, record.base);
      case 'close':
        return undefined;
    }
  }

  finish(): Break | undefined {
    for (const [feed, hole] of this.#holes) {
      const base = this.#tips.get(feed)!.base.seq;
      if (base < hole.to) {
        const seq = Math.max(hole.from, base + 1);
        return { feed, seq, to: hole.to, what: 'is missing, and nothing says it was pruned' };
      }
    }
    return undefined;
  }

  #followRun(run: StoredRun): Break | undefined {
    const { feed, from, before } = run;
    const to = lastSeq(run);
    if (!this.#keyFits(feed, run.key)) return { feed, seq: from, to, what: "does not have its writer's key" };
    const tip = this.#tips.get(feed);
    const start = tip?.head ?? firstHead(this.#tenant, feed, run.key);
    if (from <= start.seq) return { feed, seq: from, to, what: `comes again after entry ${start.seq}` };
    if (from === start.seq + 1) {
      if (!sameHash(before.hash, start.hash)) {
        return { feed, seq: from, to, what: 'does not continue the chain of the entry before it' };
      }
    } else {
      const hole = this.#holes.get(feed);
      this.#holes.set(feed, { from: hole?.from ?? start.seq + 1, to: from - 1 });
    }
    const bad = run.entries.findIndex((entry) => entryFault(entry) !== undefined);
    if (bad >= 0) return { feed, seq: from + bad, what: 'is not an entry' };
    const head = headAfter(before, run.entries);
    if (this.#signatures && !headSigned(feed, head, run.signature, run.key)) {
      return { feed, seq: from, to, what: 'is not what its writer signed' };
    }
    // Without a base, the first run seen starts the feed here; `finish` asks for the base.
    const base = tip?.base ?? before;
    this.#tips.set(feed, { feed, key: run.key, head, base });
    return undefined;
  }

  #followBase(feed: FeedName, key: Uint8Array, base: Head): Break | undefined {
    if (!this.#keyFits(feed, key)) return { feed, seq: base.seq, what: "does not have its writer's key" };
    const tip = this.#tips.get(feed);
    if (tip === undefined || base.seq > tip.head.seq) {
      this.#tips.set(feed, { feed, key, head: base, base });
      return undefined;
    }
    if (base.seq === tip.head.seq && !sameHash(base.hash, tip.head.hash)) {
      return { feed, seq: base.seq, what: 'was pruned under another hash' };
    }
    if (base.seq >= tip.base.seq) this.#tips.set(feed, { ...tip, base });
    return undefined;
  }

  #keyFits(feed: FeedName, key: Uint8Array): boolean {
    const writer = writerOf(feed);
    const known = this.#knownKeys.get(writer);
    if (known !== undefined) return sameHash(known, key);
    if (writerIdOf(key) !== writer) return false;
    this.#knownKeys.set(writer, new Uint8Array(key));
    return true;
  }
}
