/**
 * Change check: whether a change from a feed may enter its document.
 *
 * Automerge would accept anything well-formed: a foreign actor, a delete, a text object, a new map in place of a bucket,
 * another writer's row, a name in clear text. Each of those harms a document for good or lets a device write what is not its own, so every
 * change of another writer passes here first. The verdict depends on the bytes, the document and the writer alone:
 * every peer refuses the same changes and so all documents stay equal.
 *
 * Not here: whether the change's predecessors are known (`Documents`) and whether the writer may write the collection
 * at all (the registry, before the entry is stored).
 */
import * as Automerge from '@automerge/automerge';
import { PERSONAL_FIELDS, SEALED_TEXT } from '@branchline/model';
import { type ActorId, actorOf } from './actor.ts';
import { type CellValue, isCellKey, isCellValue, keyRow, keySegments } from './cell.ts';
import { guardChange } from './chunk-guard.ts';
import { bucketOf, type DocName, docKind, type WriterId } from './doc-name.ts';
import { objectBucket } from './genesis.ts';

/** Why a change is kept out of its document. The feed goes on; the change stays in it as evidence. */
export type QuarantineCode =
  /** Larger than `CHANGE_LIMITS` as received. */
  | 'CHANGE_SIZE'
  /** Would unpack to more than `CHANGE_LIMITS`. */
  | 'CHANGE_BOMB'
  /** Not an Automerge change, or a damaged one. */
  | 'CHANGE_UNREADABLE'
  /** Made under an actor that is not the writer's in this document. */
  | 'CHANGE_ACTOR'
  /** Writes anything but cells into the genesis buckets. */
  | 'CHANGE_SHAPE'
  /** Writes a row that belongs to another writer. */
  | 'CHANGE_OWNER'
  /** Would put a name, phone, e-mail or note into history in clear text, from where it could never be taken back. */
  | 'CHANGE_PLAIN'
  /** A second, different change under a sequence number already used. */
  | 'CHANGE_SEQ'
  /** Made Automerge panic: taken as hostile. */
  | 'CHANGE_PANIC'
  /** Refused by Automerge for another reason. */
  | 'CHANGE_REFUSED'
  /** Its predecessors are missing and no more changes may wait in this document. */
  | 'CHANGE_WAITING_LIMIT';

/** A change that passed: what `Documents` needs to order and apply it. */
export interface CheckedChange {
  readonly hash: string;
  readonly actor: ActorId;
  readonly seq: number;
  readonly deps: readonly string[];
  /** Number of its first operation; they are numbered upwards. */
  readonly startOp: number;
  /** Cells it writes. */
  readonly keys: readonly string[];
  readonly bytes: Uint8Array;
}

export interface Refusal {
  readonly code: QuarantineCode;
  readonly reason: string;
}

export type ChangeVerdict =
  | { readonly ok: true; readonly change: CheckedChange }
  | ({ readonly ok: false } & Refusal);

export function checkChange(doc: DocName, writer: WriterId, bytes: Uint8Array): ChangeVerdict {
  const guard = guardChange(bytes);
  if (!guard.ok) {
    return refused(GUARD_CODES[guard.reason], guard.detail);
  }
  let decoded: Automerge.DecodedChange;
  try {
    decoded = Automerge.decodeChange(bytes);
  } catch (error) {
    return refused(isPanic(error) ? 'CHANGE_PANIC' : 'CHANGE_UNREADABLE', messageOf(error));
  }
  const actor = actorOf(writer, doc);
  if (decoded.actor !== actor) {
    return refused('CHANGE_ACTOR', `made by actor ${decoded.actor}, ${writer} is ${actor} here`);
  }
  for (const op of decoded.ops) {
    const refusal = checkOperation(doc, writer, op);
    if (refusal !== undefined) {
      return { ok: false, ...refusal };
    }
  }
  const { hash, seq, deps, startOp } = decoded;
  const keys = decoded.ops.map((op) => op.key);
  return { ok: true, change: { hash, actor, seq, deps, startOp, keys, bytes } };
}

/** What a change writes, read without its document; undefined for one that would be kept out. */
export function readChange(
  doc: DocName,
  writer: WriterId,
  bytes: Uint8Array,
):
  | { readonly seq: number; readonly cells: readonly (readonly [key: string, value: CellValue])[] }
  | undefined {
  const verdict = checkChange(doc, writer, bytes);
  if (!verdict.ok) {
    return undefined;
  }
  const { seq, ops } = Automerge.decodeChange(bytes);
  return { seq, cells: ops.map(({ key, value }) => [key, (value ?? null) as CellValue]) };
}

/** A Rust panic inside Automerge, as opposed to a clean refusal. */
export function isPanic(error: unknown): boolean {
  return error instanceof Error && (error.name === 'PanicError' || error.name === 'RuntimeError');
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

const GUARD_CODES = { size: 'CHANGE_SIZE', bomb: 'CHANGE_BOMB', malformed: 'CHANGE_UNREADABLE' } as const;

const DATATYPES = new Set(['int', 'uint', 'str', 'boolean', 'null', undefined]);

function refused(code: QuarantineCode, reason: string): ChangeVerdict {
  return { ok: false, code, reason };
}

function checkOperation(
  doc: DocName,
  writer: WriterId,
  op: Automerge.DecodedChange['ops'][number],
): Refusal | undefined {
  const kind = docKind(doc);
  const bucket = objectBucket(kind, op.obj);
  const { key, value = null } = op;
  if (op.action !== 'set' || bucket === undefined || !isCellKey(key)) {
    return { code: 'CHANGE_SHAPE', reason: `operation ${op.action} on ${op.obj} is not a write to a cell` };
  }
  if (!DATATYPES.has(op.datatype) || !isCellValue(value)) {
    return { code: 'CHANGE_SHAPE', reason: `${key} would hold ${op.datatype ?? typeof value}` };
  }
  if (bucketOf(kind, keyRow(key)) !== bucket) {
    return { code: 'CHANGE_SHAPE', reason: `${key} does not belong in bucket ${bucket}` };
  }
  const owner = cellOwner(doc, key);
  if (owner !== undefined && owner !== writer) {
    return { code: 'CHANGE_OWNER', reason: `${key} belongs to ${owner}, written by ${writer}` };
  }
  if (kind === 'loyalty' && isPlainPersonal(key, value as CellValue)) {
    // The reason is shown to operators: it does not repeat the text.
    return {
      code: 'CHANGE_PLAIN',
      reason: `a personal field of a customer, written by ${writer}, is not encrypted`,
    };
  }
  return undefined;
}

/** Anything but what the cipher makes, or the empty text that clears a field. */
function isPlainPersonal(key: string, value: CellValue): boolean {
  const [, column, ...rest] = keySegments(key);
  return (
    rest.length === 0 &&
    (PERSONAL_FIELDS as readonly (string | undefined)[]).includes(column) &&
    value !== null &&
    value !== '' &&
    !(typeof value === 'string' && SEALED_TEXT.test(value))
  );
}

/** The only writer of a cell: the second segment of stock rows, the third of points (`customer/earned/<writer>`). */
export function cellOwner(doc: DocName, key: string): string | undefined {
  const segments = keySegments(key);
  switch (docKind(doc)) {
    case 'catalog':
      return undefined;
    case 'stock':
      return segments[1];
    case 'loyalty':
      return segments[2];
  }
}
