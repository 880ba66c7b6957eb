/**
 * Why a node does not start or stops, as codes. Requests of tills are refused with the model's `ProblemError` instead.
 * Callers and tests look at `code`; `message` is for people and `hint` says what to do.
 */
export type NodeErrorCode =
  /** The configuration is incomplete or contradicts itself. */
  | 'NODE_CONFIG'
  /** The relay or authority refused the token, or could not be reached. */
  | 'NODE_ENROL'
  /** The device has a key but the registry knows no grant for it. */
  | 'NODE_NOT_ENROLLED'
  /** The address for tills cannot be listened on. */
  | 'NODE_LISTEN'
  /** Another process has this data directory. */
  | 'NODE_LOCKED'
  /** A file of the data directory is damaged or belongs to something else. */
  | 'NODE_DATA'
  /** A newer program wrote the data directory. */
  | 'NODE_FORMAT_NEWER'
  /** A catalog import has rows that cannot be imported; nothing was. */
  | 'NODE_IMPORT';

export interface NodeErrorOptions {
  readonly hint?: string;
  /** True when the same call may succeed later without change. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class NodeError extends Error {
  readonly code: NodeErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(code: NodeErrorCode, message: string, options: NodeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NodeError';
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}
