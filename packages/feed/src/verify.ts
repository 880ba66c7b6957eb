/**
 * The full check of a journal: every byte, hash and signature from the first record on.
 *
 * Guarantees: finds one changed bit, one removed entry and one swapped pair, and names the first broken entry with the segment and
 * offset where it stands. Needs no index, no key directory and no open store: runs carry their writer's key, and a
 * writer id is made from its key. Given what else is known of the heads (an index, a peer, a printout), a history cut off
 * at its end is found too.
 *
 * A record cut off at the very end of a store that was not closed is reported as `tornBytes`, not as broken: it is what a power
 * cut leaves of a commit that was never acknowledged. Reads only; opening the store cuts it.
 */
import type { Disk } from './disk.ts';
import { FeedError } from './errors.ts';
import { type Break, History } from './history.ts';
import type { FeedTip } from './intake.ts';
import { decodeRecord, FRAME_BYTES, frameLength } from './record.ts';
import { checkPosition } from './recovery.ts';
import {
  decodeHeader,
  type Fault,
  findGoodRecord,
  HEADER_BYTES,
  parseSegmentFile,
  segmentFile,
  walkRecords,
} from './segment.ts';
import type { Segment } from './segments.ts';
import type { FeedName, Head } from './types.ts';

/** The first thing that is not as it was written. */
export interface Broken {
  /** Undefined when the damage leaves no telling which entry it hit. */
  readonly feed?: FeedName;
  readonly seq?: number;
  /** When a signature vouches for several entries, the last of them. */
  readonly to?: number;
  readonly what: string;
  readonly segment: string;
  readonly offset: number;
}

export interface Verified {
  readonly feeds: ReadonlyMap<FeedName, Head>;
  readonly entries: number;
  readonly position: number;
  readonly tornBytes: number;
  readonly broken: Broken | undefined;
}

export interface VerifyOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly tenant: string;
  /** Heads known from elsewhere: the journal must reach them. */
  readonly expected?: ReadonlyMap<FeedName, Head>;
  /** Called after each segment with the share that is done. */
  readonly onProgress?: (done: number) => void;
}

interface Pass {
  readonly options: VerifyOptions;
  readonly history: History;
  position: number;
  entries: number;
  tornBytes: number;
  broken: Broken | undefined;
}

export async function verifyStore(options: VerifyOptions): Promise<Verified> {
  const history = new History({ tenant: options.tenant, signatures: true });
  const pass: Pass = { options, history, position: 0, entries: 0, tornBytes: 0, broken: undefined };
  const segments = await listSegments(options);
  for (const [index, segment] of segments.entries()) {
    if (index === 0) pass.position = segment.first - 1;
    await verifySegment(pass, segment, index === segments.length - 1);
    if (pass.broken !== undefined) break;
    options.onProgress?.((index + 1) / segments.length);
  }
  const last = segments.at(-1);
  if (pass.broken === undefined && last !== undefined) pass.broken = finish(pass, last);
  const feeds = new Map([...history.tips()].map(([feed, tip]) => [feed, tip.head]));
  const { position, entries, tornBytes, broken } = pass;
  return { feeds, entries, position, tornBytes, broken };
}

/** The newest generation of every segment, oldest first. */
export async function listSegments({ disk, dir }: Pick<VerifyOptions, 'disk' | 'dir'>): Promise<Segment[]> {
  const newest = new Map<number, Segment>();
  for (const file of (await disk.list(dir)).sort()) {
    const name = parseSegmentFile(file);
    if (name === undefined || (newest.get(name.first)?.generation ?? -1) > name.generation) continue;
    newest.set(name.first, { ...name, bytes: 0 });
  }
  return [...newest.values()].sort((a, b) => a.first - b.first);
}

