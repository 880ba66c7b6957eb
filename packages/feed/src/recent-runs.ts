/**
 * Runs that were just committed or read, kept for other peers who lack the same: after an outage two hundred of them want the same
 * prices, and what one branch brings its whole region takes. Whoever keeps encoded frames by their entries can send those again, too.
 *
 * Guarantees: at most RECENT_BYTES_MAX; the run put or asked for longest ago leaves first. Nothing is kept while fewer than two peers
 * are connected: there is nobody to share with.
 *
 * Does not: know what may be sent to whom, or where a feed begins and ends now; whoever asks has to look.
 */
import type { FeedName, Run } from './types.ts';

export const RECENT_BYTES_MAX = 16 * 1024 * 1024;
/** What a small run is counted as: its entries are views of a buffer that may be so long. */
const RUN_BYTES_MIN = 16 * 1024;

interface Kept {
  readonly run: Run;
  readonly bytes: number;
}

export class RecentRuns {
  readonly #kept = new Map<string, Kept>();
  readonly #isShared: () => boolean;
  #bytes = 0;

  /** `isShared`: true while more than one peer may ask. */
  constructor(isShared: () => boolean) {
    this.#isShared = isShared;
  }

  get bytes(): number {
    return this.#bytes;
  }

  put(run: Run): void {
    if (!this.#isShared()) {
      this.#clear();
      return;
    }
    const place = placeOf(run.feed, run.from);
    this.#drop(place);
    const entries = run.entries.reduce((sum, entry) => sum + entry.byteLength, 0);
    const bytes = Math.max(RUN_BYTES_MIN, entries);
    this.#kept.set(place, { run, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= RECENT_BYTES_MAX) break;
      this.#drop(oldest);
    }
  }

  /** A run that begins exactly there. */
  get(feed: FeedName, from: number): Run | undefined {
    const place = placeOf(feed, from);
    const kept = this.#kept.get(place);
    if (kept === undefined) return undefined;
    this.#kept.delete(place);
    this.#kept.set(place, kept);
    return kept.run;
  }

  #drop(place: string): void {
    const kept = this.#kept.get(place);
    if (kept === undefined) return;
    this.#kept.delete(place);
    this.#bytes -= kept.bytes;
  }

  #clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }
}

function placeOf(feed: FeedName, from: number): string {
  return `${feed} ${from}`;
}
