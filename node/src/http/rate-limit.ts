/**
 * A token bucket per till: one till in a loop must not take the node from the others.
 *
 * Time is monotonic milliseconds handed in. At most `RATED_TILLS_MAX` buckets are remembered; the till that was quiet longest
 * is forgotten first and starts again with a full bucket, which is what it would have by then.
 */
import { ProblemError } from '@branchline/model';
import { RATED_TILLS_MAX } from './limits.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  /** In order of last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Takes one request of `till`, or throws `RATE_LIMITED` with the wait until the next one. */
  take(till: string, nowMs: number): void {
    const bucket = this.#bucketOf(till, nowMs);
    const refilled = bucket.tokens + ((nowMs - bucket.atMs) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(this.#burst, refilled);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) {
      throw new ProblemError('RATE_LIMITED', `A till may send ${this.#perSecond} requests per second.`, {
        retryAfterSeconds: Math.ceil((1 - bucket.tokens) / this.#perSecond),
      });
    }
    bucket.tokens -= 1;
  }

  get remembered(): number {
    return this.#buckets.size;
  }

  #bucketOf(till: string, nowMs: number): Bucket {
    const known = this.#buckets.get(till);
    if (known !== undefined) {
      // Moving to the end is only needed when something may be forgotten soon.
      if (this.#buckets.size > RATED_TILLS_MAX / 2) {
        this.#buckets.delete(till);
        this.#buckets.set(till, known);
      }
      return known;
    }
    if (this.#buckets.size >= RATED_TILLS_MAX) {
      const [longestIdle] = this.#buckets.keys();
      this.#buckets.delete(longestIdle!);
    }
    const fresh = { tokens: this.#burst, atMs: nowMs };
    this.#buckets.set(till, fresh);
    return fresh;
  }
}
