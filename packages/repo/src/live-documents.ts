/**
 * Live documents: stock automerge-repo clients open them over a WebSocket, see every change of the program at once, and edit what
 * their user may write.
 *
 *     client ──sync──> face ──edits, one by one──> source.edit ──refused──> event to the client
 *                        ^                              │ durable
 *                        └────── put(rows read) <───────┴──── source.watch, whatever changed them
 *                        └──sync──> every client that has it open
 *
 * Guarantees
 *   L1  What a client sees after its edit was decided is what the program says: a refused edit goes back, by a change of ours.
 *   L2  Nobody sees an edit of another before it is durable.
 *   L3  A user who may only read changes nothing in a face; he is told so, and goes on receiving.
 *   L4  A field somebody else changed since the client saw it is not overwritten (`EDIT_STALE`).
 *   L5  An unknown document, or one the user may not see, costs an answer and nothing else.
 *   L6  A message that harms a face closes its client; the face is opened again from what is stored.
 *   L7  Clients, documents of one client, documents open, frames and bytes are bounded.
 *
 * Does not: forward presence or other messages between clients, or know any program's words.
 */
import * as Automerge from '@automerge/automerge';
import {
  type AutomergeUrl,
  cbor,
  type DocumentId,
  type PeerId,
  type StorageAdapterInterface,
  type StorageId,
  stringifyAutomergeUrl,
} from '@automerge/automerge-repo/slim';
import type { Clock } from 'hlc-ts';
import type { EditCode } from './errors.ts';
import { Face, FaceBroken, type RowEdit } from './face.ts';
import { FaceStore } from './face-store.ts';
import type { MessageFrame } from './frames.ts';
import type { LiveAccess, LiveChange, LiveRow, LiveSource, LiveUser } from './live-source.ts';
import type { PeerConnection } from './peer-connection.ts';
import { type Admission, PeerTable } from './peer-table.ts';
import type { RepoSocket } from './repo-socket.ts';

/** Documents one client has open. */
export const CLIENT_DOCUMENTS_MAX = 256;
/** Documents open here for all clients, and how long one nobody has open stays. */
export const DOCUMENTS_OPEN_MAX = 256;
export const DOCUMENT_IDLE_MS = 60_000;
/** Rows that changed are gathered so long before clients see them. */
export const GATHER_MS = 50;
/** What a document has under way gets this long when everything closes. */
export const CLOSE_GRACE_MS = 2_000;
/** Refused values remembered of one document. */
export const REFUSED_HELD_MAX = 1_000;
/** Refusals told of one message; the rest is counted in the last. */
export const REFUSALS_TOLD_MAX = 20;

/** `type` of the message a client gets on the handle of a document (`ephemeral-message`) when an edit was not taken over. */
export const REFUSED = 'branchline.edit-refused';

export interface LiveRefusal {
  readonly type: typeof REFUSED;
  readonly code: EditCode;
  /** The program's own code. */
  readonly cause?: string | undefined;
  readonly detail: string;
  readonly row?: string;
}

export interface LiveDocument {
  readonly name: string;
  readonly url: AutomergeUrl;
  readonly access: Exclude<LiveAccess, 'none'>;
}

export interface LiveCounts {
  readonly clients: number;
  readonly documents: number;
  readonly edits: number;
  readonly refusals: number;
  /** Requests for documents that are not there, or not for that user. */
  readonly unavailable: number;
  readonly broken: number;
}

export interface LiveDocumentsOptions<User extends LiveUser> {
  readonly source: LiveSource<User>;
  readonly storage: StorageAdapterInterface;
  readonly clock: Clock;
  readonly tenant: string;
  /** Cryptographically random. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** A face could not be read, written or made: the program's business. */
  readonly onFailure: (error: Error) => void;
  readonly limits?: Partial<LiveLimits>;
}

export interface LiveLimits {
  readonly clients: number;
  readonly clientDocuments: number;
  readonly documentsOpen: number;
  readonly faceBytes: number;
}

/** A client's place in one document. */
interface Seat {
  sync: Automerge.SyncState;
  readonly isReader: boolean;
  /** Heads of a reader's own changes he was told about. */
  told: string;
}

/**
 * Values that were refused last. Who wrote one and goes on writing before he sees it go back does not overwrite anybody: what stood
 * then stands still.
 */
class Refused {
  readonly #last = new Map<string, { value: unknown; stood: unknown }>();

