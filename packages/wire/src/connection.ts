import type { Clock } from 'hlc-ts';
import type { MessageFrame } from './frames.ts';
import type { Transport } from './transport.ts';

/** The device key, as this package needs it: structurally feed's `DeviceKey`. */
export interface Identity {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

/** Who is at the other end, as proved (key) and as it says (the rest). */
export interface Peer {
  readonly key: Uint8Array;
  readonly version: number;
  readonly tenant: string;
  readonly software: string;
  readonly features: readonly string[];
}

export type Admission<Info> =
  | { readonly ok: true; readonly info: Info }
  | { readonly ok: false; readonly code: string; readonly hint?: string };

/** Takes one message; the next is not delivered, and no credit granted, until the promise settles. */
export type FrameReceiver = (frame: MessageFrame) => Promise<void> | void;

export interface ConnectionOptions<Info> {
  readonly transport: Transport;
  readonly role: 'dial' | 'listen';
  readonly identity: Identity;
  readonly tenant: string;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Called once with the peer's hello, before it has proved its key: is this device known, and not revoked? */
  readonly admit: (peer: Peer) => Admission<Info>;
  /** Called once, when the peer is proved, before any message is delivered: returns what takes the messages. */
  readonly attach: (connection: Connection<Info>) => FrameReceiver;
  /** Defaults to the transport's own. */
  readonly channel?: string;
  readonly software?: string;
  readonly features?: readonly string[];
  /** Aborts the handshake, or closes the open connection with `GOING_AWAY`. */
  readonly signal?: AbortSignal;
}

/** How a connection ended. */
export interface Closed {
  /** `bye` code, refusal code or WireError code. */
  readonly code: string;
  readonly by: 'us' | 'peer' | 'transport';
  /** True when the peer answered with `reject`: `code` is the peer's. */
  readonly refused: boolean;
  readonly cause?: unknown;
}

export interface ConnectionCounters {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export declare class Connection<Info = unknown> {
  readonly peer: Peer;
  readonly info: Info;
  readonly remote: string;
  static open<Info>(options: ConnectionOptions<Info>): Promise<Connection<Info>>;
  send(frame: MessageFrame): Promise<void>;
  get bufferedBytes(): number;
  get counters(): ConnectionCounters;
  get roundTripMs(): number | undefined;
  get closed(): Promise<Closed>;
  close(code?: string): void;
}