async function verifySegment(pass: Pass, segment: Segment, isLast: boolean): Promise<void> {
  const { disk, dir, tenant } = pass.options;
  const name = segmentFile(segment);
  const file = await disk.open(`${dir}/${name}`, 'read');
  try {
    segment.bytes = await file.size();
    const header = decodeHeader(await file.read(0, HEADER_BYTES));
    const fault = 'fault' in header ? header.fault : headerFault(segment, header, tenant);
    if (fault !== undefined) {
      if (isLast && segment.bytes <= HEADER_BYTES && 'fault' in header) pass.tornBytes = segment.bytes;
      else pass.broken = { what: `segment: ${fault}`, segment: name, offset: 0 };
      return;
    }
    const walk = walkRecords(file, HEADER_BYTES, segment.bytes);
    let step = await walk.next();
    while (!step.done) {
      const { record, offset } = step.value;
      pass.broken = verifyRecord(pass, segment, record, offset);
      if (pass.broken !== undefined) return;
      step = await walk.next();
    }
    if (step.value === undefined) return;
    const good = await findGoodRecord(file, step.value.offset, segment.bytes, pass.position + 1);
    if (isLast && (good === undefined || good.durable <= pass.position)) {
      pass.tornBytes = segment.bytes - step.value.offset;
      return;
    }
    const rest = await file.read(
      step.value.offset,
      good === undefined ? segment.bytes : good.offset - step.value.offset,
    );
    pass.broken = { ...nameEntry(pass, rest, step.value), segment: name, offset: step.value.offset };
  } finally {
    await file.close();
  }
}

function verifyRecord(
  pass: Pass,
  segment: Segment,
  record: Parameters<typeof checkPosition>[1],
  offset: number,
): Broken | undefined {
  const at = { segment: segmentFile(segment), offset };
  const broken = pass.history.follow(record);
  if (broken !== undefined) return { ...broken, ...at };
  try {
    checkPosition(segment, record, offset, pass.position);
  } catch (error) {
    if (error instanceof FeedError) return { what: error.message, ...at };
    throw error;
  }
  pass.position = record.position;
  if (record.type === 'commit') {
    for (const run of record.runs) pass.entries += run.entries.length;
  }
  return undefined;
}

function finish(pass: Pass, last: Segment): Broken | undefined {
  const at = { segment: segmentFile(last), offset: last.bytes };
  const hole = pass.history.finish();
  if (hole !== undefined) return { ...hole, ...at };
  for (const [feed, head] of pass.options.expected ?? []) {
    const found = pass.history.tips().get(feed)?.head.seq ?? 0;
    if (found < head.seq) return { feed, seq: found + 1, to: head.seq, what: 'is missing at the end', ...at };
  }
  return undefined;
}

/** A record that fails its checksum may still be read well enough to say which of its entries changed. */
function nameEntry(pass: Pass, bytes: Uint8Array, fault: Fault): Partial<Break> & { what: string } {
  const { what } = fault;
  const length = bytes.byteLength < FRAME_BYTES ? undefined : frameLength(bytes, 0);
  if (length === undefined || FRAME_BYTES + length > bytes.byteLength) return { what };
  const record = decodeRecord(bytes.subarray(0, FRAME_BYTES + length));
  if (record === undefined) return { what };
  const tips: FeedTip[] = [...pass.history.tips().values()];
  const trial = new History({ tenant: pass.options.tenant, signatures: true, tips });
  const broken = trial.follow(record);
  if (broken !== undefined) return { ...broken, what: `${broken.what}; ${what}` };
  if (record.type !== 'commit' || record.runs.length === 0) return { what };
  // The damage is in the frame or the prefix: the entries are whole, the first of them names the place.
  const { feed, from } = record.runs[0]!;
  return { feed, seq: from, what: `is whole, but ${what}` };
}

function headerFault(
  segment: Segment,
  header: { name: { first: number; generation: number }; tenant: string },
  tenant: string,
): string | undefined {
  if (header.name.first !== segment.first || header.name.generation !== segment.generation) {
    return `it says it is ${segmentFile(header.name)}`;
  }
  return header.tenant === tenant ? undefined : `it belongs to tenant ${JSON.stringify(header.tenant)}`;
}
