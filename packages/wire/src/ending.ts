/**
 * How connections end, and the errors that tell callers so.
 */
import { WireError, type WireErrorCode } from './errors.ts';

/** What the state knows: who ended it, and by which code (of a `bye`, a `reject`, or a WireError). */
export interface Ending {
  readonly code: string;
  readonly by: 'us' | 'peer' | 'transport';
  /** A `reject`: one side will not talk to the other. */
  readonly refused: boolean;
  readonly hint?: string;
}

/** What `Connection.closed` says. */
export interface Closed extends Ending {
  /** The error behind it, when there is one: what was wrong with a frame, or what the receiver threw. */
  readonly cause?: unknown;
}

/** To whoever still wanted to send. */
export function closedError(): WireError {
  return new WireError('CONNECTION_CLOSED', 'the connection has ended', { retryable: true });
}

/** Why `open` failed, from how the connection ended. */
export function openError(ending: Ending, cause: unknown): WireError {
  const hint = ending.hint === undefined ? {} : { hint: ending.hint };
  if (ending.refused) {
    const code = ending.by === 'peer' ? 'REFUSED_BY_PEER' : 'PEER_REFUSED';
    const message = ending.by === 'peer' ? 'the peer refused us' : 'we refused the peer';
    return new WireError(code, `${message}: ${ending.code}`, { refusal: ending.code, ...hint });
  }
  if (ending.by === 'us') {
    return new WireError(ending.code as WireErrorCode, `the handshake ended: ${ending.code}`, {
      retryable: true,
      cause,
    });
  }
  const code = ending.by === 'transport' ? 'TRANSPORT_LOST' : 'CONNECTION_CLOSED';
  return new WireError(code, `the handshake ended: ${ending.code}`, { retryable: true });
}
