/**
 * The transport over one binary WebSocket: the dialing end, and what both ends share. Accepting is in ws-acceptor.ts.
 *
 * Guarantees: binary messages of at most one frame; permessage-deflate off (frames compress themselves, with a cap);
 * nothing is read before `start`; `onClose` is called exactly once. What is sent in one turn of the event loop leaves in one
 * write: a system call for each small frame would cost more than everything else about it, at both ends.
 *
 * Does not: authenticate, time out (the connection does), or choose TLS settings beyond extra authorities: `wss://` checks the
 * server's certificate as Node does.
 */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { HEADER_BYTES } from './codec.ts';
import { WireError } from './errors.ts';
import { FRAME_BYTES_MAX } from './frames.ts';
import type { Transport, TransportEvents } from './transport.ts';

/** WebSocket subprotocol both ends must name. */
export const SUBPROTOCOL = 'branchline.v1';
/** What `ws` is told to refuse before it is even assembled. */
export const MESSAGE_BYTES_MAX = HEADER_BYTES + FRAME_BYTES_MAX;

const STATUS_NORMAL = 1000;
const STATUS_UNSUPPORTED = 1003;

export interface DialOptions {
  readonly signal?: AbortSignal;
  /** PEM certificates to trust besides the system's, for a relay with an authority of its own. */
  readonly ca?: string | Buffer;
}

/** Dials `ws://` or `wss://`. Rejects with `DIAL_FAILED`, or with `signal.reason`. */
export function dialWebSocket(url: string, options: DialOptions = {}): Promise<Transport> {
  const { signal, ca } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    let socket: WebSocket;
    let channel: string;
    try {
      const { host, pathname } = new URL(url);
      channel = channelOf(host, pathname);
      socket = new WebSocket(url, SUBPROTOCOL, {
        perMessageDeflate: false,
        maxPayload: MESSAGE_BYTES_MAX,
        followRedirects: false,
        ...(ca === undefined ? {} : { ca }),
      });
    } catch (cause) {
      reject(new WireError('DIAL_FAILED', `not an address to dial: ${url}`, { cause }));
      return;
    }
    const abort = (): void => {
      reject(signal?.reason);
      socket.terminate();
    };
    const settle = (): void => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort, { once: true });
    // Comes just before `open`, and nothing between them can fail.
    socket.once('upgrade', ({ socket: stream }) => {
      socket.once('open', () => {
        settle();
        resolve(new WebSocketTransport({ socket, stream, channel, remote: url }));
      });
    });
    // Stays for the life of the socket: an error without a listener would end the process. `close` follows each one.
    socket.on('error', (cause: Error) => {
      settle();
      reject(new WireError('DIAL_FAILED', `${url}: ${cause.message}`, { cause, retryable: true }));
    });
  });
}

/** What a handshake over this host and path is bound to; the same words at both ends. */
export function channelOf(host: string, pathname: string): string {
  return `${host.toLowerCase()}${pathname}`;
}

export interface WebSocketEnd {
  readonly socket: WebSocket;
  /** What the WebSocket runs over. */
  readonly stream: Duplex;
  readonly channel: string;
  readonly remote: string;
  readonly onAdmitted?: () => void;
}

export class WebSocketTransport implements Transport {
  readonly channel: string;
  readonly remote: string;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #onAdmitted: (() => void) | undefined;
  #events: TransportEvents | undefined;
  #closeReason: string | undefined;
  #isGathering = false;

  constructor({ socket, stream, channel, remote, onAdmitted }: WebSocketEnd) {
    this.#socket = socket;
    this.#stream = stream;
    this.channel = channel;
    this.remote = remote;
    this.#onAdmitted = onAdmitted;
    socket.pause();
    socket.on('close', (status) => {
      this.#closeReason = `websocket closed with ${status}`;
      this.#events?.onClose(this.#closeReason);
    });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  start(events: TransportEvents): void {
    this.#events = events;
    if (this.#closeReason !== undefined) {
      events.onClose(this.#closeReason);
      return;
    }
    this.#socket.on('message', (data, isBinary) => {
      if (isBinary && data instanceof Uint8Array) {
        events.onMessage(data);
        return;
      }
      this.#socket.close(STATUS_UNSUPPORTED);
    });
    this.#socket.resume();
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#gather();
    // A failed write is followed by `close`, which is what the connection listens to.
    this.#socket.send(message, { binary: true, compress: false }, () => undefined);
  }

  admitted(): void {
    this.#onAdmitted?.();
  }

  end(): void {
    this.#socket.close(STATUS_NORMAL);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Holds back what is written until the work of this turn is done. Ending the stream lets it go, too. */
  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#stream.cork();
    process.nextTick(() => {
      this.#isGathering = false;
      this.#stream.uncork();
    });
  }
}
