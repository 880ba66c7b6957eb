/**
 * When entries became durable here, on this machine's own clock: a few marks per feed, enough to say how long the oldest
 * entry a peer lacks has been waiting.
 *
 * Marks are kept coarse on purpose: when a feed has too many, every second one goes, so the answer may be older than the
 * truth by the gap between two marks and never younger. Entries from before the process started count from its start.
 */
import type { Appended, FeedName } from './types.ts';

/** Marks per feed. */
export const DURABLE_MARKS_MAX = 64;

interface Mark {
  readonly seq: number;
  readonly atMs: number;
}

/** Where a run begins is all that is marked. */
type Begun = Pick<Appended['runs'][number], 'feed' | 'from'>;

export class DurableMarks {
  readonly #startedMs: number;
  readonly #marks = new Map<FeedName, Mark[]>();

  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  add({ runs }: { readonly runs: readonly Begun[] }, nowMs: number): void {
    for (const run of runs) {
      const marks = this.#marks.get(run.feed) ?? [];
      marks.push({ seq: run.from, atMs: nowMs });
      if (marks.length > DURABLE_MARKS_MAX) {
        marks.splice(0, marks.length, ...marks.filter((_, at) => at % 2 === 0));
      }
      this.#marks.set(run.feed, marks);
    }
  }

  /** When entry `seq` of the feed became durable, at the latest mark not after it. */
  durableMs(feed: FeedName, seq: number): number {
    const mark = this.#marks.get(feed)?.findLast((candidate) => candidate.seq <= seq);
    return mark?.atMs ?? this.#startedMs;
  }

  marks(feed: FeedName): number {
    return this.#marks.get(feed)?.length ?? 0;
  }
}
