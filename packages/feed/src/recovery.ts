/**
 * Opening a journal: what is on the disk, and may it be served?
 *
 *     index complete? ──yes──> heads of all feeds check out? ──yes──> follow the tail behind the index ──> serve
 *           │ no                         │ no                               │ wrong
 *           └──────────> rebuild: follow every record ──> less than the index had seen, or wrong ──> STORE_CORRUPT
 *
 * A torn tail is cut off: bytes at the very end of the last segment that were never acknowledged, because the power went before
 * their fdatasync. Everything else that is not as written refuses to serve: the index and each good record behind a bad one
 * are witnesses that the bad one had been durable.
 *
 * The index may vouch for the past, never against the journal: when they differ, the journal is read from the start and the index made
 * again. Signatures of the past are not checked here, `verifyStore` does that; those of the heads are.
 */
import { headAfter, headSigned, sameHash } from './chain.ts';
import type { Disk } from './disk.ts';
import { corruptError, type FeedError } from './errors.ts';
import type { FeedIndex, LoadedIndex } from './feed-index.ts';
import { type Break, History } from './history.ts';
import type { Covered, IndexGroup, RunRow } from './index-rows.ts';
import type { FeedTip } from './intake.ts';
import { decodeRecord, FRAME_BYTES, frameIntact, frameLength } from './record.ts';
import { lastSeq } from './run.ts';
import {
  type Fault,
  findGoodRecord,
  HEADER_BYTES,
  type Located,
  segmentFile,
  walkRecords,
} from './segment.ts';
import type { Segment, Segments } from './segments.ts';
import type { FeedName } from './types.ts';

/** Records between two batches for the index, and between two chances for other work to run. */
const SLICE_RECORDS = 500;

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly tenant: string;
  readonly segments: Segments;
  readonly index: FeedIndex;
  /** Called between slices so that a long rebuild does not hold up everything else. */
  readonly pause: () => Promise<void>;
}

export interface Recovered {
  readonly position: number;
  readonly tips: ReadonlyMap<FeedName, FeedTip>;
  /** Bytes of never acknowledged records that were cut off. */
  readonly tornBytes: number;
  /** True when the index was made again from the journal. */
  readonly rebuilt: boolean;
}

interface Place {
  readonly segment: Segment;
  readonly offset: number;
  /** Position of the last record before it. */
  readonly position: number;
}

export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { index, segments } = options;
  const loaded = await index.load();
  const start = loaded.complete ? trustedPlace(loaded, segments) : undefined;
  if (start === undefined || !(await headsHold(loaded.tips, options))) return rebuild(options, loaded);
  const history = new History({ tenant: options.tenant, signatures: false, tips: loaded.tips });
  const tail = await followFrom(start, history, options, { coverage: 'keep', durable: start.position });
  return { ...tail, tips: history.tips(), rebuilt: false };
}

async function rebuild(options: RecoveryOptions, before: LoadedIndex): Promise<Recovered> {
  const { index, segments } = options;
  await index.beginRebuild(before.covered);
  const history = new History({ tenant: options.tenant, signatures: false });
  const first = segments.list()[0];
  let position = 0;
  let tornBytes = 0;
  if (first !== undefined) {
    const start = { segment: first, offset: HEADER_BYTES, position: first.first - 1 };
    const durable = before.covered?.position ?? 0;
    ({ position, tornBytes } = await followFrom(start, history, options, { coverage: 'withhold', durable }));
  }
  const missing = history.finish();
  if (missing !== undefined) throw corruptError(`the journal has a hole: ${describe(missing)}`);
  checkNothingLost(before, position, history.tips());
  const last = segments.last();
  if (last !== undefined) {
    const names = segments.list().map(({ first: at, generation }) => ({ first: at, generation }));
    const covered = { position, segment: names.at(-1)!, end: last.bytes };
    index.put({ runs: [], tips: [...history.tips().values()], segments: names, covered });
  }
  await index.endRebuild();
  return { position, tips: history.tips(), tornBytes, rebuilt: first !== undefined };
}

