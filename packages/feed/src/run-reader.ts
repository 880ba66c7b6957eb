/**
 * Reading runs back: found by the index, read from the journal, checked against each other.
 *
 * The index says where a run should be; what stands there must be whole and be that run. A run that is not where it was said to
 * be may have been moved by compaction between finding and reading, so it is looked up again a few times before it counts
 * as lost. What is lost rejects the read that meets it and names the place.
 */
import { headAfter } from './chain.ts';
import { corruptError, type FeedError } from './errors.ts';
import type { FeedIndex } from './feed-index.ts';
import type { RunRow } from './index-rows.ts';
import { runBytes, type StoredRun } from './record.ts';
import { readRunAt } from './recovery.ts';
import { lastSeq } from './run.ts';
import { segmentFile } from './segment.ts';
import type { Segments } from './segments.ts';
import type { FeedName, Head, Run } from './types.ts';

/** Before each entry of a record. */
const ENTRY_LENGTH_BYTES = 4;
/** A run may move to another segment between finding and reading it; more often than this is damage. */
const LOOKUPS_MAX = 4;

export class RunReader {
  readonly #index: FeedIndex;
  readonly #segments: Segments;

  constructor(index: FeedIndex, segments: Segments) {
    this.#index = index;
    this.#segments = segments;
  }

  /** Runs of a feed from the one that holds `from`; ends early only where the index or the journal does. */
  async *runs(feed: FeedName, from: number): AsyncGenerator<StoredRun> {
    let next = from;
    let lookups = 0;
    search: while (lookups < LOOKUPS_MAX) {
      lookups += 1;
      for await (const row of this.#index.locate(feed, next)) {
        const bytes = await this.#segments.read(row.segment, row.offset, row.length);
        if (bytes === undefined) continue search;
        const run = readRunAt(bytes, row);
        if (run === undefined || run.from > next) throw lostError(feed, next, row);
        yield run;
        next = row.last + 1;
        lookups = 0;
      }
      return;
    }
  }
}

/** A run from `from` on, about `byteLimit` bytes long, extended to the next signature; `head` is the feed's last number. */
export async function readSigned(
  reader: RunReader,
  feed: FeedName,
  from: number,
  head: number,
  byteLimit: number,
): Promise<Run> {
  const entries: Uint8Array[] = [];
  let bytes = 0;
  for await (const run of reader.runs(feed, from)) {
    for (const entry of run.entries.slice(Math.max(0, from - run.from))) {
      entries.push(entry);
      bytes += entry.byteLength;
    }
    if (bytes >= byteLimit || lastSeq(run) >= head) return { feed, from, entries, signature: run.signature };
  }
  throw lostError(feed, from + entries.length);
}

/** About the bytes of entries `from` to `to`, from the index alone; ends beyond `enough`. */
export async function bytesOfRuns(
  index: FeedIndex,
  feed: FeedName,
  from: number,
  to: number,
  enough: number,
): Promise<number> {
  let bytes = 0;
  if (from > to) return bytes;
  const around = runBytes({ feed, from, entries: [], signature: new Uint8Array(0) });
  for await (const row of index.locate(feed, from)) {
    if (row.from > to || bytes > enough) break;
    const entries = row.last - row.from + 1;
    const wanted = Math.min(row.last, to) - Math.max(row.from, from) + 1;
    bytes += Math.round(((row.bytes - around - entries * ENTRY_LENGTH_BYTES) * wanted) / entries);
  }
  return bytes;
}

/** Entries `from` to `to` and the head before them. */
export async function readExactly(
  reader: RunReader,
  feed: FeedName,
  from: number,
  to: number,
): Promise<{ before: Head; entries: Uint8Array[] }> {
  let before: Head | undefined;
  const entries: Uint8Array[] = [];
  for await (const run of reader.runs(feed, from)) {
    const skip = Math.max(0, from - run.from);
    before ??= headAfter(run.before, run.entries.slice(0, skip));
    for (const entry of run.entries.slice(skip)) entries.push(entry);
    if (lastSeq(run) >= to) return { before, entries: entries.slice(0, to - from + 1) };
  }
  throw lostError(feed, from + entries.length);
}

function lostError(feed: FeedName, seq: number, row?: RunRow): FeedError {
  const place = row === undefined ? '' : ` (journal segment ${segmentFile(row.segment)} at ${row.offset})`;
  return corruptError(`entry ${seq} of ${feed} cannot be read back${place}`);
}
