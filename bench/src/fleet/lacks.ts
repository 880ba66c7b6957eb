/**
 * What everybody lacks when the network comes back, and the fewest bytes it could travel in.
 *
 * Per receiver and collection the smaller of two encodings:
 *   entries      the bytes of all entries it lacks, in one deflate stream (level 9): no frames, no signatures, no hashes
 *   checkpoint   the compressed documents as they are afterwards, where the collection is made of documents
 * Nothing else is counted: no handshake, no vectors, no acknowledgements. A branch sends only what it wrote itself; one that receives
 * a region's points gets every other branch's. Where a region is large, the share of a receiver's own entries is taken out by
 * proportion instead of compressing again for each receiver.
 */
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { type DocName, Documents } from '@branchline/docs';
import { decodeEntry, NodeDisk, readJournal } from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import { branchesOf, HQ } from './plan.ts';
import type { PreparedFleet } from './prepare.ts';

export interface Change {
  readonly writer: string;
  readonly bytes: Uint8Array;
}

export interface Lacks {
  /** Entries written while cut off, by feed. */
  readonly entries: ReadonlyMap<string, readonly Uint8Array[]>;
  /** Changes of those entries, by document, in an order in which they apply. */
  readonly changes: ReadonlyMap<string, readonly Change[]>;
  /** Changes from before, by document. */
  readonly changesBefore: ReadonlyMap<string, readonly Change[]>;
}

export interface EncodedMinimum {
  readonly upBytes: number;
  readonly downBytes: number;
  /** Of those, by collection without its last part. */
  readonly upBy: Readonly<Record<string, number>>;
  readonly downBy: Readonly<Record<string, number>>;
  /** What one branch sends and gets, on average. */
  readonly entries: number;
}

export async function readLacks(fleet: PreparedFleet): Promise<Lacks> {
  const entries = new Map<string, Uint8Array[]>();
  const changes = new Map<string, Change[]>();
  const changesBefore = new Map<string, Change[]>();
  const seen = new Set<string>();
  for (const code of [HQ, ...branchesOf(fleet.plan).map((branch) => branch.code)]) {
    const dir = join(fleet.dir, code, 'journal');
    for await (const { runs } of readJournal({ disk: new NodeDisk(), dir })) {
      for (const { feed, from, entries: held } of runs) {
        const isDocument = /^(catalog|loyalty|stock)\//.test(feed);
        for (const [at, bytes] of held.entries()) {
          const seq = from + at;
          const isNew = seq > (fleet.before[feed] ?? 0);
          if (feed.startsWith('local/') || seen.has(`${feed}:${seq}`)) continue;
          seen.add(`${feed}:${seq}`);
          if (isNew) push(entries, feed, bytes);
          if (!isDocument) continue;
          const { kind, body } = decodeEntry(feed, seq, bytes);
          if (kind !== 'change') continue;
          const { doc, change } = body as { doc: string; change: Uint8Array };
          push(isNew ? changes : changesBefore, doc, {
            writer: feed.slice(feed.lastIndexOf('/') + 1),
            bytes: change,
          });
        }
      }
    }
  }
  return { entries, changes, changesBefore };
}

/** The documents as everybody has them afterwards, and how long it took to apply the new changes to them, one after another. */
export async function applyOnce(
  lacks: Lacks,
  clock: Clock,
): Promise<{
  readonly applyMs: number;
  readonly changes: number;
  readonly saved: ReadonlyMap<string, number>;
}> {
  const documents = new Documents({ source: { load: async () => ({ changes: [] }) }, clock });
  const saved = new Map<string, number>();
  let applyMs = 0;
  let count = 0;
  for (const [name, changes] of lacks.changes) {
    const doc = name as DocName;
    await documents.apply(doc, (lacks.changesBefore.get(name) ?? []) as never);
    const fromMs = clock.monotonicMs();
    await documents.apply(doc, changes as never);
    applyMs += clock.monotonicMs() - fromMs;
    count += changes.length;
    saved.set(name, (await documents.save(doc)).byteLength);
    documents.reload(doc);
  }
  documents.close();
  return { applyMs, changes: count, saved };
}

export function encodedMinimum(
  fleet: PreparedFleet,
  lacks: Lacks,
  saved: ReadonlyMap<string, number>,
): EncodedMinimum {
  const branches = branchesOf(fleet.plan);
  const upBy: Record<string, number> = {};
  const downBy: Record<string, number> = {};
  const byCollection = new Map<string, Map<string, readonly Uint8Array[]>>();
  let entries = 0;
  for (const [feed, held] of lacks.entries) {
    const collection = feed.slice(0, feed.lastIndexOf('/'));
    const feeds = byCollection.get(collection) ?? new Map();
    byCollection.set(collection, feeds.set(feed, held));
    entries += held.length;
    // Whoever wrote it sends it once.
    if (!feed.startsWith('registry/')) add(upBy, collection, deflated(held));
  }
  for (const [collection, feeds] of byCollection) {
    const all = deflated([...feeds.values()].flat());
    const share = (own: number): number => Math.round((all * (feeds.size - own)) / feeds.size);
    const checkpoint = checkpointBytes(collection, saved);
    const best = (bytes: number): number => Math.min(bytes, checkpoint ?? bytes);
    const [family, region] = collection.split('/');
    if (family === 'catalog') add(downBy, collection, best(all) * branches.length);
    if (family === 'loyalty') {
      const members = branches.filter((branch) => branch.region === region);
      for (const _ of members) add(downBy, collection, best(share(members.length === feeds.size ? 1 : 0)));
    }
    // Head office reads everything but what it wrote itself.
    if (family !== 'catalog' && family !== 'registry') add(downBy, `${collection}`, best(all));
  }
  return {
    upBytes: sum(upBy),
    downBytes: sum(downBy),
    upBy: grouped(upBy),
    downBy: grouped(downBy),
    entries,
  };
}

function checkpointBytes(collection: string, saved: ReadonlyMap<string, number>): number | undefined {
  const docs = [...saved].filter(([doc]) => doc.slice(0, doc.lastIndexOf('/')) === collection);
  return docs.length === 0 ? undefined : docs.reduce((bytes, [, size]) => bytes + size, 0);
}

function deflated(entries: readonly Uint8Array[]): number {
  return deflateRawSync(Buffer.concat(entries), { level: 9 }).byteLength;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function add(sums: Record<string, number>, key: string, bytes: number): void {
  sums[key] = (sums[key] ?? 0) + bytes;
}

function sum(sums: Readonly<Record<string, number>>): number {
  return Object.values(sums).reduce((total, bytes) => total + bytes, 0);
}

function grouped(sums: Readonly<Record<string, number>>): Record<string, number> {
  const groups: Record<string, number> = {};
  for (const [key, bytes] of Object.entries(sums)) add(groups, key.split('/')[0]!, bytes);
  return groups;
}
