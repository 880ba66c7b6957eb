/**
 * The faces that are open, and who sits before each: opened when asked for, brought to what the program says, evicted when nobody is
 * there, and made again from what is stored when one cannot be trusted.
 *
 * Guarantees: one thing after another on a face (`inTurn`); nothing of a face is seen before it is stored (`show`); documents of one
 * client and documents open are bounded; a document nobody has open goes after `DOCUMENT_IDLE_MS`. Says nothing to clients but to close.
 */
import * as Automerge from '@automerge/automerge';
import type { DocumentId } from '@automerge/automerge-repo/slim';
import type { Clock } from 'hlc-ts';
import { RefusedValues } from './edit-decision.ts';
import { Face, FaceBroken } from './face.ts';
import type { FaceStore } from './face-store.ts';
import type { LiveAccess, LiveRow, LiveSource, LiveUser } from './live-source.ts';
import type { PeerConnection } from './peer-connection.ts';

/** Documents one client has open. */
export const CLIENT_DOCUMENTS_MAX = 256;
/** Documents open here for all clients, and how long one nobody has open stays. */
export const DOCUMENTS_OPEN_MAX = 256;
export const DOCUMENT_IDLE_MS = 60_000;
/** What a document has under way gets this long when everything closes. */
export const CLOSE_GRACE_MS = 2_000;

/** A client's place in one document. */
export interface Seat {
  sync: Automerge.SyncState;
  readonly isReader: boolean;
  /** Heads of a reader's own changes he was told about. */
  told: string;
}

export interface OpenFace {
  readonly name: string;
  readonly id: DocumentId;
  face: Face | undefined;
  readonly seats: Map<PeerConnection, Seat>;
  readonly refused: RefusedValues;
  /** Rows to be read again. */
  dirty: Set<string> | 'all';
  isGathering: boolean;
  idleSinceMs: number;
  turn: Promise<void>;
}

export interface OpenFacesOptions<User extends LiveUser> {
  readonly source: LiveSource<User>;
  readonly store: FaceStore;
  readonly clock: Clock;
  /** Cryptographically random. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly onFailure: (error: Error) => void;
  /** A document began anew: its id is another. */
  readonly onRenamed: () => void;
  readonly clientDocumentsMax: number;
  readonly documentsOpenMax: number;
}

export class OpenFaces<User extends LiveUser> {
  readonly #options: OpenFacesOptions<User>;
  readonly #open = new Map<string, OpenFace>();
  #isClosed = false;

  constructor(options: OpenFacesOptions<User>) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  get(name: string): OpenFace | undefined {
    return this.#open.get(name);
  }

