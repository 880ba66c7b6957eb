/**
 * What can go wrong with the outbox itself, by code. Callers and tests look at `code`, never at the text.
 *
 * A delivery that fails is no error of the outbox: it is written down with the code its deliverer gave, or with one
 * of `DELIVERY_CODES` when the deliverer gave none.
 */

/** Codes of attempts that ended without a usable answer. */
export const DELIVERY_CODES = {
  /** No answer within the deadline. */
  deadline: 'DELIVERY_DEADLINE',
  /** The deliverer threw something that carries no code. */
  threw: 'DELIVERY_THREW',
  /** The deliverer's answer breaks its contract. */
  invalid: 'DELIVERY_ANSWER_INVALID',
} as const;

export type OutboxErrorCode =
  /** The call came after `close`. */
  | 'OUTBOX_CLOSED'
  /** `run` was called while it runs. */
  | 'OUTBOX_RUNNING'
  /** A fact that cannot be stored: `assertJob` would have said so before it became durable. */
  | 'OUTBOX_FACT_INVALID'
  /** More keys with unfinished jobs than are kept. */
  | 'OUTBOX_KEYS_FULL'
  /** More facts wait to be applied than are held. */
  | 'OUTBOX_OVERRUN'
  | 'OUTBOX_JOB_UNKNOWN'
  /** Retry and resolve are for jobs in quarantine. */
  | 'OUTBOX_NOT_QUARANTINED'
  /** Somebody is deciding about this job right now. */
  | 'OUTBOX_DECIDING'
  /** An operator's act without a name or a reason. */
  | 'OUTBOX_REASON_MISSING'
  /** The journal did not take a record; what it says may or may not be durable. */
  | 'OUTBOX_JOURNAL_FAILED'
  /** The rows cannot be read or written. */
  | 'OUTBOX_ROWS_FAILED'
  /** Too many calls of the deliverer never ended. */
  | 'OUTBOX_DELIVER_STUCK';

export class OutboxError extends Error {
  readonly code: OutboxErrorCode;
  /** What an operator can do about it. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(
    code: OutboxErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'OutboxError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.hint !== undefined) this.hint = options.hint;
  }
}