  note(row: string, field: string, value: unknown, stood: unknown): void {
    if (this.#last.size >= REFUSED_HELD_MAX) {
      this.#last.clear();
    }
    this.#last.set(`${row}\0${field}`, { value, stood });
  }

  isOwn(row: string, field: string, seen: unknown, now: unknown): boolean {
    const last = this.#last.get(`${row}\0${field}`);
    return last !== undefined && last.value === seen && last.stood === now;
  }
}

interface OpenFace {
  readonly name: string;
  readonly id: DocumentId;
  face: Face | undefined;
  readonly seats: Map<PeerConnection, Seat>;
  readonly refused: Refused;
  /** Rows to be read again. */
  dirty: Set<string> | 'all';
  isGathering: boolean;
  idleSinceMs: number;
  turn: Promise<void>;
}

export class LiveDocuments<User extends LiveUser> {
  readonly #options: LiveDocumentsOptions<User>;
  readonly #store: FaceStore;
  readonly #peers: PeerTable;
  readonly #self: PeerId;
  readonly #session: string;
  readonly #users = new Map<PeerConnection, User>();
  readonly #names = new Map<DocumentId, string>();
  readonly #open = new Map<string, OpenFace>();
  readonly #unwatch: () => void;
  #told = 0;
  #counts = { edits: 0, refusals: 0, unavailable: 0, broken: 0 };
  #isClosed = false;

