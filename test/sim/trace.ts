/** What happened in a run, as text and as one hash: two runs of one seed must tell the same story. */
import { createHash } from 'node:crypto';

/** Lines kept for the report of a failure; the hash covers them all. */
export const LINES_KEPT = 400;

export class Trace {
  readonly #hash = createHash('sha256');
  readonly #lines: string[] = [];
  #count = 0;

  say(atMs: number, words: string): void {
    const line = `${String(atMs).padStart(9)}  ${words}`;
    this.#hash.update(line).update('\n');
    this.#count += 1;
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) {
      this.#lines.shift();
    }
  }

  get count(): number {
    return this.#count;
  }

  get tail(): readonly string[] {
    return this.#lines;
  }

  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }
}
