/**
 * Reading the journal again from a position: how projections catch up after a restart.
 *
 * Yields durable commits in order, without what was pruned meanwhile. A segment that is rewritten under the reader is taken up again
 * at the same position: compaction changes places, never positions.
 */
import { corruptError } from './errors.ts';
import type { StoredRun } from './record.ts';
import { aboveBase } from './run.ts';
import { HEADER_BYTES, segmentFile, walkRecords } from './segment.ts';
import type { Segment, Segments } from './segments.ts';
import type { Appended, FeedName, FeedState, Run } from './types.ts';

class SegmentMoved extends Error {}

export async function* replayRecords(
  segments: Segments,
  feeds: ReadonlyMap<FeedName, FeedState>,
  after: number,
  end: number,
): AsyncGenerator<Appended> {
  let position = after;
  for (;;) {
    const segment = segmentAfter(segments.list(), position, end);
    if (segment === undefined) return;
    try {
      for await (const appended of replaySegment(segment, segments, feeds, position)) {
        position = appended.position;
        if (position > end) return;
        if (appended.runs.length > 0) yield appended;
      }
    } catch (error) {
      if (error instanceof SegmentMoved) continue;
      throw error;
    }
    const next = segments.list().find((each) => each.first > segment.first);
    if (next === undefined) return;
    position = Math.max(position, next.first - 1);
  }
}

/** The segment that holds the position after this one. */
function segmentAfter(list: readonly Segment[], position: number, end: number): Segment | undefined {
  if (position >= end) return undefined;
  return list.findLast((each) => each.first <= position + 1) ?? list[0];
}

async function* replaySegment(
  segment: Segment,
  segments: Segments,
  feeds: ReadonlyMap<FeedName, FeedState>,
  after: number,
): AsyncGenerator<Appended> {
  const source = {
    read: async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = await segments.read(segment, offset, length);
      if (bytes === undefined) throw new SegmentMoved('segment was rewritten');
      return bytes;
    },
  };
  const walk = walkRecords(source, HEADER_BYTES, segment.bytes, after + 1);
  let step = await walk.next();
  while (!step.done) {
    const { record } = step.value;
    if (record.type === 'commit') {
      const runs = record.runs.flatMap((run) => aboveBase(plain(run), feeds.get(run.feed)?.base.seq ?? 0));
      yield { position: record.position, runs, local: record.local };
    }
    step = await walk.next();
  }
  if (step.value !== undefined) {
    throw corruptError(`journal segment ${segmentFile(segment)} at ${step.value.offset}: ${step.value.what}`);
  }
}

function plain({ feed, from, entries, signature }: StoredRun): Run {
  return { feed, from, entries, signature };
}
