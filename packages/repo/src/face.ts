/**
 * A face: the Automerge document clients of one live document share.
 *
 * It begins with one map of rows, made here. `put` brings rows to what the program says; `receive` takes a client's sync message in
 * and tells what its changes did to which rows, each as the client saw it: at the heads the change was made on. A change that touches
 * anything besides fields of rows is told as misshapen; whatever it did is undone by the next `put` of the rows it names.
 *
 * Nothing here decides. After a `FaceBroken` the face is to be thrown away and opened again from what is stored.
 */
import * as Automerge from '@automerge/automerge';
import type { LiveFieldEdit, LiveRow, LiveValue } from './live-source.ts';

/** Rows one sync message may touch. */
export const ROWS_TOUCHED_MAX = 1_000;
/** Characters of a text in a field, and of a row's or field's name. */
export const TEXT_CHARS_MAX = 4_096;
export const FACE_KEY_CHARS_MAX = 128;

export type FaceDocument = Automerge.Doc<Record<string, unknown>>;
type Rows = Record<string, Record<string, unknown>>;
type Handle = ReturnType<typeof Automerge.getBackend>;

/** What one change of a client did to one row. */
export interface RowEdit {
  readonly change: string;
  readonly row: string;
  readonly isNew: boolean;
  readonly fields: readonly LiveFieldEdit[];
  /** What no face has: the row as a whole, or a value that is no scalar. */
  readonly misshapen: string | undefined;
}

export interface Received {
  readonly edits: readonly RowEdit[];
  /** Every row that was written, also where nothing is to be decided. */
  readonly touched: ReadonlySet<string>;
  /** Changes that wrote outside of the rows. */
  readonly astray: number;
}

/** A message did to the document what must not be done to it. */
export class FaceBroken extends Error {
  override readonly name = 'FaceBroken';
}

export class Face {
  readonly #rowsName: string;
  /** What the actors of every face of this store begin with. */
  readonly #ours: string;
  #doc: FaceDocument;
  #rowsObject: string;
  /** Rows by the id of their map, also those that lost against another of the same name. */
  readonly #rowOf = new Map<string, string>();
  /** Texts clients wrote letter by letter: row and field they stand in. */
  readonly #textOf = new Map<string, readonly [row: string, field: string]>();

  private constructor(doc: FaceDocument, rowsName: string, ours: string) {
    this.#doc = doc;
    this.#ours = ours;
    this.#rowsName = rowsName;
    this.#rowsObject = '';
    this.#learnRows();
  }

  /** From stored chunks, or begun anew. `actor` is new each time, and begins with `ours`. */
  static open(options: {
    readonly rowsName: string;
    readonly chunks: readonly Uint8Array[];
    readonly timeS: number;
    readonly ours: string;
    readonly actor: string;
  }): Face {
    const { rowsName, chunks, timeS, ours, actor } = options;
    let doc = Automerge.init<Record<string, unknown>>({ actor: actor as Automerge.ActorId });
    for (const chunk of chunks) {
      doc = Automerge.loadIncremental(doc, chunk);
    }
    if (doc[rowsName] === undefined) {
      doc = Automerge.change(doc, { time: timeS }, (root) => {
        root[rowsName] = {};
      });
    }
    return new Face(doc, rowsName, ours);
  }

  get doc(): FaceDocument {
    return this.#doc;
  }

