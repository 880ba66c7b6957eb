/**
 * Document names and where a key lives: collection, shard, bucket.
 *
 * `catalog/<shard>` · `loyalty/<region>/<shard>` · `stock/<branch>/<period>`. A row's first key segment (SKU, customer)
 * decides its shard and, inside the shard, its bucket; both come from one 32-bit hash whose low byte picks the shard and
 * whose next byte picks the bucket, so buckets stay even inside a shard.
 *
 * Shard and bucket counts are part of the data format: changing one orphans every stored row, so a test pins them.
 */
import { isoTime } from 'hlc-ts';
import { DocError } from './errors.ts';

/** A device key's short name. Same brand as the one of the feed package, which this package may not import. */
export type WriterId = string & { readonly __brand: 'WriterId' };

/** `collection…/shard`. */
export type DocName = string & { readonly __brand: 'DocName' };

export type DocKind = 'catalog' | 'stock' | 'loyalty';

/** `2026-11`: a calendar month (UTC). */
export type Period = string & { readonly __brand: 'Period' };

export const CATALOG_SHARDS = 64;
export const LOYALTY_SHARDS = 64;
/** Buckets per document: maps stay near or below 256 keys at 100k SKUs, 30k customers, 10k stocked SKUs of two writers. */
export const BUCKETS: Readonly<Record<DocKind, number>> = { catalog: 64, stock: 256, loyalty: 64 };

const SEGMENT = /^[A-Za-z0-9_.-]{1,64}$/;
const PERIOD = /^\d{4}-(0[1-9]|1[0-2])$/;

/** The catalog shard a SKU lives in. */
export function catalogDoc(sku: string): DocName {
  return `catalog/${keyHash(sku) % CATALOG_SHARDS}` as DocName;
}

/** The loyalty shard a customer lives in. */
export function loyaltyDoc(region: string, customer: string): DocName {
  return `loyalty/${segment(region)}/${keyHash(customer) % LOYALTY_SHARDS}` as DocName;
}

/** The stock document of a branch for a period. */
export function stockDoc(branch: string, period: Period): DocName {
  return `stock/${segment(branch)}/${period}` as DocName;
}

/** The period a moment belongs to. Two clocks may disagree about it: a writer never goes back (`StockPeriods`). */
export function stockPeriod(ms: number): Period {
  return parsePeriod(isoTime(ms).slice(0, 7));
}

export function parsePeriod(text: string): Period {
  if (!PERIOD.test(text)) {
    throw new DocError('DOC_NAME', `"${text}" is not a period like 2026-11`);
  }
  return text as Period;
}

/** A name from outside; `DOC_NAME` unless it names a document that can exist. */
export function parseDocName(text: string): DocName {
  const [kind, ...rest] = text.split('/');
  const valid =
    (kind === 'catalog' && rest.length === 1 && isShard(rest[0], CATALOG_SHARDS)) ||
    (kind === 'loyalty' && rest.length === 2 && isSegment(rest[0]) && isShard(rest[1], LOYALTY_SHARDS)) ||
    (kind === 'stock' && rest.length === 2 && isSegment(rest[0]) && PERIOD.test(rest[1] ?? ''));
  if (!valid) {
    throw new DocError('DOC_NAME', `there is no document "${text}"`);
  }
  return text as DocName;
}

export function docKind(doc: DocName): DocKind {
  return doc.slice(0, doc.indexOf('/')) as DocKind;
}

/** The collection whose feeds carry a document's changes: its name without the last segment. */
export function docCollection(doc: DocName): string {
  return doc.slice(0, doc.lastIndexOf('/'));
}

/** The period of a stock document. */
export function docPeriod(doc: DocName): Period {
  return parsePeriod(doc.slice(doc.lastIndexOf('/') + 1));
}

/** Every document of the catalog or of a region's loyalty. */
export function shardDocs(collection: string): DocName[] {
  const count = collection === 'catalog' ? CATALOG_SHARDS : LOYALTY_SHARDS;
  return Array.from({ length: count }, (_, shard) => parseDocName(`${collection}/${shard}`));
}

/** The bucket of a row inside its document, from the row's first (unescaped) key segment. */
export function bucketOf(kind: DocKind, row: string): number {
  return (keyHash(row) >>> 8) % BUCKETS[kind];
}

/** FNV-1a over UTF-8 with the final mix of MurmurHash3: fast, even in every byte, and pinned by a test. */
export function keyHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) {
      return mixed(utf8.encode(text).reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5));
    }
    hash = Math.imul(hash ^ code, 0x01000193);
  }
  return mixed(hash);
}

function mixed(sum: number): number {
  let hash = sum;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const utf8 = new TextEncoder();

function segment(text: string): string {
  if (!isSegment(text)) {
    throw new DocError('DOC_NAME', `"${text}" cannot stand in a document name`);
  }
  return text;
}

function isSegment(text: string | undefined): boolean {
  return text !== undefined && SEGMENT.test(text);
}

function isShard(text: string | undefined, count: number): boolean {
  return text !== undefined && /^(0|[1-9]\d?)$/.test(text) && Number(text) < count;
}
