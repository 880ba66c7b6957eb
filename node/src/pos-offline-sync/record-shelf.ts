/**
 * When each record last changed, as this head office can tell: what a pull has to say again.
 *
 * The module never says what it got, and the moment it sends (`last_sync`) moves on even when an answer was lost. So a branch has a cursor
 * here: a change is said in every answer until it has been said `REPEAT_ANSWERS` times over `REPEAT_MS`, and once a day everything is said
 * again. Nothing of this is kept: after a start everything is new, and is said again.
 */
import { createHash } from 'node:crypto';
import type { Records } from './records-down.ts';

/** Answers that say a change again, at least. */
export const REPEAT_ANSWERS = 12;
/** And for at least so long. */
export const REPEAT_MS = 24 * 3_600_000;
/** Everything again. */
export const WHOLE_EVERY_MS = 24 * 3_600_000;
const DIGEST_CHARS = 22;

interface Seen {
  digest: string;
  sinceMs: number;
}

/** Records of one model. */
export class RecordShelf {
  readonly #seen = new Map<string, Seen>();

  /** Notes whether it is new or other than it was; undefined = there is none any more. `nowMs` never goes back. */
  note(key: string, record: object | undefined, nowMs: number): void {
    const text = record === undefined ? '' : JSON.stringify(record);
    const digest = createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_CHARS);
    const seen = this.#seen.get(key);
    if (seen === undefined) {
      this.#seen.set(key, { digest, sinceMs: nowMs });
    } else if (seen.digest !== digest) {
      seen.digest = digest;
      seen.sinceMs = nowMs;
    }
  }

  /** Everything of a model that is small enough to be looked at whole. */
  noteAll(records: Records, nowMs: number): void {
    for (const [key, record] of records) {
      this.note(key, record, nowMs);
    }
    for (const key of this.#seen.keys()) {
      if (!records.has(key)) {
        this.note(key, undefined, nowMs);
      }
    }
  }

  get keys(): Iterable<string> {
    return this.#seen.keys();
  }

  /** Has it changed at or after that moment? */
  isSince(key: string, ms: number): boolean {
    return (this.#seen.get(key)?.sinceMs ?? Number.POSITIVE_INFINITY) >= ms;
  }
}

/** How far one branch is: what changed before has been said to it often enough. */
export class BranchCursor {
  readonly #answers: number[] = [];
  #wholeMs: number | undefined;

  /** What changed since this moment is said; 0 for everything. */
  floor(nowMs: number): number {
    if (
      this.#wholeMs === undefined ||
      nowMs - this.#wholeMs >= WHOLE_EVERY_MS ||
      this.#answers.length < REPEAT_ANSWERS
    ) {
      return 0;
    }
    return Math.min(this.#answers[0]!, nowMs - REPEAT_MS);
  }

  /** An answer was written to the end; whether it arrived nobody knows. */
  answered(nowMs: number, floor: number): void {
    this.#answers.push(nowMs);
    if (this.#answers.length > REPEAT_ANSWERS) {
      this.#answers.shift();
    }
    if (floor === 0) {
      this.#wholeMs = nowMs;
    }
  }
}
