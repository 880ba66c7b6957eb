/**
 * The randomness port: a function to numbers in [0, 1).
 *
 * Guarantees: `seededRandom` gives the same sequence for the same seed on every machine and every version.
 * Does not: serve cryptography. Tokens and keys come from `node:crypto`.
 */
export type Random = () => number;

export function systemRandom(): Random {
  return Math.random;
}

/** sfc32: four 32-bit words, integer arithmetic only, so nothing depends on floating point. */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed >>> 0;
  let counter = Math.floor(seed / 2 ** 32) | 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // Neighbouring seeds start alike; a few rounds carry every bit of the seed everywhere.
  for (let round = 0; round < 16; round += 1) next();
  return next;
}

/** A whole number from 0 to `below` - 1. */
export function randomInteger(random: Random, below: number): number {
  return Math.floor(random() * below);
}
