import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from 'hlc-ts';
import type { Transport } from './transport.ts';

/** WebSocket subprotocol both ends must name. */
export const SUBPROTOCOL = 'branchline.v1';

export interface DialOptions {
  readonly signal?: AbortSignal;
  /** PEM certificates to trust besides the system's, for relays with a private authority. */
  readonly ca?: string | Buffer;
}

/** Dials `ws://` or `wss://`; rejects with `DIAL_FAILED`. */
export declare function dialWebSocket(url: string, options?: DialOptions): Promise<Transport>;

export interface AcceptorLimits {
  readonly connectionsMax: number;
  readonly halfOpenMax: number;
  readonly halfOpenPerAddressMax: number;
  readonly handshakeMs: number;
}

export interface AcceptorOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly onTransport: (transport: Transport, request: IncomingMessage) => void;
  readonly limits?: Partial<AcceptorLimits>;
  /** Names this acceptor answers to, `host[:port]`; empty or absent: any. */
  readonly hosts?: readonly string[];
}

export interface Acceptor {
  /** Called from the HTTP server's `upgrade` event; false when the path is not ours and nothing was done. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Refusals so far, by code. */
  readonly refusals: ReadonlyMap<string, number>;
  readonly connections: number;
  readonly halfOpen: number;
  /** Ends every connection and refuses new ones. */
  close(): void;
}

export declare function acceptWebSockets(options: AcceptorOptions): Acceptor;