  get heads(): string[] {
    return Automerge.getHeads(this.#doc);
  }

  get rows(): string[] {
    return Object.keys(this.#rows(this.#doc));
  }

  free(): void {
    Automerge.free(this.#doc);
  }

  /** Makes rows what they should be; undefined removes one. False when they were. */
  put(rows: ReadonlyMap<string, LiveRow | undefined>, timeS: number): boolean {
    const shown = this.#rows(this.#doc);
    const stale = [...rows].filter(([row, wanted]) => !isShown(shown[row], wanted));
    if (stale.length === 0) {
      return false;
    }
    this.#doc = Automerge.change(this.#doc, { time: timeS }, (root) => {
      const all = this.#rows(root);
      for (const [row, wanted] of stale) {
        write(all, row, wanted);
      }
    });
    for (const [row, wanted] of stale) {
      if (wanted !== undefined) {
        this.#learnRow(row);
      }
    }
    return true;
  }

  /** Changes of a reader stay where they are: `sync` says so to its Automerge. */
  receiveFromReader(sync: Automerge.SyncState, message: Uint8Array): Automerge.SyncState {
    const [doc, next] = Automerge.receiveSyncMessage(this.#doc, sync, message);
    this.#doc = doc;
    return next;
  }

  receive(sync: Automerge.SyncState, message: Uint8Array): [Automerge.SyncState, Received] {
    const before = this.heads;
    const actor = Automerge.getActorId(this.#doc);
    let next: Automerge.SyncState;
    try {
      [this.#doc, next] = Automerge.receiveSyncMessage(this.#doc, sync, message);
    } catch (cause) {
      throw new FaceBroken('Automerge refused the message', { cause });
    }
    const edits: RowEdit[] = [];
    const touched = new Set<string>();
    let astray = 0;
    for (const bytes of Automerge.getChangesSince(this.#doc, before)) {
      const change = Automerge.decodeChange(bytes);
      if (change.actor === actor) {
        throw new FaceBroken('a change in the name of this server');
      }
      const told = this.#tell(change);
      for (const { row } of told.edits) {
        touched.add(row);
      }
      // After a power cut a client may know changes of ours that are not stored: what we said is nobody's edit.
      if (!change.actor.startsWith(this.#ours)) {
        edits.push(...told.edits);
      }
      astray += told.astray ? 1 : 0;
    }
    if (touched.size > ROWS_TOUCHED_MAX) {
      throw new FaceBroken(`more than ${ROWS_TOUCHED_MAX} rows at once`);
    }
    return [next, { edits, touched, astray }];
  }

  generate(sync: Automerge.SyncState): [Automerge.SyncState, Uint8Array | null] {
    return Automerge.generateSyncMessage(this.#doc, sync);
  }

  /** Which rows and fields a change wrote, and what stood there before and after it. */
  #tell(change: Automerge.DecodedChange): { edits: RowEdit[]; astray: boolean } {
    const touched = new Map<string, { fields: Set<string>; isNew: boolean; misshapen: string | undefined }>();
    const touch = (row: string) => {
      const found = touched.get(row) ?? { fields: new Set<string>(), isNew: false, misshapen: undefined };
      touched.set(row, found);
      return found;
    };
    let astray = false;
    for (const [index, op] of change.ops.entries()) {
      const { action, obj } = op;
      const key = 'key' in op && typeof op.key === 'string' ? op.key : undefined;
      const made = `${change.startOp + index}@${change.actor}`;
      const row = this.#rowOf.get(obj);
      const text = this.#textOf.get(obj);
      if (obj === this.#rowsObject && key !== undefined) {
        const found = touch(key);
        if (action === 'makeMap') {
          found.isNew = true;
          this.#rowOf.set(made, key);
        } else {
          found.misshapen = 'rows are maps, and are not removed';
        }
      } else if (row !== undefined && key !== undefined) {
        const found = touch(row);
        found.fields.add(key);
        if (action === 'makeText') {
          this.#textOf.set(made, [row, key]);
        } else if (action.startsWith('make') || action === 'inc') {
          found.misshapen = `${key} holds text, a whole number, true, false or null`;
        }
      } else if (text !== undefined) {
        touch(text[0]).fields.add(text[1]);
      } else {
        astray = true;
      }
    }
    const edits = Array.from(touched, ([row, { fields, isNew, misshapen }]): RowEdit => {
      const before = Array.from(fields, (field) => this.#at(row, field, change.deps));
      const after = Array.from(fields, (field) => this.#at(row, field, [change.hash]));
      const isBad = row.length > FACE_KEY_CHARS_MAX || after.includes(NO_SCALAR);
      return {
        change: change.hash,
        row,
        isNew,
        fields: [...fields].flatMap((field, index): LiveFieldEdit[] => {
          const [seen, value] = [scalar(before[index]), scalar(after[index])];
          return seen === value ? [] : [{ field, value, seen }];
        }),
        misshapen: misshapen ?? (isBad ? 'a name or value no row can have' : undefined),
      };
    });
    return { edits, astray };
  }

  /** A field at some heads. */
  #at(row: string, field: string, heads: readonly string[]): LiveValue | undefined | symbol {
    const handle: Handle = Automerge.getBackend(this.#doc);
    const at = [...heads];
    const map = handle.getWithType(this.#rowsObject, row, at);
    if (map === null || map === undefined || map[0] !== 'map') {
      return undefined;
    }
    const found = handle.getWithType(map[1] as string, field, at);
    if (found === null || found === undefined) {
      return undefined;
    }
    const [kind, value] = found as unknown as [string, unknown];
    switch (kind) {
      case 'text':
        return textOf(handle.text(value as string, at));
      case 'str':
        return textOf(String(value));
      case 'int':
      case 'uint':
        return Number.isSafeInteger(value) ? (value as number) : NO_SCALAR;
      case 'boolean':
        return value as boolean;
      case 'null':
        return null;
      default:
        return NO_SCALAR;
    }
  }

  #rows(root: Record<string, unknown>): Rows {
    return root[this.#rowsName] as Rows;
  }

  #learnRows(): void {
    const rows = this.#rows(this.#doc);
    const object = rows !== null && typeof rows === 'object' ? Automerge.getObjectId(rows) : null;
    if (object === null) {
      throw new FaceBroken(`${this.#rowsName} is no map`);
    }
    this.#rowsObject = object;
    for (const row of Object.keys(rows)) {
      this.#learnRow(row);
    }
  }

  #learnRow(row: string): void {
    const map = this.#rows(this.#doc)[row];
    const object = map !== null && typeof map === 'object' ? Automerge.getObjectId(map) : null;
    if (object !== null) {
      this.#rowOf.set(object, row);
    }
  }

  /** Takes away what clients put beside the rows. */
  heal(timeS: number): void {
    const rows = this.#doc[this.#rowsName];
    if (rows === null || typeof rows !== 'object' || Automerge.getObjectId(rows) !== this.#rowsObject) {
      throw new FaceBroken(`the map ${this.#rowsName} itself was replaced`);
    }
    const extra = Object.keys(this.#doc).filter((key) => key !== this.#rowsName);
    if (extra.length > 0) {
      this.#doc = Automerge.change(this.#doc, { time: timeS }, (root) => {
        for (const key of extra) {
          delete root[key];
        }
      });
    }
  }
}

const NO_SCALAR = Symbol('no scalar');

function textOf(text: string): string | symbol {
  return text.length <= TEXT_CHARS_MAX ? text : NO_SCALAR;
}

function scalar(value: LiveValue | undefined | symbol): LiveValue | undefined {
  return typeof value === 'symbol' ? undefined : value;
}

/** As a client would see it: also the type of a text counts. */
function isShown(shown: Record<string, unknown> | undefined, wanted: LiveRow | undefined): boolean {
  if (shown === undefined || wanted === undefined) {
    return shown === wanted;
  }
  if (shown === null || typeof shown !== 'object' || Array.isArray(shown)) {
    return false;
  }
  const fields = Object.keys(wanted);
  return (
    fields.length === Object.keys(shown).length &&
    fields.every((field) => isEqual(shown[field], wanted[field]))
  );
}

function isEqual(shown: unknown, wanted: LiveValue | undefined): boolean {
  return typeof wanted === 'string'
    ? Automerge.isImmutableString(shown) && shown.val === wanted
    : shown === wanted;
}

/** Field by field: a map is replaced only when it is none. */
function write(all: Rows, row: string, wanted: LiveRow | undefined): void {
  if (wanted === undefined) {
    delete all[row];
    return;
  }
  const before: unknown = all[row];
  if (before === undefined || before === null || typeof before !== 'object' || Array.isArray(before)) {
    all[row] = {};
  }
  const map = all[row]!;
  for (const field of Object.keys(map)) {
    if (!(field in wanted)) {
      delete map[field];
    }
  }
  for (const [field, value] of Object.entries(wanted)) {
    if (!isEqual(map[field], value)) {
      map[field] = typeof value === 'string' ? new Automerge.ImmutableString(value) : value;
    }
  }
}
