/** Why a benchmark gives no figures, by code. A figure that cannot be trusted is an error, never a small number. */
export type BenchErrorCode =
  | 'BENCH_CASE_UNKNOWN'
  | 'BENCH_DISAGREEMENT'
  | 'BENCH_PROGRAM_FAILED'
  | 'BENCH_REQUEST_FAILED'
  | 'BENCH_TIMEOUT';

export class BenchError extends Error {
  readonly code: BenchErrorCode;
  /** What the person at the keyboard can do. */
  readonly hint?: string;
  readonly retryable: boolean;

  constructor(
    code: BenchErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'BenchError';
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}