  private constructor(options: LiveDocumentsOptions<User>, store: FaceStore) {
    const { clock, randomBytes, source, limits } = options;
    this.#options = options;
    this.#store = store;
    this.#self = `branchline-${Buffer.from(randomBytes(8)).toString('hex')}` as PeerId;
    this.#session = Buffer.from(randomBytes(8)).toString('hex');
    const metadata = { storageId: store.idOf('') as string as StorageId, isEphemeral: false };
    this.#peers = new PeerTable(this.#self, metadata, {
      clock,
      onPeer: () => undefined,
      onMessage: (connection, frame) => this.#receive(connection, frame),
      onDrained: (connection) => this.#pushAll(connection),
      onGone: (connection) => this.#leave(connection),
      ...(limits?.clients === undefined ? {} : { clientsMax: limits.clients }),
    });
    this.#unwatch = source.watch((change) => this.#changed(change));
  }

  static async open<User extends LiveUser>(
    options: LiveDocumentsOptions<User>,
  ): Promise<LiveDocuments<User>> {
    const faceBytesMax = options.limits?.faceBytes;
    const store = await FaceStore.open({
      ...options,
      ...(faceBytesMax === undefined ? {} : { faceBytesMax }),
    });
    return new LiveDocuments(options, store);
  }

  /** What a user may open. The urls hold until a document begins anew: list again at every start. */
  documents(user: User): LiveDocument[] {
    this.#learnNames();
    const { source } = this.#options;
    return source.documents().flatMap((name): LiveDocument[] => {
      const access = source.access(user, name);
      return access === 'none' ? [] : [{ name, url: this.urlOf(name), access }];
    });
  }

  urlOf(name: string): AutomergeUrl {
    return stringifyAutomergeUrl({ documentId: this.#store.idOf(name) });
  }

  get counts(): LiveCounts {
    return { clients: this.#peers.connections.length, documents: this.#open.size, ...this.#counts };
  }

  /** Closed connections by code. */
  get closed(): ReadonlyMap<string, number> {
    return this.#peers.closed;
  }

  /** Called with a socket whose user was authenticated. */
  accept(socket: RepoSocket, user: User, mayBe?: Admission['mayBe']): void {
    if (this.#isClosed) {
      socket.terminate();
      return;
    }
    const { owner } = user;
    const connection = this.#peers.accept(socket, mayBe === undefined ? { owner } : { owner, mayBe });
    this.#users.set(connection, user);
    socket.on('close', () => this.#users.delete(connection));
  }

  async close(): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#unwatch();
    this.#peers.close();
    for (const open of this.#open.values()) {
      await Promise.race([open.turn, this.#options.clock.sleep(CLOSE_GRACE_MS)]);
      open.face?.free();
    }
    this.#open.clear();
  }

  // ------------------------------------------------------------------------------------------------ from clients

  #receive(connection: PeerConnection, { type, documentId, data }: MessageFrame): void {
    if ((type !== 'sync' && type !== 'request') || documentId === undefined || data === undefined) {
      return;
    }
    const user = this.#users.get(connection);
    const name = this.#nameOf(documentId);
    const access =
      user === undefined || name === undefined ? 'none' : this.#options.source.access(user, name);
    const seat = name === undefined ? undefined : this.#open.get(name)?.seats.get(connection);
    if (seat !== undefined && (access === 'none' || (access === 'read') !== seat.isReader)) {
      // Rights changed under an open document: the client comes back with the new ones.
      connection.close('ACCESS_ENDED');
      return;
    }
    const open =
      access === 'none' || name === undefined || user === undefined
        ? undefined
        : this.#seated(connection, name, access);
    if (open === undefined) {
      this.#counts.unavailable += 1;
      connection.send({ ...this.#to(connection, documentId), type: 'doc-unavailable' });
      return;
    }
    this.#inTurn(open, async (face) => {
      const taken = open.seats.get(connection);
      if (taken === undefined) {
        return;
      }
      if (taken.isReader) {
        this.#receiveFromReader(connection, open, face, taken, data);
      } else {
        await this.#receiveFromWriter(connection, open, face, taken, data, user!);
      }
      // An expelled client takes the face with it; the others are served when it is open again.
      const present = open.face ?? (await this.#openFace(open));
      this.#push(open, present);
    });
  }

  #receiveFromReader(
    connection: PeerConnection,
    open: OpenFace,
    face: Face,
    seat: Seat,
    message: Uint8Array,
  ): void {
    let heads: string[];
    try {
      ({ heads } = Automerge.decodeSyncMessage(message));
      seat.sync = face.receiveFromReader(seat.sync, message);
    } catch {
      this.#expel(connection, open);
      return;
    }
    const own = heads.filter((head) => !Automerge.hasHeads(face.doc, [head])).join();
    if (own !== '' && own !== seat.told) {
      seat.told = own;
      this.#refuse(connection, open, [
        { code: 'EDIT_READ_ONLY', detail: 'This user may read the document, not change it. Open it anew.' },
      ]);
    }
  }

  async #receiveFromWriter(
    connection: PeerConnection,
    open: OpenFace,
    face: Face,
    seat: Seat,
    message: Uint8Array,
    user: User,
  ): Promise<void> {
    let received: ReturnType<Face['receive']>[1];
    try {
      for (const chunk of Automerge.decodeSyncMessage(message).changes) {
        if (this.#options.source.chunkFault(chunk) !== undefined) {
          throw new FaceBroken('a chunk beyond its limits');
        }
      }
      [seat.sync, received] = face.receive(seat.sync, message);
      face.heal(this.#nowS);
    } catch {
      this.#expel(connection, open);
      return;
    }
    const refusals: Omit<LiveRefusal, 'type'>[] = [];
    const { edits, touched, astray } = received;
    if (astray > 0) {
      const detail = `Only fields of rows of ${this.#options.source.rowsName(open.name)} can be changed.`;
      refusals.push({ code: 'EDIT_SHAPE', detail });
    }
    for (const edit of edits) {
      const refusal = await this.#decide(open, edit, user);
      if (refusal !== undefined) {
        refusals.push(refusal);
      }
    }
    await this.#show(open, face, touched);
    this.#refuse(connection, open, refusals);
  }

  async #decide(open: OpenFace, edit: RowEdit, user: User): Promise<Omit<LiveRefusal, 'type'> | undefined> {
    const { row, change, isNew, fields, misshapen } = edit;
    if (misshapen !== undefined) {
      return { code: 'EDIT_SHAPE', detail: `${row}: ${misshapen}.`, row };
    }
    if (fields.length === 0) {
      return undefined;
    }
    const { source } = this.#options;
    const now = (await source.read(open.name, [row])).get(row);
    const isDifference = (field: string): boolean => source.isDifference(open.name, field);
    const wanted = fields.filter(({ field, value }) => isDifference(field) || now?.[field] !== value);
    if (wanted.length === 0) {
      return undefined;
    }
    const stale = wanted.find(
      ({ field, seen }) =>
        !isDifference(field) && now?.[field] !== seen && !open.refused.isOwn(row, field, seen, now?.[field]),
    );
    if (stale !== undefined) {
      const detail = `${row}.${stale.field} was changed by somebody else meanwhile.`;
      return { code: 'EDIT_STALE', detail, row };
    }
    this.#counts.edits += 1;
    const id = `${change}/${row}`;
    const refusal = await source.edit({
      document: open.name,
      user,
      id,
      row,
      isNew: isNew && now === undefined,
      fields,
    });
    if (refusal === undefined) {
      return undefined;
    }
    for (const { field, value } of wanted) {
      open.refused.note(row, field, value, now?.[field]);
    }
    return { ...refusal, row };
  }

  /** The client harmed the document: it goes, and the face is made again from what is stored. */
  #expel(connection: PeerConnection, open: OpenFace): void {
    this.#counts.broken += 1;
    connection.close('CHANGE_HOSTILE');
    this.#drop(open);
  }

  /** What is in memory cannot be trusted: everybody who has it open compares with what is stored, from the beginning. */
  #drop(open: OpenFace): void {
    open.face?.free();
    open.face = undefined;
    for (const seat of open.seats.values()) {
      seat.sync = newSync(seat.isReader);
    }
  }

  #refuse(connection: PeerConnection, open: OpenFace, refusals: readonly Omit<LiveRefusal, 'type'>[]): void {
    this.#counts.refusals += refusals.length;
    const told = refusals.slice(0, REFUSALS_TOLD_MAX);
    const rest = refusals.length - told.length;
    for (const [index, refusal] of told.entries()) {
      const isLast = index === told.length - 1 && rest > 0;
      const detail = isLast ? `${refusal.detail} And ${rest} more edits were refused.` : refusal.detail;
      const body: LiveRefusal = { type: REFUSED, ...refusal, detail };
      connection.send({
        ...this.#to(connection, open.id),
        type: 'ephemeral',
        count: ++this.#told,
        sessionId: this.#session,
        data: new Uint8Array(cbor.encode(body)),
      });
    }
  }

  // ------------------------------------------------------------------------------------------------ to clients

  #changed({ document, rows }: LiveChange): void {
    const open = this.#open.get(document);
    if (rows === undefined) {
      this.#retire(document, open);
      return;
    }
    if (open === undefined) {
      return;
    }
    if (open.dirty !== 'all') {
      for (const row of rows) {
        open.dirty.add(row);
      }
    }
    if (!open.isGathering) {
      open.isGathering = true;
      this.#options.clock.setTimer(GATHER_MS, () => {
        open.isGathering = false;
        this.#inTurn(open, async (face) => {
          await this.#show(open, face, new Set());
          this.#push(open, face);
        });
      });
    }
  }

  /** What the program must not say any more ends here and in the store; clients are told to open another. */
  #retire(name: string, open: OpenFace | undefined): void {
    for (const connection of open?.seats.keys() ?? []) {
      connection.close('ACCESS_ENDED');
    }
    this.#names.delete(this.#store.idOf(name));
    const end = async (): Promise<void> => {
      open?.face?.free();
      if (open !== undefined) {
        open.face = undefined;
        this.#open.delete(name);
      }
      await this.#store.beginAnew(name);
    };
    const turn = (open?.turn ?? Promise.resolve()).then(end).catch(this.#options.onFailure);
    if (open !== undefined) {
      open.turn = turn;
    }
  }

  /** Brings dirty rows and those named to what the program says now. */
  async #show(open: OpenFace, face: Face, rows: ReadonlySet<string>): Promise<void> {
    const { source } = this.#options;
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
    await this.#store.save(open.name, face.doc);
  }

  #push(open: OpenFace, face: Face): void {
    for (const connection of open.seats.keys()) {
      this.#pushTo(connection, open, face);
    }
  }

  #pushTo(connection: PeerConnection, open: OpenFace, face: Face): void {
    const seat = open.seats.get(connection);
    if (seat === undefined || connection.isBusy || !connection.isOpen) {
      return;
    }
    const user = this.#users.get(connection);
    if (user === undefined || this.#options.source.access(user, open.name) === 'none') {
      connection.close('ACCESS_ENDED');
      return;
    }
    const [sync, data] = face.generate(seat.sync);
    seat.sync = sync;
    if (data !== null) {
      connection.send({ ...this.#to(connection, open.id), type: 'sync', data });
    }
  }

  /** A client takes again what it is sent: whatever waited for it. */
  #pushAll(connection: PeerConnection): void {
    for (const open of this.#open.values()) {
      if (open.seats.has(connection)) {
        this.#inTurn(open, async (face) => this.#pushTo(connection, open, face));
      }
    }
  }

  #to(connection: PeerConnection, documentId: DocumentId): object {
    return { senderId: this.#self, targetId: connection.peerId, documentId };
  }

  // ------------------------------------------------------------------------------------------------ faces

  #nameOf(id: DocumentId): string | undefined {
    if (!this.#names.has(id)) {
      this.#learnNames();
    }
    return this.#names.get(id);
  }

  #learnNames(): void {
    const names = this.#options.source.documents();
    if (names.length !== this.#names.size) {
      this.#names.clear();
      for (const name of names) {
        this.#names.set(this.#store.idOf(name), name);
      }
    }
  }

  /** The open document with the client in it; undefined beyond a limit. */
  #seated(connection: PeerConnection, name: string, access: LiveAccess): OpenFace | undefined {
    const { limits } = this.#options;
    let open = this.#open.get(name);
    if (open?.seats.has(connection) === true) {
      return open;
    }
    let held = 0;
    for (const { seats } of this.#open.values()) {
      held += seats.has(connection) ? 1 : 0;
    }
    if (held >= (limits?.clientDocuments ?? CLIENT_DOCUMENTS_MAX)) {
      return undefined;
    }
    if (open === undefined) {
      if (this.#open.size >= (limits?.documentsOpen ?? DOCUMENTS_OPEN_MAX) && !this.#evictOne()) {
        return undefined;
      }
      open = this.#newlyOpen(name);
    }
    const isReader = access === 'read';
    open.seats.set(connection, { sync: newSync(isReader), isReader, told: '' });
    return open;
  }

  #newlyOpen(name: string): OpenFace {
    const open: OpenFace = {
      name,
      id: this.#store.idOf(name),
      face: undefined,
      seats: new Map(),
      refused: new Refused(),
      dirty: 'all',
      isGathering: false,
      idleSinceMs: 0,
      turn: Promise.resolve(),
    };
    this.#open.set(name, open);
    return open;
  }

  #leave(connection: PeerConnection): void {
    for (const open of this.#open.values()) {
      if (open.seats.delete(connection) && open.seats.size === 0) {
        open.idleSinceMs = this.#options.clock.monotonicMs();
        this.#options.clock.setTimer(DOCUMENT_IDLE_MS, () => {
          const idleMs = this.#options.clock.monotonicMs() - open.idleSinceMs;
          if (open.seats.size === 0 && idleMs >= DOCUMENT_IDLE_MS) {
            this.#evict(open);
          }
        });
      }
    }
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
    open.turn = open.turn.then(() => this.#drop(open));
  }

  /** One thing after another on a face: between a client's edit and its decision nobody is sent anything. */
  #inTurn(open: OpenFace, act: (face: Face) => Promise<void>): void {
    open.turn = open.turn
      .then(async () => {
        if (!this.#isClosed) {
          await act(open.face ?? (await this.#openFace(open)));
        }
      })
      .catch((error: Error) => {
        this.#drop(open);
        if (!this.#isClosed && !(error instanceof FaceBroken)) {
          this.#options.onFailure(error);
        }
      });
  }

  async #openFace(open: OpenFace): Promise<Face> {
    const chunks = await this.#store.load(open.name);
    if (chunks === undefined) {
      // Grown too long: this generation ends. Who asked for it by its id lists the documents again.
      for (const connection of open.seats.keys()) {
        connection.close('ACCESS_ENDED');
      }
      this.#open.delete(open.name);
      this.#names.clear();
      await this.#store.beginAnew(open.name);
      throw new FaceBroken('began anew');
    }
    const { source, randomBytes } = this.#options;
    const { ours } = this.#store;
    const face = Face.open({
      rowsName: source.rowsName(open.name),
      chunks,
      timeS: this.#nowS,
      ours,
      actor: ours + Buffer.from(randomBytes(8)).toString('hex'),
    });
    this.#store.loaded(open.name, face.doc);
    open.face = face;
    open.dirty = 'all';
    await this.#show(open, face, new Set());
    return face;
  }

  get #nowS(): number {
    return Math.floor(this.#options.clock.nowMs() / 1000);
  }
}

function newSync(isReader: boolean): Automerge.SyncState {
  return Automerge.initSyncState(isReader ? { readOnly: true } : {});
}
