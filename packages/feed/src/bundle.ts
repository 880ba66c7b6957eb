/**
 * Bundles: replication by file. The messages of a session, written one after another.
 *
 *     "BRANCHLINE BUNDLE 1\n"
 *     record *   length (4 bytes, big-endian) ‖ first 8 bytes of SHA-256 of the message ‖ message (CBOR)
 *
 *     messages   vector per family (what the exporter holds: the importer sees what it lacks after all),
 *                checkpoints for what is pruned here, entries: registry first, then orders and receipts, then documents; last a mark of the end
 *
 * Guarantees: importing is receiving: the registry admits, signatures and chains are checked, entries held already are skipped,
 * so a bundle may be imported twice, anywhere, in any order with others. A file that was cut short or changed is
 * noticed at the first bad record; what was before it is in, verified, and counts.
 *
 * A bundle for a reader holds what that reader may read; without one, everything but what is local: such a bundle is as
 * confidential as the store itself.
 */
import { createHash } from 'node:crypto';
import { Decoder, Encoder } from 'cbor-x';
import type { Clock } from 'hlc-ts';
import { CheckpointTalk } from './checkpoint-talk.ts';
import { type CheckpointSink, type CheckpointSource, checkpointParts } from './checkpoint-transfer.ts';
import { familyOf, LOCAL_COLLECTION, rankOf } from './collections.ts';
import { FeedError } from './errors.ts';
import { collectionOf, parseFeedName, writerOf } from './feed-name.ts';
import { plainCborFault } from './plain-cbor.ts';
import { Reception, RUN_BYTES_MAX, type Taken } from './reception.ts';
import type { Registry } from './registry.ts';
import type { EntriesMessage, ReplicationMessage } from './replication-messages.ts';
import type { Collection, FeedName, FeedStore, WriterId } from './types.ts';

const MAGIC = Buffer.from('BRANCHLINE BUNDLE 1\n');
export const END = 'end';
const LENGTH_BYTES = 4;
const CHECK_BYTES = 8;
/** One message: a run and what is around it. */
export const RECORD_BYTES_MAX = 2 * 1024 * 1024;
const READ_BYTES = 64 * 1024;

const CBOR = { useRecords: false, tagUint8Array: false, mapsAsObjects: true } as const;
const encoder = new Encoder(CBOR);
const decoder = new Decoder(CBOR);

/** Where each feed ends, by name: what `--since` takes. */
export type FeedVector = Readonly<Record<string, number>>;

export interface ExportOptions {
  readonly store: FeedStore;
  readonly registry: Registry;
  /** What the other side holds already. */
  readonly since?: FeedVector;
  /** Who it is for. */
  readonly reader?: WriterId;
  /** Called for collections whose old entries are pruned here. */
  readonly checkpoints?: CheckpointSource;
  /** Called with how many entries each run has that goes into the bundle; feeds grow while they are written. */
  readonly onEntries?: (entries: number) => void;
}

export interface ImportOptions {
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly tenant: string;
  readonly clock: Clock;
  readonly self: WriterId;
  readonly source: AsyncIterable<Uint8Array>;
  /** Where checkpoints in the bundle go; without it they are passed over. */
  readonly sink?: CheckpointSink;
}

export interface ImportReport {
  /** Entries in the bundle, and those that were new here. */
  readonly entries: number;
  readonly fresh: number;
  readonly refused: readonly { readonly feed: string; readonly code: string }[];
}

/** The vector of everything a bundle could hold, for the next export's `since`. */
export function vectorOf(store: FeedStore): FeedVector {
  const vector: Record<string, number> = {};
  for (const { feed, head } of store.feeds().values()) {
    if (familyOf(collectionOf(feed)) !== LOCAL_COLLECTION) vector[feed] = head.seq;
  }
  return vector;
}

export async function* exportBundle(options: ExportOptions): AsyncGenerator<Uint8Array> {
  const { store, registry, since = {}, reader } = options;
  const readable = (collection: Collection): boolean =>
    familyOf(collection) !== LOCAL_COLLECTION &&
    (reader === undefined || rankOf(familyOf(collection)) === 0 || registry.mayRead(reader, collection));
  const feeds = [...store.feeds().values()]
    .filter(({ feed }) => readable(collectionOf(feed)) && registry.isConfirmed(writerOf(feed)))
    .sort((a, b) => rankOf(familyOf(collectionOf(a.feed))) - rankOf(familyOf(collectionOf(b.feed))));
  yield MAGIC;
  for (const family of new Set(feeds.map(({ feed }) => familyOf(collectionOf(feed))))) {
    const members = feeds.filter(({ feed }) => familyOf(collectionOf(feed)) === family);
    yield record({
      type: 'vector',
      collection: family,
      feeds: members.map(({ feed, head }) => [feed, head.seq, head.hash.subarray(0, 8)] as const),
    });
  }
  const pruned = feeds.filter(({ feed, base }) => base.seq > (since[feed] ?? 0));
  for (const collection of new Set(pruned.map(({ feed }) => collectionOf(feed)))) {
    const offer = await options.checkpoints?.offer(collection);
    const checkpoint = offer && (await options.checkpoints?.load(collection, offer.id));
    if (checkpoint) for (const part of checkpointParts(checkpoint)) yield record(part);
  }
  for (const { feed, head, base } of feeds) {
    for (let from = Math.max(since[feed] ?? 0, base.seq) + 1; from <= head.seq; ) {
      const long = await store.read(feed, from, READ_BYTES);
      const run = long && sizeOf(long.entries) > RUN_BYTES_MAX ? await store.read(feed, from, 1) : long;
      if (!run) break;
      yield record({ type: 'entries', ...run });
      options.onEntries?.(run.entries.length);
      from = run.from + run.entries.length;
    }
  }
  yield record({ type: 'alarm', code: END, detail: '' });
}

