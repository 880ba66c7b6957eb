/**
 * What live documents show and who decides about edits: implemented by the program, in whose data they are.
 *
 * A live document is a map of rows, and a row a map of scalars: `products.A1.priceMinor`. It is a face of what the program
 * has, never the thing itself: nothing a client wrote goes anywhere but through `edit`.
 */
import type { EditCode } from './errors.ts';

export type LiveValue = string | number | boolean | null;
export type LiveRow = Readonly<Record<string, LiveValue>>;
export type LiveAccess = 'none' | 'read' | 'write';

/** Whoever opened a socket. Equal owners are one and the same. */
export interface LiveUser {
  readonly owner: string;
}

/** One field as a client left it, and as it stood when the client wrote. Undefined: it was not there, or was deleted. */
export interface LiveFieldEdit {
  readonly field: string;
  readonly value: LiveValue | undefined;
  readonly seen: LiveValue | undefined;
}

/** What one change of a client did to one row. */
export interface LiveEdit<User extends LiveUser> {
  readonly document: string;
  readonly user: User;
  /** The same for the same edit whenever it comes: doing it twice must do it once. */
  readonly id: string;
  readonly row: string;
  readonly isNew: boolean;
  readonly fields: readonly LiveFieldEdit[];
}

export interface EditRefusal {
  readonly code: EditCode;
  /** The program's own code for it, when it has one. */
  readonly cause?: string;
  readonly detail: string;
}

export interface LiveChange {
  readonly document: string;
  /** Undefined: what the document says may no longer be said at all; it ends, and begins anew under another id. */
  readonly rows: readonly string[] | undefined;
}

export interface LiveSource<User extends LiveUser> {
  /** Called at any time for the documents there are. */
  documents(): readonly string[];
  /** Called for every frame of a client: from memory, at once. 'none' also for a user whose token was revoked. */
  access(user: User, document: string): LiveAccess;
  /** Name of the map that holds a document's rows. */
  rowsName(document: string): string;
  /** Called with the rows wanted, or for all of them. A row left out of the answer does not exist. */
  read(document: string, rows?: readonly string[]): Promise<ReadonlyMap<string, LiveRow>>;
  /** Called when a client changed a row it may write. Undefined when it is durable. */
  edit(edit: LiveEdit<User>): Promise<EditRefusal | undefined>;
  /**
   * True for a field whose edit says a difference to what the client saw, like a count of pieces: it is never stale, and `edit` gets
   * it also where the value stands already.
   */
  isDifference(document: string, field: string): boolean;
  /** Called with every chunk of a stranger before Automerge sees it; a text says what is wrong with it. */
  chunkFault(bytes: Uint8Array): string | undefined;
  /** The listener is called after rows changed, and must be cheap. */
  watch(listener: (change: LiveChange) => void): () => void;
}
