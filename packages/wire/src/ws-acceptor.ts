/**
 * Accepts WebSockets from strangers, and bounds what a stranger can cost.
 *
 *   upgrade ─▶ path · no Origin · subprotocol · room ─▶ half-open ─ proved ─▶ connection
 *                   └ HTTP refusal, socket closed          └ 5 s or 4 KiB without proof: cut
 *
 * Guarantees: until a peer has proved its key it holds one of `halfOpenMax` places, for at most `handshakeMs`, and may
 * send HANDSHAKE_BYTES_MAX bytes; never more than `connectionsMax` sockets in all; a browser (it always sends
 * Origin) is refused, so no web page can reach a relay through somebody's session. Every refusal is counted by code.
 *
 * Does not: own the HTTP server or its timeouts (set headersTimeout there), or know who is admitted.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from 'hlc-ts';
import { WebSocketServer } from 'ws';
import { LISTEN_HANDSHAKE_MS } from './connection-state.ts';
import { HANDSHAKE_BYTES_MAX } from './frames.ts';
import type { Transport } from './transport.ts';
import { channelOf, MESSAGE_BYTES_MAX, SUBPROTOCOL, WebSocketTransport } from './ws-transport.ts';

export interface AcceptorLimits {
  /** Sockets in all: about twice the fleet. */
  readonly connectionsMax: number;
  /** Sockets that have not proved a key yet. */
  readonly halfOpenMax: number;
  /** The same, from one address. Lower it where clients do not share a proxy's address. */
  readonly halfOpenPerAddressMax: number;
  readonly handshakeMs: number;
}

export const ACCEPTOR_LIMITS: AcceptorLimits = {
  connectionsMax: 1_024,
  halfOpenMax: 256,
  halfOpenPerAddressMax: 256,
  handshakeMs: LISTEN_HANDSHAKE_MS,
};

export interface AcceptorOptions {
  /** Only upgrades of exactly this path are taken. */
  readonly path: string;
  readonly clock: Clock;
  /** Called with each accepted stream; it must open a `Connection` on it at once. */
  readonly onTransport: (transport: Transport, request: IncomingMessage) => void;
  readonly limits?: Partial<AcceptorLimits>;
  /**
   * The `host[:port]` dialers know this end by. Set it wherever this end is reachable by a name: the handshake is then bound to that
   * name, whatever Host header a proxy or a peer in the middle sends.
   */
  readonly host?: string;
}

export type AcceptRefusal =
  | 'ACCEPT_CLOSED'
  | 'ACCEPT_ORIGIN'
  | 'ACCEPT_PROTOCOL'
  | 'ACCEPT_FULL'
  | 'ACCEPT_HALF_OPEN'
  | 'ACCEPT_ADDRESS'
  | 'ACCEPT_TIMEOUT'
  | 'ACCEPT_BYTES';

export interface Acceptor {
  /** Called from the HTTP server's `upgrade` event; false when the path is not ours and nothing was done. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Refusals so far, by code. */
  readonly refusals: ReadonlyMap<AcceptRefusal, number>;
  readonly connections: number;
  readonly halfOpen: number;
  /** Ends every socket and refuses new ones. */
  close(): void;
}

const STATUS_LINES: Partial<Record<AcceptRefusal, string>> = {
  ACCEPT_CLOSED: '503 Service Unavailable',
  ACCEPT_ORIGIN: '403 Forbidden',
  ACCEPT_PROTOCOL: '400 Bad Request',
  ACCEPT_FULL: '503 Service Unavailable',
  ACCEPT_HALF_OPEN: '503 Service Unavailable',
  ACCEPT_ADDRESS: '429 Too Many Requests',
};

export function acceptWebSockets(options: AcceptorOptions): Acceptor {
  return new WebSocketAcceptor(options);
}

class WebSocketAcceptor implements Acceptor {
  readonly refusals = new Map<AcceptRefusal, number>();
  readonly #options: AcceptorOptions;
  readonly #limits: AcceptorLimits;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: () => SUBPROTOCOL,
  });
  readonly #open = new Set<Transport>();
  readonly #halfOpenByAddress = new Map<string, number>();
  #halfOpen = 0;
  #isClosed = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#limits = { ...ACCEPTOR_LIMITS, ...options.limits };
  }

  get connections(): number {
    return this.#open.size;
  }

  get halfOpen(): number {
    return this.#halfOpen;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const pathname = (request.url ?? '').split('?', 1)[0]!;
    if (pathname !== this.#options.path) return false;
    const address = request.socket.remoteAddress ?? 'unknown';
    const refusal = this.#refusalOf(request, address);
    if (refusal !== undefined) {
      this.#count(refusal);
      socket.on('error', () => undefined);
      socket.end(`HTTP/1.1 ${STATUS_LINES[refusal]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
        socket.destroy(),
      );
      return true;
    }
    const release = this.#takeHalfOpenPlace(address);
    socket.once('close', release);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => undefined);
      const host = this.#options.host ?? request.headers.host ?? '';
      const transport = new WebSocketTransport({
        socket: webSocket,
        stream: socket,
        channel: channelOf(host, pathname),
        remote: address,
        onAdmitted: () => {
          release();
          guard.lift();
        },
      });
      const guard = this.#guardStranger(socket, transport);
      this.#open.add(transport);
      webSocket.on('close', () => {
        this.#open.delete(transport);
        guard.lift();
      });
      this.#options.onTransport(transport, request);
    });
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const transport of this.#open) transport.end();
  }

  #refusalOf(request: IncomingMessage, address: string): AcceptRefusal | undefined {
    const limits = this.#limits;
    if (this.#isClosed) return 'ACCEPT_CLOSED';
    if (request.headers.origin !== undefined) return 'ACCEPT_ORIGIN';
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',');
    if (!protocols.some((protocol) => protocol.trim() === SUBPROTOCOL)) return 'ACCEPT_PROTOCOL';
    if (this.#open.size >= limits.connectionsMax) return 'ACCEPT_FULL';
    if (this.#halfOpen >= limits.halfOpenMax) return 'ACCEPT_HALF_OPEN';
    const fromAddress = this.#halfOpenByAddress.get(address) ?? 0;
    return fromAddress >= limits.halfOpenPerAddressMax ? 'ACCEPT_ADDRESS' : undefined;
  }

  /** Returns how to give the place back; doing it twice does nothing. */
  #takeHalfOpenPlace(address: string): () => void {
    const places = this.#halfOpenByAddress;
    this.#halfOpen += 1;
    places.set(address, (places.get(address) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#halfOpen -= 1;
      const left = places.get(address)! - 1;
      if (left === 0) places.delete(address);
      else places.set(address, left);
    };
  }

  /** Cuts a peer that takes too long or sends too much before its proof. `ws` reads first, so a proof in time counts. */
  #guardStranger(socket: Duplex, transport: Transport): { lift: () => void } {
    let isLifted = false;
    let bytes = 0;
    const cut = (refusal: AcceptRefusal): void => {
      if (isLifted) return;
      this.#count(refusal);
      transport.terminate();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > HANDSHAKE_BYTES_MAX) cut('ACCEPT_BYTES');
    };
    const timer = this.#options.clock.setTimer(this.#limits.handshakeMs, () => cut('ACCEPT_TIMEOUT'));
    socket.on('data', count);
    return {
      lift: () => {
        isLifted = true;
        timer.cancel();
        socket.off('data', count);
      },
    };
  }

  #count(refusal: AcceptRefusal): void {
    this.refusals.set(refusal, (this.refusals.get(refusal) ?? 0) + 1);
  }
}
