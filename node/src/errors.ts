/**
 * Why the node refuses, as codes. Callers and tests look at `code`; `message` is for people and `hint` says what to do.
 * The HTTP edge turns a NodeError into a problem document with the status the model keeps for that code.
 */
export type NodeErrorCode =
  | 'BAD_CONFIG'
  | 'BRANCH_UNKNOWN'
  | 'CHANGE_INVALID'
  | 'CUSTOMER_UNKNOWN'
  | 'ENROL_FAILED'
  | 'FORBIDDEN'
  | 'IDEMPOTENCY_MISMATCH'
  | 'NODE_LOCKED'
  | 'NODE_STOPPING'
  | 'NOT_ENROLLED'
  | 'ORDER_INVALID'
  | 'ORDER_PAYMENT'
  | 'OVERLOADED'
  | 'PRODUCT_UNKNOWN'
  | 'STORE_POISONED'
  | 'SYNC_OFFLINE'
  | 'TILL_EXISTS'
  | 'TILL_MISMATCH'
  | 'TILL_UNKNOWN';

export interface NodeErrorOptions {
  readonly hint?: string;
  /** True when the same request may succeed later without change. */
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
