/**
 * A Repo's side of many WebSockets: what `WebSocketServerAdapter` does, with an owner for every socket.
 *
 * Sockets are handed in by whoever authenticated them (`accept`). All of `PeerConnection`'s and `PeerTable`'s guarantees hold; a client
 * that does not take what it is sent is closed, because a Repo cannot be told to wait. `NetworkAdapter` is the library's class to
 * extend: a Repo listens to its events.
 */
import { type Message, NetworkAdapter, type PeerId, type PeerMetadata } from '@automerge/automerge-repo/slim';
import type { Clock } from 'hlc-ts';
import { RepoError } from './errors.ts';
import { type Admission, PeerTable } from './peer-table.ts';
import type { RepoSocket } from './repo-socket.ts';

/** Sockets kept waiting for the Repo to start. */
export const EARLY_SOCKETS_MAX = 64;

export class SocketServerAdapter extends NetworkAdapter {
  readonly #clock: Clock;
  #table: PeerTable | undefined;
  #early: [RepoSocket, Admission][] = [];
  #ready: () => void = () => undefined;
  readonly #whenReady = new Promise<void>((resolve) => {
    this.#ready = resolve;
  });

  constructor(options: { readonly clock: Clock }) {
    super();
    this.#clock = options.clock;
  }

  accept(socket: RepoSocket, admission: Admission): void {
    if (this.#table !== undefined) {
      this.#table.accept(socket, admission);
    } else if (this.#early.length < EARLY_SOCKETS_MAX) {
      this.#early.push([socket, admission]);
    } else {
      socket.terminate();
    }
  }

  /** A server is ready when it listens: whoever waits for a document would otherwise wait for the first client. */
  isReady(): boolean {
    return this.#table !== undefined;
  }

  whenReady(): Promise<void> {
    return this.#whenReady;
  }

  connect(peerId: PeerId, peerMetadata: PeerMetadata = {}): void {
    if (this.#table !== undefined) {
      throw new RepoError('REPO_CLOSED', 'this adapter is connected already');
    }
    this.peerId = peerId;
    this.peerMetadata = peerMetadata;
    this.#table = new PeerTable(peerId, peerMetadata, {
      clock: this.#clock,
      onPeer: (connection) =>
        this.emit('peer-candidate', { peerId: connection.peerId!, peerMetadata: connection.metadata }),
      onMessage: (_connection, frame) => this.emit('message', frame as Message),
      onGone: (connection) => this.emit('peer-disconnected', { peerId: connection.peerId! }),
    });
    this.#ready();
    for (const [socket, admission] of this.#early.splice(0)) {
      this.#table.accept(socket, admission);
    }
  }

  send(message: Message): void {
    this.#table?.connection(message.targetId)?.send(message);
  }

  disconnect(): void {
    this.#table?.close();
    this.#table = undefined;
    for (const [socket] of this.#early.splice(0)) {
      socket.terminate();
    }
  }
}
