/**
 * Giving back the room of pruned entries: a sealed segment is dropped when nothing in it is needed, rewritten when most is dead.
 *
 * A run is dead when it ends at or below its feed's base; a base record when its feed has a newer one. The order of steps survives a
 * crash at any point: the new generation is complete and durable before the index points to it, and the index (synced)
 * points to it before the old file goes. Runs are copied as they are: signatures and hashes do not change.
 *
 * Base records that are the only thing left of a segment move to the end of the journal, or old segments would stay for ever.
 */
import type { Disk } from './disk.ts';
import { corruptError } from './errors.ts';
import type { FeedIndex } from './feed-index.ts';
import type { RunRow } from './index-rows.ts';
import type { FeedTip } from './intake.ts';
import {
  encodeBase,
  encodeClose,
  encodeCommit,
  type JournalRecord,
  runBytes,
  type StoredRun,
  sealRecord,
} from './record.ts';
import { lastSeq } from './run.ts';
import { encodeHeader, HEADER_BYTES, type SegmentName, segmentFile, walkRecords } from './segment.ts';
import type { Segment, Segments } from './segments.ts';
import type { FeedName, Head } from './types.ts';

/** Share of dead bytes from which a segment is rewritten: writing one byte then frees at least one. */
export const DEAD_SHARE_MIN = 0.5;
const WRITE_BYTES = 1024 * 1024;

export interface CompactionOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly tenant: string;
  readonly segments: Segments;
  readonly index: FeedIndex;
  readonly tip: (feed: FeedName) => FeedTip | undefined;
  /** Writes a base record at the end of the journal; resolves when durable. */
  readonly moveBase: (feed: FeedName) => Promise<void>;
}

/** Rewrites or drops the segment with that first position. The last segment is never touched. */
export async function compactSegment(first: number, options: CompactionOptions): Promise<void> {
  const { segments, index } = options;
  const segment = segments.list().find((each) => each.first === first);
  if (segment === undefined || segment === segments.last()) return;
  const live = await survey(segment, options);
  if (!live.commits) {
    for (const feed of live.bases) await options.moveBase(feed);
    await index.moveSegment(first, undefined, []);
    await segments.replace(segment, undefined);
    return;
  }
  const { next, rows } = await rewrite(segment, options);
  await index.moveSegment(first, next, rows);
  await segments.replace(segment, next);
}

/** First positions of the segments that hold entries of a feed at or below a number. Reads the whole journal. */
export async function segmentsWith(segments: Segments, feed: FeedName, upTo: number): Promise<number[]> {
  const found: number[] = [];
  for (const segment of [...segments.list()]) {
    let has = false;
    await eachRecord(segment, { segments }, async (record) => {
      has ||= record.type === 'commit' && record.runs.some((run) => run.feed === feed && run.from <= upTo);
    });
    if (has) found.push(segment.first);
  }
  return found;
}

async function survey(
  segment: Segment,
  options: CompactionOptions,
): Promise<{ commits: boolean; bases: Set<FeedName> }> {
  const bases = new Set<FeedName>();
  let commits = false;
  await eachRecord(segment, options, async (record) => {
    const kept = keepLive(record, options);
    if (kept?.type === 'commit') commits = true;
    if (kept?.type === 'base') bases.add(kept.feed);
  });
  return { commits, bases };
}

async function rewrite(
  segment: Segment,
  options: CompactionOptions,
): Promise<{ next: Segment; rows: RunRow[] }> {
  const { disk, dir, tenant, segments } = options;
  const name: SegmentName = { first: segment.first, generation: segment.generation + 1 };
  const temporary = `${dir}/${segmentFile(name)}.tmp`;
  await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  const rows: RunRow[] = [];
  let offset = HEADER_BYTES;
  try {
    let waiting: Uint8Array[] = [encodeHeader(name, tenant)];
    let waitingBytes = 0;
    await eachRecord(segment, options, async (record) => {
      const kept = keepLive(record, options);
      if (kept === undefined) return;
      const bytes = encode(kept);
      if (kept.type === 'commit') rows.push(...rowsOf(kept, name, offset, bytes.byteLength));
      offset += bytes.byteLength;
      waiting.push(bytes);
      waitingBytes += bytes.byteLength;
      if (waitingBytes < WRITE_BYTES) return;
      await file.append(Buffer.concat(waiting));
      waiting = [];
      waitingBytes = 0;
    });
    await file.append(Buffer.concat(waiting));
    await file.datasync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, segments.path(name));
  await disk.syncDir(dir);
  return { next: { ...name, bytes: offset }, rows };
}

/** What is still needed of a record; undefined when nothing is. */
function keepLive(record: JournalRecord, options: CompactionOptions): JournalRecord | undefined {
  switch (record.type) {
    case 'commit': {
      const runs = record.runs.flatMap((run) => liveOf(run, options.tip(run.feed)?.base));
      return runs.length === 0 ? undefined : { ...record, runs };
    }
    case 'base':
      return options.tip(record.feed)?.base.seq === record.base.seq ? record : undefined;
    case 'close':
      return undefined;
  }
}

/** The run without entries at or below the base: its signature is over its end, and stays good. */
function liveOf(run: StoredRun, base: Head | undefined): StoredRun[] {
  if (base === undefined || run.from > base.seq) return [run];
  if (lastSeq(run) <= base.seq) return [];
  const entries = run.entries.slice(base.seq + 1 - run.from);
  const live = { ...run, from: base.seq + 1, entries, before: base };
  return [{ ...live, bytes: runBytes(live) }];
}

function encode(record: JournalRecord): Buffer {
  const bytes = encodeOpen(record);
  sealRecord(bytes, record.durable);
  return bytes;
}

function encodeOpen(record: JournalRecord): Buffer {
  switch (record.type) {
    case 'commit': {
      const runs = record.runs.map((run) => ({ run, before: run.before, key: run.key }));
      return encodeCommit(record.position, record.local, runs);
    }
    case 'base':
      return encodeBase(record.position, record.feed, record.key, record.base);
    case 'close':
      return encodeClose(record.position);
  }
}

function rowsOf(
  record: Extract<JournalRecord, { type: 'commit' }>,
  segment: SegmentName,
  offset: number,
  length: number,
): RunRow[] {
  return record.runs.map((run, place) => {
    const { feed, from, bytes } = run;
    return { feed, from, last: lastSeq(run), segment, offset, length, place, bytes };
  });
}

async function eachRecord(
  segment: Segment,
  options: Pick<CompactionOptions, 'segments'>,
  visit: (record: JournalRecord) => Promise<void>,
): Promise<void> {
  await options.segments.use(segment, async (file) => {
    const walk = walkRecords(file, HEADER_BYTES, segment.bytes);
    let step = await walk.next();
    while (!step.done) {
      await visit(step.value.record);
      step = await walk.next();
    }
    if (step.value !== undefined) {
      throw corruptError(
        `journal segment ${segmentFile(segment)} at ${step.value.offset}: ${step.value.what}`,
      );
    }
  });
}
