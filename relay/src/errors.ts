/**
 * Why a relay refuses, does not start, or stops, as codes. Callers and tests look at `code`; the message is for people and
 * `hint` says what to do. Over HTTP the code travels in a problem document; its status is in `http/problem.ts`, together with
 * those of the registry's own refusals (`TOKEN_USED` and the like), which are feed errors.
 */
export type RelayErrorCode =
  /** The configuration does not make sense. */
  | 'RELAY_CONFIG'
  /** There is no relay below this folder, or a file of it is damaged. */
  | 'RELAY_DATA'
  /** A newer program wrote the folder. */
  | 'RELAY_FORMAT_NEWER'
  /** `init` on a folder that already holds a tenant. */
  | 'RELAY_EXISTS'
  /** Another process has this folder. */
  | 'RELAY_LOCKED'
  /** The address to listen on is taken or not ours. */
  | 'RELAY_LISTEN'
  /** The store failed while running: nothing more is acknowledged, the program ends and verifies on restart. */
  | 'RELAY_FAILED'
  /** This relay does not hold the authority's key, so it cannot enrol or revoke. */
  | 'AUTHORITY_OFFLINE'
  | 'BRANCH_UNKNOWN'
  | 'UNAUTHORIZED'
  /** The token's role may look and not act. */
  | 'FORBIDDEN'
  | 'OPERATOR_EXISTS'
  | 'OPERATOR_UNKNOWN'
  | 'REQUEST_INVALID'
  | 'TOO_MANY_REQUESTS'
  | 'NOT_FOUND'
  | 'UNEXPECTED_FAULT';

export interface RelayErrorOptions {
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class RelayError extends Error {
  readonly code: RelayErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(code: RelayErrorCode, message: string, options: RelayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RelayError';
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}
