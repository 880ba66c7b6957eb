/**
 * The clients connected now: who may join under which peer id.
 *
 * A peer id is asserted by the client, so it is worth what the socket's owner is worth. While a connection holds an id, a join under it
 * by another owner is refused and the one who has it keeps it; the same owner coming back under it takes his own place, because
 * the connection he lost may not be known to be lost yet.
 */
import type { PeerId, PeerMetadata } from '@automerge/automerge-repo/slim';
import type { Clock } from 'hlc-ts';
import type { CloseCode } from './errors.ts';
import { type JoinFrame, type MessageFrame, PROTOCOL_VERSION } from './frames.ts';
import { type ConnectionEvents, PeerConnection } from './peer-connection.ts';
import type { RepoSocket } from './repo-socket.ts';

/** Sockets of one server, joined or not. */
export const CLIENTS_MAX = 64;

export interface PeerTableOptions {
  readonly clock: Clock;
  readonly onPeer: (connection: PeerConnection) => void;
  readonly onMessage: (connection: PeerConnection, frame: MessageFrame) => void;
  readonly onDrained?: (connection: PeerConnection) => void;
  readonly onGone: (connection: PeerConnection) => void;
  readonly clientsMax?: number;
}

/** How a client came: its owner, and what else decides about the peer id it asks for. */
export interface Admission {
  readonly owner: string;
  /** Called at the join; false refuses the id. */
  readonly mayBe?: (peerId: PeerId) => boolean;
}

export class PeerTable {
  readonly #options: PeerTableOptions;
  readonly #self: PeerId;
  readonly #metadata: PeerMetadata;
  readonly #open = new Map<PeerConnection, Admission>();
  readonly #peers = new Map<PeerId, PeerConnection>();
  /** Closed connections by code. */
  readonly closed = new Map<string, number>();

  constructor(self: PeerId, metadata: PeerMetadata, options: PeerTableOptions) {
    this.#self = self;
    this.#metadata = metadata;
    this.#options = options;
  }

  get connections(): readonly PeerConnection[] {
    return [...this.#peers.values()];
  }

  connection(peerId: PeerId): PeerConnection | undefined {
    return this.#peers.get(peerId);
  }

  accept(socket: RepoSocket, admission: Admission): PeerConnection {
    const { clock, clientsMax = CLIENTS_MAX } = this.#options;
    const { owner } = admission;
    const connection = new PeerConnection(socket, { owner, self: this.#self, clock, events: this.#events });
    this.#open.set(connection, admission);
    if (this.#open.size > clientsMax) {
      connection.close('CLIENTS_FULL');
    }
    return connection;
  }

  close(): void {
    for (const connection of [...this.#open.keys()]) {
      connection.close('SERVER_CLOSED');
    }
  }

  readonly #events: ConnectionEvents = {
    onJoin: (connection, join) => this.#join(connection, join),
    onMessage: (connection, frame) => this.#options.onMessage(connection, frame),
    onDrained: (connection) => this.#options.onDrained?.(connection),
    onClosed: (connection, code) => this.#remove(connection, code),
  };

  #join(connection: PeerConnection, { senderId, versions }: JoinFrame): CloseCode | undefined {
    if (!versions.includes(PROTOCOL_VERSION)) {
      return 'JOIN_VERSION';
    }
    if (senderId === this.#self || this.#open.get(connection)?.mayBe?.(senderId) === false) {
      return 'PEER_REFUSED';
    }
    const holder = this.#peers.get(senderId);
    if (holder !== undefined && holder.owner !== connection.owner) {
      return 'PEER_TAKEN';
    }
    holder?.close('PEER_REPLACED');
    this.#peers.set(senderId, connection);
    connection.send({
      type: 'peer',
      senderId: this.#self,
      targetId: senderId,
      peerMetadata: this.#metadata,
      selectedProtocolVersion: PROTOCOL_VERSION,
    });
    this.#options.onPeer(connection);
    return undefined;
  }

  #remove(connection: PeerConnection, code: string): void {
    this.closed.set(code, (this.closed.get(code) ?? 0) + 1);
    this.#open.delete(connection);
    const { peerId } = connection;
    if (peerId !== undefined && this.#peers.get(peerId) === connection) {
      this.#peers.delete(peerId);
      this.#options.onGone(connection);
    }
  }
}