/** The index was written after fdatasync: whatever it saw had been durable. */
function checkNothingLost(before: LoadedIndex, position: number, tips: ReadonlyMap<FeedName, FeedTip>): void {
  const hint =
    'the journal is older than its index: if it came from a backup, use `branchline restore`, which begins a new ' +
    'history; if not, keep a copy of the data directory and restore one';
  for (const tip of before.tips) {
    const found = tips.get(tip.feed)?.head.seq ?? 0;
    if (found < tip.head.seq) {
      throw corruptError(
        `${tip.feed} ends at ${found} in the journal, but ${tip.head.seq} had been durable`,
        { hint },
      );
    }
  }
  const durable = before.covered?.position ?? 0;
  if (position < durable) {
    throw corruptError(`the journal ends at ${position}, but ${durable} had been durable`, { hint });
  }
}

/** Where the index stops and the journal may go on; undefined when the two do not fit together. */
function trustedPlace(loaded: LoadedIndex, segments: Segments): Place | undefined {
  const { covered } = loaded;
  const segment = covered === undefined ? undefined : segments.find(covered.segment);
  if (
    covered === undefined ||
    segment === undefined ||
    covered.end > segment.bytes ||
    covered.end < HEADER_BYTES
  )
    return undefined;
  const known = new Map(loaded.segments.map((each) => [each.first, each.generation]));
  for (const each of segments.list()) {
    if (each.first > covered.segment.first) continue;
    if (known.get(each.first) !== each.generation) return undefined;
    known.delete(each.first);
  }
  return known.size > 0 ? undefined : { segment, offset: covered.end, position: covered.position };
}

/** The last run of every feed is where the index says, ends in the head, and its writer signed it. */
async function headsHold(tips: readonly FeedTip[], options: RecoveryOptions): Promise<boolean> {
  for (const tip of tips) {
    if (tip.head.seq === tip.base.seq) continue;
    const row = (await options.index.locate(tip.feed, tip.head.seq).next()).value;
    if (row === undefined || row.last !== tip.head.seq) return false;
    const bytes = await options.segments.read(row.segment, row.offset, row.length);
    const run = bytes === undefined ? undefined : readRunAt(bytes, row);
    if (run === undefined || !sameHash(run.key, tip.key)) return false;
    const head = headAfter(run.before, run.entries);
    if (!sameHash(head.hash, tip.head.hash) || !headSigned(tip.feed, head, run.signature, tip.key))
      return false;
  }
  return true;
}

/** The run a row of the index points to; undefined when there is another thing, or nothing whole, at that place. */
export function readRunAt(bytes: Uint8Array, row: RunRow) {
  if (bytes.byteLength < FRAME_BYTES) return undefined;
  const length = frameLength(bytes, 0);
  if (length === undefined || length + FRAME_BYTES !== row.length || !frameIntact(bytes, 0, length))
    return undefined;
  const record = decodeRecord(bytes);
  const run = record?.type === 'commit' ? record.runs[row.place] : undefined;
  if (run === undefined || run.feed !== row.feed || run.from !== row.from || lastSeq(run) !== row.last) {
    return undefined;
  }
  return run;
}

/** Follows all records from a place to the end of the journal, fills the index, cuts a torn tail, makes the rest durable. */
async function followFrom(
  start: Place,
  history: History,
  options: RecoveryOptions,
  { coverage, durable }: { coverage: 'keep' | 'withhold'; durable: number },
): Promise<{ position: number; tornBytes: number }> {
  const { segments, disk, dir } = options;
  const follower = new Follower(history, options, coverage, start.position);
  let tornBytes = 0;
  const list = segments.list().filter((each) => each.first >= start.segment.first);
  for (const segment of list) {
    const from = segment.first === start.segment.first ? start.offset : HEADER_BYTES;
    follower.enter(segment);
    const fault = await follower.walk(segment, from);
    if (fault === undefined) continue;
    // A tail that the index had seen durable is not torn but damaged, and is left as it is for whoever looks into it.
    if (segment !== segments.last() || follower.position < durable) throw damaged(segment, fault);
    tornBytes = await cutTornTail(segment, fault, follower.position, options);
  }
  const last = segments.last()!;
  // What is read from the page cache now must not vanish in a power cut after a peer has seen it.
  const file = await disk.open(segments.path(last), 'append');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
  await disk.syncDir(dir);
  await follower.flush();
  await options.index.settled();
  return { position: follower.position, tornBytes };
}

