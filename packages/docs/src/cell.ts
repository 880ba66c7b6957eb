/**
 * Cells: the one shape of data in every document.
 *
 * A document is a fixed set of buckets made by the genesis, and a bucket is a map of `row/column[/column]` to a scalar:
 * `SKU-1/name`, `SKU-1/abcdefghijklmnop/sold`. No nested maps, no lists, no Automerge text, no counters: nothing that two
 * writers could create concurrently and lose a side of. Cells are written, never deleted.
 *
 * Values: text (stored as an immutable string), integers of at most 2^52 either way, booleans, null. Segments of a key are
 * escaped (`%`, `/` and `~`), so any SKU can stand in one; `~` begins rows of the document itself (`~carried/<writer>`).
 */
import type { WriterId } from './doc-name.ts';
import { DocError } from './errors.ts';

/** Characters of an escaped key. */
export const CELL_KEY_CHARS_MAX = 512;
/** Characters of a text value. */
export const CELL_TEXT_CHARS_MAX = 4096;
/** Integers either way; one bit below the safe integers, because Automerge hands back 2^53 - 1 as a BigInt. */
export const CELL_INTEGER_MAX = 2 ** 52;

export type CellValue = string | number | boolean | null;

/** A cell as it stands now. `conflict`: another value was written concurrently and lost, see `Documents.conflicts`. */
export interface Cell {
  readonly key: string;
  readonly value: CellValue;
  readonly conflict: boolean;
}

/** What a mutator sees of a document: this writer's view, including what earlier mutators of the group wrote. */
export interface CellWriter {
  readonly writer: WriterId;
  get(key: string): CellValue | undefined;
  set(key: string, value: CellValue): void;
}

/** One business operation's part in a document. Runs synchronously; throwing drops the whole group's change. */
export type Mutator = (cells: CellWriter) => void;

export function cellKey(row: string, ...columns: readonly string[]): string {
  let key = escapeSegment(row);
  for (const column of columns) {
    key += `/${escapeSegment(column)}`;
  }
  return checkedKey(key);
}

/** Key of a row about the document itself, e.g. `~carried/<writer>`. */
export function documentKey(row: string, ...columns: readonly string[]): string {
  return `~${cellKey(row, ...columns)}`;
}

/** The segments of a key, unescaped. Document rows keep their leading `~`. */
export function keySegments(key: string): string[] {
  return key.split('/').map(unescapeSegment);
}

/** The row a key belongs to: what shards and buckets are chosen by. */
export function keyRow(key: string): string {
  const end = key.indexOf('/');
  return unescapeSegment(end < 0 ? key : key.slice(0, end));
}

export function checkedKey(key: string): string {
  const valid: boolean = isCellKey(key);
  if (!valid) {
    throw new DocError('DOC_CELL', `key "${key.slice(0, 80)}" cannot stand in a document`);
  }
  return key;
}

export function checkedValue(key: string, value: CellValue): CellValue {
  if (!isCellValue(value)) {
    throw new DocError('DOC_CELL', `cell ${key} cannot hold ${typeof value} ${String(value).slice(0, 40)}`, {
      hint: 'Cells hold integers, booleans, null and text; amounts are minor units, quantities thousandths.',
    });
  }
  return value;
}

/** A row and one to three columns, nothing empty, no control characters, no halves of surrogate pairs. */
export function isCellKey(key: unknown): key is string {
  return typeof key === 'string' && key.length <= CELL_KEY_CHARS_MAX && CELL_KEY.test(key);
}

export function isCellValue(value: unknown): value is CellValue {
  switch (typeof value) {
    case 'string':
      return value.length <= CELL_TEXT_CHARS_MAX && !LONE_SURROGATE.test(value);
    case 'number':
      return Number.isSafeInteger(value) && Math.abs(value) <= CELL_INTEGER_MAX;
    case 'boolean':
      return true;
    default:
      return value === null;
  }
}

const CELL_KEY = /^[^/\p{Cc}\p{Cs}]+(\/[^/\p{Cc}\p{Cs}]+){1,3}$/u;
const LONE_SURROGATE = /\p{Cs}/u;

function escapeSegment(text: string): string {
  return text.replaceAll(/[%/~]/g, (char) => ESCAPES[char as keyof typeof ESCAPES]);
}

function unescapeSegment(text: string): string {
  // Almost no key holds an escape, and every cell of every change passes here.
  return !text.includes('%')
    ? text
    : text.replaceAll(/%25|%2F|%7E/g, (code) => (code === '%25' ? '%' : code === '%2F' ? '/' : '~'));
}

const ESCAPES = { '%': '%25', '/': '%2F', '~': '%7E' };
