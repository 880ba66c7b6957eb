/**
 * Families of collections, and the patterns grants are written in.
 *
 * A pattern is a collection's exact name, `prefix/*` (everything below `prefix/`), one open segment between two names, or
 * `*` (everything). The collection
 * `local` and all below it belong to one machine: no pattern matches it, so nobody can be granted it by mistake.
 *
 * A *family* is a collection's first segment. Digests are exchanged per family: a chain of 200 branches has 200
 * `orders/…` collections and one family `orders`, so that comparing everything still fits in one small message.
 */
import type { Collection } from './types.ts';

// Exact collection, `prefix/*`, one open segment as in `letters/*/B001`, or `*`.
export type CollectionPattern = string;

/** What a machine keeps to itself. */
export const LOCAL_COLLECTION = 'local' as Collection;
/** Who may what: written by the tenant's authority, replicated before anything else. */
export const REGISTRY_COLLECTION = 'registry' as Collection;

export function matchesPattern(pattern: CollectionPattern, collection: Collection): boolean {
  if (familyOf(collection) === LOCAL_COLLECTION) return false;
  if (pattern === '*') return true;
  if (pattern.endsWith('/*')) return collection.startsWith(pattern.slice(0, -1));
  if (pattern.includes('/*/')) return matchesSegments(pattern.split('/'), collection.split('/'));
  return pattern === collection;
}

/** All patterns of a grant asked at once: exact names, which most are, cost one look. */
export function patternMatcher(patterns: readonly CollectionPattern[]): (collection: Collection) => boolean {
  const exact = new Set<string>(patterns.filter((pattern) => !pattern.includes('*')));
  const open = patterns.filter((pattern) => pattern.includes('*'));
  return (collection) =>
    (exact.has(collection) && familyOf(collection) !== LOCAL_COLLECTION) ||
    open.some((pattern) => matchesPattern(pattern, collection));
}

// `letters/*/B001`: whatever stands in the open segment.
function matchesSegments(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length && pattern.every((name, at) => name === '*' || name === segments[at])
  );
}

/** First segment: `orders` of `orders/B001`. */
export function familyOf(collection: Collection): string {
  const slash = collection.indexOf('/');
  return slash < 0 ? collection : collection.slice(0, slash);
}

const RANK_OF_FAMILY: Readonly<Record<string, number>> = { registry: 0, orders: 1, receipts: 1, letters: 1 };
export const RANKS = 3;

/** What goes first: 0 the registry, 1 what was sold, 2 documents. */
export function rankOf(family: string): number {
  return RANK_OF_FAMILY[family] ?? RANKS - 1;
}
