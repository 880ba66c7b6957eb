/**
 * Errors of documents: one class, callers look at `code`.
 *
 * What arrives from other writers and cannot be used is not an error but an outcome (`QuarantineCode` in
 * `change-check.ts`): one bad change must never stop a feed. Errors here are broken promises of this device or of
 * its own storage.
 */

export type DocErrorCode =
  /** A document name, shard or period that does not exist. */
  | 'DOC_NAME'
  /** A key or value that may not stand in a cell (float, too long, not a scalar). */
  | 'DOC_CELL'
  /** One change or one row beyond its named maximum. */
  | 'DOC_LIMIT'
  /** A snapshot that is damaged, foreign or does not start from the genesis. */
  | 'DOC_SNAPSHOT'
  /** A snapshot that would unpack to more than the named maximum. */
  | 'DOC_BOMB'
  /** Too many changes of one document made and not yet reported durable. */
  | 'DOC_UNSETTLED'
  /** A document that cannot be rebuilt from its source. */
  | 'DOC_UNREADABLE'
  /** Used after `close`. */
  | 'DOC_CLOSED';

export class DocError extends Error {
  readonly code: DocErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(
    code: DocErrorCode,
    message: string,
    options: { hint?: string; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'DocError';
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}
