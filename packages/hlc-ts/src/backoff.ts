/**
 * How long to wait before the next attempt: capped exponential growth with full jitter, as an immutable value.
 *
 * Guarantees: a delay is between 0 and the cap; the expected delay doubles with each attempt until the cap; two
 * hundred branches that lost the same link do not come back in the same instant.
 * Does not: wait, or count attempts against a limit.
 */
import type { Random } from './random.ts';

export interface BackoffOptions {
  /** Upper end of the first delay. */
  readonly baseMs: number;
  /** Upper end of every delay. */
  readonly capMs: number;
}

/** Beyond this many doublings the cap has long been reached; more would overflow to Infinity. */
const DOUBLINGS_MAX = 50;

export class Backoff {
  readonly options: BackoffOptions;
  /** Failed attempts so far. */
  readonly attempts: number;

  constructor(options: BackoffOptions, attempts = 0) {
    this.options = options;
    this.attempts = attempts;
  }

  /** The wait before the next attempt, and the backoff to use should that one fail too. */
  next(random: Random): { delayMs: number; backoff: Backoff } {
    const { baseMs, capMs } = this.options;
    const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.min(this.attempts, DOUBLINGS_MAX));
    return {
      delayMs: Math.round(random() * ceilingMs),
      backoff: new Backoff(this.options, this.attempts + 1),
    };
  }

  /** After a success: the same options, no attempts. */
  reset(): Backoff {
    return this.attempts === 0 ? this : new Backoff(this.options);
  }
}
