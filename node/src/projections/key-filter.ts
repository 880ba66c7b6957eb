/**
 * Which keys were surely never used: a Bloom filter of fixed size.
 *
 * "Maybe" costs a read, "never" saves one, and almost every key of a till is new. With FILTER_BITS and half a million keys one new
 * key in five hundred is read in vain; with more it only gets slower. Keys cannot be taken out.
 */
/** One megabyte. */
export const FILTER_BITS = 2 ** 23;
const PROBES = 4;
/** FNV-1a, begun at two places for two independent sums. */
const PRIME = 0x01000193;
const SEEDS = [0x811c9dc5, 0x5bd1e995] as const;

export class KeyFilter {
  readonly #bits = new Uint8Array(FILTER_BITS / 8);

  add(key: string): void {
    const [first, step] = sumsOf(key);
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = (first + probe * step) % FILTER_BITS;
      this.#bits[bit >>> 3]! |= 1 << (bit & 7);
    }
  }

  /** False: never added. */
  mayHave(key: string): boolean {
    const [first, step] = sumsOf(key);
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = (first + probe * step) % FILTER_BITS;
      if ((this.#bits[bit >>> 3]! & (1 << (bit & 7))) === 0) {
        return false;
      }
    }
    return true;
  }
}

function sumsOf(key: string): [first: number, step: number] {
  let first: number = SEEDS[0];
  let step: number = SEEDS[1];
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    first = Math.imul(first ^ code, PRIME);
    step = Math.imul(step ^ code, PRIME);
  }
  // The last multiplication leaves low bits poorly mixed.
  return [(first ^ (first >>> 15)) >>> 0, ((step ^ (step >>> 13)) | 1) >>> 0];
}
