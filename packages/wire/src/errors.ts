/**
 * What can go wrong between two peers, by code. Callers and tests look at `code`, never at the text.
 *
 * Three families: what the other side sent (`FRAME_*`, `CREDIT_*`), why a connection was not opened (`REFUSAL_CODES`,
 * sent to the peer as `reject` before the socket closes; admission by the registry adds codes of its own), and why
 * one ended or a call on it failed. The ones that name this side's own limits carry a hint for the operator.
 */

/** Codes a `reject` frame carries when this package itself refuses a peer. */
export const REFUSAL_CODES = [
  'VERSION_MISMATCH',
  'TENANT_MISMATCH',
  'SELF_CONNECTION',
  'SIGNATURE_INVALID',
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];

export type WireErrorCode =
  /** A frame that has no place at this point of the handshake. */
  | 'HANDSHAKE_ORDER'
  | 'HANDSHAKE_TIMEOUT'
  /** A frame is larger than its limit, on either side. */
  | 'FRAME_TOO_LARGE'
  /** Not the bytes of a frame: header, CBOR, compressed body or schema. */
  | 'FRAME_MALFORMED'
  /** A small body that would unpack to more than the limit. */
  | 'FRAME_BOMB'
  /** A frame was lost, doubled or overtaken on the way. */
  | 'FRAME_SEQUENCE'
  /** The peer sent more than it was granted. */
  | 'CREDIT_EXCEEDED'
  /** The peer granted more than the window holds. */
  | 'CREDIT_INVALID'
  /** Too many control frames between two ticks. */
  | 'CONTROL_FLOOD'
  /** Nothing heard from the peer for the whole keepalive span. */
  | 'PEER_SILENT'
  /** Something handed in on this side threw: the receiver, `admit`, `attach` or `sign`. */
  | 'LOCAL_FAILURE'
  /** Too many bytes wait here for the peer's credit. */
  | 'SEND_QUEUE_FULL'
  /** The peer does not take bytes off the socket. */
  | 'PEER_STUCK'
  /** The call came after the connection ended. */
  | 'CONNECTION_CLOSED'
  /** The transport went away without a goodbye. */
  | 'TRANSPORT_LOST'
  /** The peer refused us; `refusal` has its code. */
  | 'REFUSED_BY_PEER'
  /** We refused the peer; `refusal` has our code. */
  | 'PEER_REFUSED'
  /** No connection could be made. */
  | 'DIAL_FAILED'
  | 'DIAL_TIMEOUT';

export class WireError extends Error {
  readonly code: WireErrorCode;
  /** What an operator can do about it. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** With `REFUSED_BY_PEER` and `PEER_REFUSED`: the code of the refusal, e.g. `DEVICE_REVOKED`. */
  readonly refusal?: string;

  constructor(
    code: WireErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; retryable?: boolean; refusal?: string } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'WireError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.refusal !== undefined) this.refusal = options.refusal;
  }
}
