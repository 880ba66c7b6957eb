/**
 * What can be wrong with a stamp or a clock, by code. Callers and tests look at `code`, never at the text.
 */
export type HlcErrorCode = 'STAMP_RANGE' | 'STAMP_FORMAT' | 'CLOCK_BOUND' | 'CLOCK_OPTIONS' | 'CLOCK_CLOSED';

export class HlcError extends Error {
  readonly code: HlcErrorCode;
  /** What an operator can do about it. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(
    code: HlcErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'HlcError';
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}
