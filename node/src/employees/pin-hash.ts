/**
 * PINs as they are kept: scrypt with a salt of their own, its cost beside it, so that it can rise. Computed off the main thread: a sale
 * does not wait for it.
 *
 * A PIN has few digits, so whoever has the feed can try them all, at the price of one scrypt each; what stops a person at a till is
 * `pin-attempts.ts`. Choose longer ones for managers.
 */
import { scrypt, timingSafeEqual } from 'node:crypto';

/** Memory is 128 × 8 × this: 16 MiB. */
export const PIN_COST = 16_384;
export const SALT_BYTES = 16;
const HASH_BYTES = 32;
const BLOCK = 8;

export interface PinHash {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
  readonly cost: number;
}

export async function hashPin(pin: string, salt: Uint8Array, cost = PIN_COST): Promise<PinHash> {
  const hash = await new Promise<Buffer>((resolve, reject) => {
    const options = { N: cost, r: BLOCK, p: 1, maxmem: 2 * 128 * BLOCK * cost };
    scrypt(pin, salt, HASH_BYTES, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
  return { salt: new Uint8Array(salt), hash: new Uint8Array(hash), cost };
}

export async function isPin(pin: string, { salt, hash, cost }: PinHash): Promise<boolean> {
  const tried = await hashPin(pin, salt, cost);
  return tried.hash.length === hash.length && timingSafeEqual(tried.hash, hash);
}
