/**
 * One client's socket.
 *
 *     joining ──join──> joined ──close──> closed
 *        └──anything else, or 10 s──> closed
 *
 * Guarantees: the peer id of the first join belongs to this connection until its end; a second join, a frame in another's name, a frame
 * that is none, too many of them, or silence close it with a code. Nothing throws at whoever sends: a socket that is closing takes
 * nothing more. `isBusy` while the client does not take what it was sent; who has more for it waits for `onDrained`.
 */
import type { PeerId, PeerMetadata } from '@automerge/automerge-repo/slim';
import type { Clock, Timer } from 'hlc-ts';
import { CLOSE_NUMBERS, type CloseCode } from './errors.ts';
import { decodeFrame, encodeFrame, type JoinFrame, type MessageFrame } from './frames.ts';
import { type RepoSocket, SOCKET_OPEN } from './repo-socket.ts';
import { TokenBucket } from './token-bucket.ts';

/** A client gets this long to join. */
export const JOIN_TIMEOUT_MS = 10_000;
/** Frames of one client: a client that opens every document of a shop at once sends a few hundred. */
export const FRAMES_RATE = { perSecond: 200, burst: 2_000 } as const;
/** Bytes of one client. */
export const BYTES_RATE = { perSecond: 256 * 1024, burst: 4 * 1024 * 1024 } as const;
/** Bytes on their way to a client above which nothing more is made for it. */
export const SOCKET_BYTES_BUSY = 1024 * 1024;
/** Bytes on their way to a client above which it is closed: a whole document goes out as one frame. */
export const SOCKET_BYTES_MAX = 64 * 1024 * 1024;
/** Between two looks at a client: one that has not answered since the last, or has taken nothing of what waits, is closed. */
export const HEARTBEAT_MS = 30_000;

export interface ConnectionEvents {
  /** Called with the first join; a code refuses it. */
  onJoin(connection: PeerConnection, join: JoinFrame): CloseCode | undefined;
  onMessage(connection: PeerConnection, frame: MessageFrame): void;
  onDrained(connection: PeerConnection): void;
  /** Called once, also for a connection that never joined. */
  onClosed(connection: PeerConnection, code: CloseCode | 'GONE'): void;
}

export class PeerConnection {
  /** Whose token or ticket opened the socket. */
  readonly owner: string;
  readonly #socket: RepoSocket;
  readonly #self: PeerId;
  readonly #clock: Clock;
  readonly #events: ConnectionEvents;
  readonly #frames: TokenBucket;
  readonly #bytes: TokenBucket;
  #peer: { readonly id: PeerId; readonly metadata: PeerMetadata } | undefined;
  #timer: Timer;
  #isClosed = false;
  #isHeard = true;
  #unsentBefore = 0;

  constructor(
    socket: RepoSocket,
    options: { owner: string; self: PeerId; clock: Clock; events: ConnectionEvents },
  ) {
    this.owner = options.owner;
    this.#socket = socket;
    this.#self = options.self;
    this.#clock = options.clock;
    this.#events = options.events;
    const nowMs = this.#clock.monotonicMs();
    this.#frames = new TokenBucket(FRAMES_RATE, nowMs);
    this.#bytes = new TokenBucket(BYTES_RATE, nowMs);
    this.#timer = this.#clock.setTimer(JOIN_TIMEOUT_MS, () => this.close('JOIN_EXPECTED'));
    socket.on('message', (data: Uint8Array | ArrayBuffer, isBinary: boolean) =>
      this.#receive(data, isBinary),
    );
    socket.on('close', () => this.#end('GONE'));
    // Whatever it was, `close` follows.
    socket.on('error', () => this.#socket.terminate());
    socket.on('pong', () => {
      this.#isHeard = true;
    });
  }

  /** Undefined until it joined. */
  get peerId(): PeerId | undefined {
    return this.#peer?.id;
  }

  get metadata(): PeerMetadata {
    return this.#peer?.metadata ?? {};
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#socket.readyState === SOCKET_OPEN;
  }

  get isBusy(): boolean {
    return this.#socket.bufferedAmount > SOCKET_BYTES_BUSY;
  }

  /** Says nothing on a socket that is not open. */
  send(frame: object): void {
    if (!this.isOpen) {
      return;
    }
    const bytes = encodeFrame(frame);
    if (this.#socket.bufferedAmount + bytes.length > SOCKET_BYTES_MAX) {
      this.close('CLIENT_SLOW');
      return;
    }
    const wasBusy = this.isBusy;
    this.#socket.send(bytes, () => {
      if (!this.#isClosed && (wasBusy || bytes.length > SOCKET_BYTES_BUSY) && !this.isBusy) {
        this.#events.onDrained(this);
      }
    });
  }

  close(code: CloseCode): void {
    if (this.#isClosed) {
      return;
    }
    this.#socket.close(CLOSE_NUMBERS[code], code);
    this.#end(code);
    // A client that does not answer the goodbye is not waited for.
    this.#clock.setTimer(1_000, () => this.#socket.terminate());
  }

  #receive(data: Uint8Array | ArrayBuffer, isBinary: boolean): void {
    if (this.#isClosed) {
      return;
    }
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
    const nowMs = this.#clock.monotonicMs();
    if (!this.#frames.take(1, nowMs) || !this.#bytes.take(bytes.length, nowMs)) {
      this.close('RATE_EXCEEDED');
      return;
    }
    const frame = isBinary ? decodeFrame(bytes) : undefined;
    if (frame === undefined) {
      this.close('FRAME_INVALID');
    } else if (isJoin(frame)) {
      this.#join(frame);
    } else if (this.#peer === undefined) {
      this.close('JOIN_EXPECTED');
    } else if (frame.senderId !== this.#peer.id || frame.targetId !== this.#self) {
      this.close('PEER_FORGED');
    } else {
      this.#events.onMessage(this, frame);
    }
  }

  #join(frame: JoinFrame): void {
    if (this.#peer !== undefined) {
      this.close('JOIN_AGAIN');
      return;
    }
    this.#peer = { id: frame.senderId, metadata: frame.peerMetadata };
    const refusal = this.#events.onJoin(this, frame);
    if (refusal !== undefined) {
      const { peerId } = this;
      this.send({ type: 'error', senderId: this.#self, targetId: peerId, message: refusal });
      this.close(refusal);
      return;
    }
    this.#timer.cancel();
    this.#timer = this.#clock.setTimer(HEARTBEAT_MS, () => this.#beat());
  }

  #beat(): void {
    const unsent = this.#socket.bufferedAmount;
    const isStuck = unsent > SOCKET_BYTES_BUSY && this.#unsentBefore > 0 && unsent >= this.#unsentBefore;
    if (!this.#isHeard || isStuck) {
      this.close(isStuck ? 'CLIENT_SLOW' : 'CLIENT_SILENT');
      return;
    }
    this.#isHeard = false;
    this.#unsentBefore = unsent;
    if (this.isOpen) {
      this.#socket.ping();
    }
    this.#timer = this.#clock.setTimer(HEARTBEAT_MS, () => this.#beat());
  }

  #end(code: CloseCode | 'GONE'): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#timer.cancel();
      this.#events.onClosed(this, code);
    }
  }
}

function isJoin(frame: JoinFrame | MessageFrame): frame is JoinFrame {
  return frame.type === 'join';
}
