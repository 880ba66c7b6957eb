/**
 * The two errors of the vocabulary.
 *
 * `ModelError`: a value given by code breaks a rule of this package; a promise between programmers was broken.
 * `ProblemError`: a request cannot be served; it carries a code of the problem table and becomes an RFC 9457 document
 * at the node's edge and the same error again in the till's SDK. Callers look at `code`, never at text.
 */
import { type Problem, type ProblemCode, problemTable } from './problem.ts';

export type ModelErrorCode = 'MODEL_AMOUNT_RANGE' | 'MODEL_UUID_TIME' | 'MODEL_ID';

export class ModelError extends Error {
  readonly code: ModelErrorCode;
  readonly retryable = false;

  constructor(code: ModelErrorCode, message: string) {
    super(message);
    this.name = 'ModelError';
    this.code = code;
  }
}

export interface ProblemOptions {
  /** One thing that is wrong per entry: where in the body or query, and why. */
  readonly errors?: readonly { readonly path: string; readonly reason: string }[];
  /** Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly hint: string;
  readonly retryable: boolean;
  readonly errors: readonly { readonly path: string; readonly reason: string }[];
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    const row = problemTable[code];
    this.name = 'ProblemError';
    this.code = code;
    this.status = row.status;
    this.hint = row.hint;
    this.retryable = row.retryable;
    this.errors = options.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** The document that travels. */
  toProblem(): Problem {
    return {
      type: 'about:blank',
      title: problemTable[this.code].title,
      status: this.status,
      code: this.code,
      detail: this.message,
      hint: this.hint,
      retryable: this.retryable,
      ...(this.errors.length === 0 ? {} : { errors: [...this.errors] }),
    };
  }
}