/** The state of one pass over the journal. */
class Follower {
  readonly #history: History;
  readonly #options: RecoveryOptions;
  readonly #coverage: 'keep' | 'withhold';
  #runs: RunRow[] = [];
  #touched = new Set<FeedName>();
  #entered: Segment[] = [];
  #covered: Covered | undefined;
  #records = 0;
  position: number;

  constructor(history: History, options: RecoveryOptions, coverage: 'keep' | 'withhold', position: number) {
    this.#history = history;
    this.#options = options;
    this.#coverage = coverage;
    this.position = position;
  }

  enter(segment: Segment): void {
    this.#entered.push(segment);
  }

  async walk(segment: Segment, from: number): Promise<Fault | undefined> {
    return this.#options.segments.use(segment, async (file) => {
      const walk = walkRecords(file, from, segment.bytes);
      let step = await walk.next();
      while (!step.done) {
        this.#take(segment, step.value);
        if (this.#records % SLICE_RECORDS === 0) await this.flush();
        step = await walk.next();
      }
      return step.value;
    });
  }

  async flush(): Promise<void> {
    // While rebuilding, what the old index said about ends is the witness and must not be overwritten.
    const keep = this.#coverage === 'keep';
    const tips = keep ? [...this.#touched].map((feed) => this.#history.tips().get(feed)!) : [];
    const covered = keep ? this.#covered : undefined;
    const segments = this.#entered.map(({ first, generation }) => ({ first, generation }));
    const group: IndexGroup = { runs: this.#runs, tips, segments, covered };
    this.#runs = [];
    this.#touched = new Set();
    this.#entered = [];
    this.#options.index.put(group);
    await this.#options.index.settled();
    await this.#options.pause();
  }

  #take(segment: Segment, { record, offset, length }: Located): void {
    checkPosition(segment, record, offset, this.position);
    const broken = this.#history.follow(record);
    if (broken !== undefined) {
      throw corruptError(`journal segment ${segmentFile(segment)} at ${offset}: ${describe(broken)}`);
    }
    this.position = record.position;
    this.#records += 1;
    const name = { first: segment.first, generation: segment.generation };
    this.#covered = { position: record.position, segment: name, end: offset + length };
    if (record.type === 'base') this.#touched.add(record.feed);
    if (record.type !== 'commit') return;
    for (const [place, run] of record.runs.entries()) {
      this.#touched.add(run.feed);
      const { feed, from, bytes } = run;
      this.#runs.push({ feed, from, last: lastSeq(run), segment: name, offset, length, place, bytes });
    }
  }
}

/** Positions go up by one; compaction may leave some out, and an orderly end repeats the last. */
export function checkPosition(
  segment: Segment,
  record: Located['record'],
  offset: number,
  previous: number,
): void {
  const { position } = record;
  const next = previous + 1;
  const fits =
    record.type === 'close'
      ? position === previous || segment.generation > 0
      : segment.generation > 0 || offset === HEADER_BYTES
        ? position >= next && position >= segment.first
        : position === next;
  if (fits) return;
  throw corruptError(
    `journal segment ${segmentFile(segment)} at ${offset}: record ${position} stands where ${next} belongs`,
  );
}

/** Cuts what was being written when the power went. Throws when the bad record had been acknowledged. */
async function cutTornTail(
  segment: Segment,
  fault: Fault,
  position: number,
  options: RecoveryOptions,
): Promise<number> {
  const { disk, segments } = options;
  const file = await disk.open(segments.path(segment), 'append');
  try {
    const good = await findGoodRecord(file, fault.offset, segment.bytes, position + 1);
    if (good !== undefined && good.durable > position) throw damaged(segment, fault);
    const torn = segment.bytes - fault.offset;
    await file.truncate(fault.offset);
    await file.datasync();
    segments.cut(segment, fault.offset);
    return torn;
  } finally {
    await file.close();
  }
}

function damaged(segment: Segment, fault: Fault): FeedError {
  return corruptError(`journal segment ${segmentFile(segment)} at ${fault.offset}: ${fault.what}`);
}

export function describe({ feed, seq, to, what }: Break): string {
  return to === undefined || to === seq
    ? `entry ${seq} of ${feed} ${what}`
    : `one of entries ${seq} to ${to} of ${feed} ${what}`;
}
