/**
 * What can go wrong with feeds, by code. Callers and tests look at `code`, never at the text.
 *
 * FEED_* speaks about data offered or asked for: the store is fine and nothing has changed.
 * PEER_*, TOKEN_*, KEY_*, SUCCESSION_* and AUTHORITY_* speak about who may; CHECKPOINT_* and BUNDLE_* about what arrived whole.
 * STORE_* speaks about the store itself; `hint` says what an operator can do.
 *
 * An error of `append` means "not written" with one exception: STORE_POISONED means the outcome is unknown, because a
 * failed write may still have reached the disk. The table with each code's meaning is in the package README.
 */
export type FeedErrorCode =
  | 'FEED_NAME'
  | 'FEED_ENTRY'
  | 'FEED_GAP'
  | 'FEED_FORK'
  | 'FEED_SIGNATURE'
  | 'FEED_LIMIT'
  | 'FEED_PRUNED'
  | 'DEVICE_KEY'
  | 'AUTHORITY_KEY'
  | 'TOKEN_UNKNOWN'
  | 'TOKEN_USED'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_BRANCH'
  | 'KEY_KNOWN'
  | 'SUCCESSION_PROOF'
  | 'PEER_UNKNOWN'
  | 'PEER_REVOKED'
  | 'CHECKPOINT_INVALID'
  | 'BUNDLE_INVALID'
  | 'STORE_POISONED'
  | 'STORE_CORRUPT'
  | 'STORE_LOCKED'
  | 'STORE_FULL'
  | 'STORE_CLOSED';

export interface FeedErrorDetails {
  readonly cause?: unknown;
  readonly hint?: string;
  readonly retryable?: boolean;
  /** The feed and entry the error is about, where there is one. */
  readonly feed?: string;
  readonly seq?: number;
}

export class FeedError extends Error {
  readonly code: FeedErrorCode;
  /** What an operator can do about it. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly feed?: string;
  readonly seq?: number;

  constructor(code: FeedErrorCode, message: string, details: FeedErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'FeedError';
    this.code = code;
    this.retryable = details.retryable ?? false;
    if (details.hint !== undefined) this.hint = details.hint;
    if (details.feed !== undefined) this.feed = details.feed;
    if (details.seq !== undefined) this.seq = details.seq;
  }
}

/** What must be true whatever the input. It failing is our mistake, so it is not a `FeedError`. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

export function prunedError(feed: string, from: number, base: number): FeedError {
  return new FeedError(
    'FEED_PRUNED',
    `entries of ${feed} up to ${base} are no longer held, asked for ${from}`,
    {
      feed,
      seq: from,
    },
  );
}

export function closedError(): FeedError {
  return new FeedError('STORE_CLOSED', 'the store is closed');
}

export function poisonedError(cause: unknown): FeedError {
  return new FeedError(
    'STORE_POISONED',
    'the store stopped after an error; the outcome of waiting commits is unknown',
    {
      cause,
      hint: 'restart the program: it verifies the journal before it serves; if this returns, check the disk',
    },
  );
}

/** Something on the disk is not as it was written. Nothing is served before somebody has decided. */
export function corruptError(what: string, details: { hint?: string; cause?: unknown } = {}): FeedError {
  return new FeedError('STORE_CORRUPT', what, {
    hint:
      'keep a copy of the data directory, run `branchline verify` to see the first broken entry, ' +
      'then restore a backup with `branchline restore`: peers return what is missing',
    ...details,
  });
}
