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
import { decideEdit, type EditFault } from './edit-decision.ts';
import { type Face, FaceBroken } from './face.ts';
import { FaceStore } from './face-store.ts';
import type { MessageFrame } from './frames.ts';
import type { LiveAccess, LiveChange, LiveSource, LiveUser } from './live-source.ts';
import {
  CLIENT_DOCUMENTS_MAX,
  DOCUMENTS_OPEN_MAX,
  type OpenFace,
  OpenFaces,
  type Seat,
} from './open-faces.ts';
import type { PeerConnection } from './peer-connection.ts';
import { type Admission, PeerTable } from './peer-table.ts';
import type { RepoSocket } from './repo-socket.ts';

/** Rows that changed are gathered so long before clients see them. */
export const GATHER_MS = 50;
/** Refusals told of one message; the rest is counted in the last. */
export const REFUSALS_TOLD_MAX = 20;

/** `type` of the message a client gets on the handle of a document (`ephemeral-message`) when an edit was not taken over. */
export const REFUSED = 'branchline.edit-refused';

export interface LiveRefusal extends EditFault {
  readonly type: typeof REFUSED;
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

export class LiveDocuments<User extends LiveUser> {
  readonly #options: LiveDocumentsOptions<User>;
  readonly #store: FaceStore;
  readonly #peers: PeerTable;
  readonly #self: PeerId;
  readonly #session: string;
  readonly #users = new Map<PeerConnection, User>();
  readonly #names = new Map<DocumentId, string>();
  readonly #faces: OpenFaces<User>;
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
      onGone: (connection) => this.#faces.leave(connection),
      ...(limits?.clients === undefined ? {} : { clientsMax: limits.clients }),
    });
    this.#faces = new OpenFaces({
      source,
      store,
      clock,
      randomBytes,
      onFailure: (error) => options.onFailure(error),
      onRenamed: () => this.#names.clear(),
      clientDocumentsMax: limits?.clientDocuments ?? CLIENT_DOCUMENTS_MAX,
      documentsOpenMax: limits?.documentsOpen ?? DOCUMENTS_OPEN_MAX,
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
    return { clients: this.#peers.connections.length, documents: this.#faces.size, ...this.#counts };
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
    await this.#faces.close();
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
    const seat = name === undefined ? undefined : this.#faces.get(name)?.seats.get(connection);
    if (seat !== undefined && (access === 'none' || (access === 'read') !== seat.isReader)) {
      // Rights changed under an open document: the client comes back with the new ones.
      connection.close('ACCESS_ENDED');
      return;
    }
    const open =
      access === 'none' || name === undefined || user === undefined
        ? undefined
        : this.#faces.seated(connection, name, access);
    if (open === undefined) {
      this.#counts.unavailable += 1;
      connection.send({ ...this.#to(connection, documentId), type: 'doc-unavailable' });
      return;
    }
    this.#faces.inTurn(open, async (face) => {
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
      this.#push(open, await this.#faces.present(open));
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
    const refusals: EditFault[] = [];
    const { edits, touched, astray } = received;
    if (astray > 0) {
      const detail = `Only fields of rows of ${this.#options.source.rowsName(open.name)} can be changed.`;
      refusals.push({ code: 'EDIT_SHAPE', detail });
    }
    for (const edit of edits) {
      const refusal = await decideEdit({
        source: this.#options.source,
        document: open.name,
        refused: open.refused,
        user,
        edit,
        onAsked: () => {
          this.#counts.edits += 1;
        },
      });
      if (refusal !== undefined) {
        refusals.push(refusal);
      }
    }
    await this.#faces.show(open, face, touched);
    this.#refuse(connection, open, refusals);
  }

  /** The client harmed the document: it goes, and the face is made again from what is stored. */
  #expel(connection: PeerConnection, open: OpenFace): void {
    this.#counts.broken += 1;
    connection.close('CHANGE_HOSTILE');
    this.#faces.drop(open);
  }

  #refuse(connection: PeerConnection, open: OpenFace, refusals: readonly EditFault[]): void {
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
    if (rows === undefined) {
      this.#names.delete(this.#store.idOf(document));
      this.#faces.retire(document);
      return;
    }
    const open = this.#faces.get(document);
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
        this.#faces.inTurn(open, async (face) => {
          await this.#faces.show(open, face, new Set());
          this.#push(open, face);
        });
      });
    }
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
    for (const open of this.#faces.values()) {
      if (open.seats.has(connection)) {
        this.#faces.inTurn(open, async (face) => this.#pushTo(connection, open, face));
      }
    }
  }

  #to(connection: PeerConnection, documentId: DocumentId): object {
    return { senderId: this.#self, targetId: connection.peerId, documentId };
  }

  // ------------------------------------------------------------------------------------------------ names

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

  get #nowS(): number {
    return Math.floor(this.#options.clock.nowMs() / 1000);
  }
}
