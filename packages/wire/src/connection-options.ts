/**
 * What a connection is opened with, and what it says about its peer: the words composition uses.
 *
 * `admit` answers from the registry whether a device may talk at all; `attach` returns what takes its messages. Both
 * are called at most once per connection, and neither may wait: the registry is in memory.
 */
import type { Clock } from 'hlc-ts';
import type { Connection } from './connection.ts';
import type { MessageFrame } from './frames.ts';
import type { Role } from './handshake.ts';
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
  readonly role: Role;
  readonly identity: Identity;
  /** Called once by a listener, with the key the dialer shows: the key to answer it with. `identity` when left out. */
  readonly identityFor?: (peerKey: Uint8Array) => Identity;
  readonly tenant: string;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Called once with the peer's hello, before it has proved its key: is this device known, and not revoked? */
  readonly admit: (peer: Peer) => Admission<Info>;
  /** Called once, when the peer is proved, before any message is delivered: returns what takes the messages. */
  readonly attach: (connection: Connection<Info>) => FrameReceiver;
  /** What the handshake is bound to; the transport's own when left out. */
  readonly channel?: string;
  /** Name and version of this program, told to the peer. */
  readonly software?: string;
  readonly features?: readonly string[];
  /** Gives up the handshake, or closes the open connection with `GOING_AWAY`. */
  readonly signal?: AbortSignal;
}

export interface ConnectionCounters {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}