export async function importBundle(options: ImportOptions): Promise<ImportReport> {
  const { store, registry, self, source, sink } = options;
  const checkpoints = new CheckpointTalk(
    { ...options, source: undefined, sink, isForked: () => false },
    { takes: false, keeps: false, hasDeclined: () => false },
  );
  const reception = new Reception(
    { ...options, isForked: () => false, isSuperseded: () => false },
    (collection) => rankOf(familyOf(collection)) === 0 || registry.mayRead(self, collection),
  );
  const refused: { feed: string; code: string }[] = [];
  let entries = 0;
  let fresh = 0;
  let ended = false;
  const take = async (message: EntriesMessage): Promise<void> => {
    const feed = parseFeedName(message.feed);
    const before = store.feeds().get(feed)?.head.seq ?? 0;
    for (const taken of await reception.take([message]).catch(gap)) {
      if (taken.type === 'refused') refused.push({ feed, code: taken.code });
      else if (taken.type === 'forked') refused.push({ feed, code: 'FEED_FORK' });
      else if (taken.type === 'ownAhead') refused.push({ feed, code: 'FEED_OWN' });
    }
    fresh += (store.feeds().get(feed)?.head.seq ?? 0) - before;
  };
  for await (const message of records(source)) {
    if (ended) throw invalid('goes on after its end');
    if (message.type === 'entries') {
      entries += message.entries.length;
      await take(message);
    } else if (message.type === 'checkpoint') {
      if (sink) await checkpoints.receive(message);
    } else if (message.type === 'alarm') {
      ended = message.code === END;
    }
  }
  for (const message of reception.release()) refused.push({ feed: message.feed, code: 'WRITER_UNKNOWN' });
  if (!ended) throw invalid('was cut short');
  return { entries, fresh, refused };
}

/** The bundle begins after what is held here: other feeds are none the worse for it. */
function gap(error: unknown): Taken[] {
  if (error instanceof FeedError && error.code === 'FEED_GAP' && error.feed !== undefined) {
    return [{ type: 'refused', feed: error.feed as FeedName, code: error.code }];
  }
  throw error;
}

/** The messages of a bundle, each whole and as it was written. */
export async function* records(source: AsyncIterable<Uint8Array>): AsyncGenerator<ReplicationMessage> {
  let buffer = Buffer.alloc(0);
  let started = false;
  for await (const chunk of source) {
    buffer = Buffer.concat([buffer, chunk]);
    if (!started) {
      if (buffer.byteLength < MAGIC.byteLength) continue;
      if (!buffer.subarray(0, MAGIC.byteLength).equals(MAGIC)) throw invalid('does not begin like one');
      buffer = buffer.subarray(MAGIC.byteLength);
      started = true;
    }
    while (buffer.byteLength >= LENGTH_BYTES + CHECK_BYTES) {
      const length = buffer.readUInt32BE(0);
      if (length > RECORD_BYTES_MAX) throw invalid(`has a record of ${length} bytes`);
      const end = LENGTH_BYTES + CHECK_BYTES + length;
      if (buffer.byteLength < end) break;
      const check = buffer.subarray(LENGTH_BYTES, LENGTH_BYTES + CHECK_BYTES);
      yield decoded(buffer.subarray(LENGTH_BYTES + CHECK_BYTES, end), check);
      buffer = buffer.subarray(end);
    }
  }
  if (buffer.byteLength > 0 || !started) throw invalid('was cut short');
}

function record(message: ReplicationMessage): Uint8Array {
  const bytes = encoder.encode(message);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([length, checkOf(bytes), bytes]);
}

function decoded(bytes: Uint8Array, check: Uint8Array): ReplicationMessage {
  if (Buffer.compare(checkOf(bytes), check) !== 0) throw invalid('was changed');
  if (plainCborFault(bytes) !== undefined) throw invalid('has a record that is no message');
  const message = decoder.decode(Uint8Array.from(bytes)) as ReplicationMessage | undefined;
  const fits = message?.type === 'entries' ? isEntries(message) : typeof message?.type === 'string';
  if (!message || !fits) throw invalid('has a record that is no message');
  return message;
}

/** The check above is no secret: a file made by somebody else may hold anything. */
function isEntries(message: EntriesMessage): boolean {
  const { feed, from, entries, signature } = message;
  const bytes = (value: unknown): boolean => value instanceof Uint8Array;
  return (
    typeof feed === 'string' &&
    Number.isSafeInteger(from) &&
    Array.isArray(entries) &&
    entries.length > 0 &&
    entries.every(bytes) &&
    bytes(signature)
  );
}

function checkOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECK_BYTES);
}

function sizeOf(entries: readonly Uint8Array[]): number {
  return entries.reduce((bytes, entry) => bytes + entry.byteLength, 0);
}

export function invalid(fault: string): FeedError {
  return new FeedError('BUNDLE_INVALID', `the bundle ${fault}`, {
    hint: 'copy or export it again; what was imported so far is verified and stays',
  });
}
