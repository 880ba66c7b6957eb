/** So many at once, and so many more each second. Time is handed in. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #atMs: number;

  constructor(limit: { readonly perSecond: number; readonly burst: number }, nowMs: number) {
    this.#perSecond = limit.perSecond;
    this.#burst = limit.burst;
    this.#left = limit.burst;
    this.#atMs = nowMs;
  }

  /** False when there are not that many; then none is taken. */
  take(count: number, nowMs: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perSecond);
    this.#atMs = nowMs;
    if (this.#left < count) {
      return false;
    }
    this.#left -= count;
    return true;
  }
}
