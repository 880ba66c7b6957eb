/**
 * Why a command fails, by code. The launcher prints one line, `error CODE: what happened. What to do.`, and exits 1;
 * errors of the packages below (feed, wire, relay, node) have the same shape and print the same way.
 */
export type CliErrorCode =
  /** A configuration file, an environment variable or an option does not make sense. */
  | 'CONFIG_INVALID'
  /** A file that was named cannot be read. */
  | 'FILE_UNREADABLE'
  /** Standard input is longer than the command takes. */
  | 'INPUT_TOO_LARGE'
  /** An emulator cannot listen where it was told to. */
  | 'EMULATOR_LISTEN'
  /** A file that was to be written is already there, or cannot be written. */
  | 'FILE_UNWRITABLE'
  /** No relay or node data below the folder. */
  | 'DATA_MISSING'
  /** The command needs the running program, and none is running on this data. */
  | 'NOT_RUNNING'
  /** The command is for the other kind of program. */
  | 'WRONG_PROGRAM'
  /** A node that keeps the authority is running, and changes branches only while it is stopped. */
  | 'STILL_RUNNING'
  /** The program answered with an error that has no code of its own, or not at all. */
  | 'PROGRAM_UNREACHABLE'
  /** `verify` found a broken entry. */
  | 'VERIFY_FAILED'
  /** `reconcile` found books that do not say the same. */
  | 'BOOKS_DIFFER'
  /** `doctor` found something that needs a person. */
  | 'DOCTOR_FINDINGS'
  /** A check of a demo scenario did not hold. */
  | 'DEMO_SCENARIO_FAILED'
  /** A program of the demo did not start, or died again and again. */
  | 'DEMO_CHILD_DIED';

export class CliError extends Error {
  readonly code: CliErrorCode;
  /** What the person at the keyboard can do. */
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(
    code: CliErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'CliError';
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
  }
}