  values(): Iterable<OpenFace> {
    return this.#open.values();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const open of this.#open.values()) {
      await Promise.race([open.turn, this.#options.clock.sleep(CLOSE_GRACE_MS)]);
      open.face?.free();
    }
    this.#open.clear();
  }

  /** The open document with the client in it; undefined beyond a limit. */
  seated(connection: PeerConnection, name: string, access: LiveAccess): OpenFace | undefined {
    const { clientDocumentsMax, documentsOpenMax } = this.#options;
    let open = this.#open.get(name);
    if (open?.seats.has(connection) === true) {
      return open;
    }
    let held = 0;
    for (const { seats } of this.#open.values()) {
      held += seats.has(connection) ? 1 : 0;
    }
    if (held >= clientDocumentsMax) {
      return undefined;
    }
    if (open === undefined) {
      if (this.#open.size >= documentsOpenMax && !this.#evictOne()) {
        return undefined;
      }
      open = this.#newlyOpen(name);
    }
    const isReader = access === 'read';
    open.seats.set(connection, { sync: newSync(isReader), isReader, told: '' });
    return open;
  }

  /** A client is gone; what nobody has open goes a while after. */
  leave(connection: PeerConnection): void {
    const { clock } = this.#options;
    for (const open of this.#open.values()) {
      if (open.seats.delete(connection) && open.seats.size === 0) {
        open.idleSinceMs = clock.monotonicMs();
        clock.setTimer(DOCUMENT_IDLE_MS, () => {
          const idleMs = clock.monotonicMs() - open.idleSinceMs;
          if (open.seats.size === 0 && idleMs >= DOCUMENT_IDLE_MS) {
            this.#evict(open);
          }
        });
      }
    }
  }

  /** One thing after another on a face: between a client's edit and its decision nobody is sent anything. */
  inTurn(open: OpenFace, act: (face: Face) => Promise<void>): void {
    open.turn = open.turn
      .then(async () => {
        if (!this.#isClosed) {
          await act(await this.present(open));
        }
      })
      .catch((error: Error) => {
        this.drop(open);
        if (!this.#isClosed && !(error instanceof FaceBroken)) {
          this.#options.onFailure(error);
        }
      });
  }

  /** Brings dirty rows and those named to what the program says now. */
  async show(open: OpenFace, face: Face, rows: ReadonlySet<string>): Promise<void> {
    const { source, store } = this.#options;
    const isAll = open.dirty === 'all';
    const wanted = isAll ? undefined : [...new Set([...rows, ...(open.dirty as Set<string>)])];
    open.dirty = new Set();
    if (wanted?.length === 0) {
      return;
    }
    const read = await source.read(open.name, wanted);
    const names = wanted ?? [...new Set([...face.rows, ...read.keys()])];
    const put = new Map(names.map((row): [string, LiveRow | undefined] => [row, read.get(row)]));
    face.put(put, this.#nowS);
    // Stored before anybody sees it: what a client has and we do not would come back as its own edit.
    await store.save(open.name, face.doc);
  }

  /** What is in memory cannot be trusted: everybody who has it open compares with what is stored, from the beginning. */
  drop(open: OpenFace): void {
    open.face?.free();
    open.face = undefined;
    for (const seat of open.seats.values()) {
      seat.sync = newSync(seat.isReader);
    }
  }

  /** What the program must not say any more ends here and in the store; clients are told to open another. */
  retire(name: string): void {
    const { store, onFailure } = this.#options;
    const open = this.#open.get(name);
    for (const connection of open?.seats.keys() ?? []) {
      connection.close('ACCESS_ENDED');
    }
    const end = async (): Promise<void> => {
      open?.face?.free();
      if (open !== undefined) {
        open.face = undefined;
        this.#open.delete(name);
      }
      await store.beginAnew(name);
    };
    const turn = (open?.turn ?? Promise.resolve()).then(end).catch(onFailure);
    if (open !== undefined) {
      open.turn = turn;
    }
  }

  /** The face in memory, or opened from what is stored and shown what the program says. */
  async present(open: OpenFace): Promise<Face> {
    if (open.face !== undefined) {
      return open.face;
    }
    const { source, store, randomBytes, onRenamed } = this.#options;
    const chunks = await store.load(open.name);
    if (chunks === undefined) {
      // Grown too long: this generation ends. Who asked for it by its id lists the documents again.
      for (const connection of open.seats.keys()) {
        connection.close('ACCESS_ENDED');
      }
      this.#open.delete(open.name);
      onRenamed();
      await store.beginAnew(open.name);
      throw new FaceBroken('began anew');
    }
    const { ours } = store;
    const face = Face.open({
      rowsName: source.rowsName(open.name),
      chunks,
      timeS: this.#nowS,
      ours,
      actor: ours + Buffer.from(randomBytes(8)).toString('hex'),
    });
    store.loaded(open.name, face.doc);
    open.face = face;
    open.dirty = 'all';
    await this.show(open, face, new Set());
    return face;
  }

  #newlyOpen(name: string): OpenFace {
    const open: OpenFace = {
      name,
      id: this.#options.store.idOf(name),
      face: undefined,
      seats: new Map(),
      refused: new RefusedValues(),
      dirty: 'all',
      isGathering: false,
      idleSinceMs: 0,
      turn: Promise.resolve(),
    };
    this.#open.set(name, open);
    return open;
  }

  /** Makes room for another document. */
  #evictOne(): boolean {
    for (const open of this.#open.values()) {
      if (open.seats.size === 0) {
        this.#evict(open);
        return true;
      }
    }
    return false;
  }

  #evict(open: OpenFace): void {
    if (this.#open.get(open.name) !== open) {
      return;
    }
    this.#open.delete(open.name);
    open.turn = open.turn.then(() => this.drop(open));
  }

  get #nowS(): number {
    return Math.floor(this.#options.clock.nowMs() / 1000);
  }
}

function newSync(isReader: boolean): Automerge.SyncState {
  return Automerge.initSyncState(isReader ? { readOnly: true } : {});
}
