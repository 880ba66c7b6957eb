/**
 * The hash chain of a feed and what its writer signs.
 *
 *     hash(0) = SHA-256("branchline feed" ‖ len16 tenant ‖ len16 feed name ‖ public key)
 *     hash(n) = SHA-256(hash(n-1) ‖ seq(n) as 8 bytes ‖ entry bytes)
 *     signed  = "branchline sig" ‖ len16 feed name ‖ seq as 8 bytes ‖ hash(seq)
 *
 * One signature vouches for every entry before it. Because hash(0) holds tenant, name and key, entries cannot be moved to
 * another feed, tenant or writer. Numbers are big-endian; `len16` is the byte length as 2 bytes before the text.
 */
import { createHash, hash } from 'node:crypto';
import { FeedError } from './errors.ts';
import { writerOf } from './feed-name.ts';
import { type KeyResolver, PUBLIC_KEY_BYTES, verifySignature, writerIdOf } from './identity.ts';
import type { FeedName, Head, PublicKey } from './types.ts';

export const HASH_BYTES = 32;

const FEED_DOMAIN = Buffer.from('branchline feed');
const SIGN_DOMAIN = Buffer.from('branchline sig');
const SEQ_BYTES = 8;
const scratch = Buffer.allocUnsafe(16 * 1024);

/** Where a feed starts: number 0 and a hash that belongs to this tenant, name and key alone. */
export function firstHead(tenant: string, feed: FeedName, publicKey: PublicKey): Head {
  const digest = createHash('sha256')
    .update(FEED_DOMAIN)
    .update(lengthPrefixed(tenant))
    .update(lengthPrefixed(feed))
    .update(publicKey)
    .digest();
  return { seq: 0, hash: view(digest) };
}

export function nextHead(head: Head, entry: Uint8Array): Head {
  const seq = head.seq + 1;
  const length = HASH_BYTES + SEQ_BYTES + entry.byteLength;
  // One call over one buffer: a hash object for each entry would cost more in garbage than the hashing.
  const input = length <= scratch.byteLength ? scratch : Buffer.allocUnsafe(length);
  input.set(head.hash, 0);
  input.writeUInt32BE(Math.floor(seq / 2 ** 32), HASH_BYTES);
  input.writeUInt32BE(seq >>> 0, HASH_BYTES + 4);
  input.set(entry, HASH_BYTES + SEQ_BYTES);
  return { seq, hash: view(hash('sha256', input.subarray(0, length), 'buffer')) };
}

export function headAfter(head: Head, entries: readonly Uint8Array[]): Head {
  let at = head;
  for (const entry of entries) at = nextHead(at, entry);
  return at;
}

export function signedBytes(feed: FeedName, head: Head): Uint8Array {
  return Buffer.concat([SIGN_DOMAIN, lengthPrefixed(feed), seqBytes(head.seq), head.hash]);
}

export function headSigned(feed: FeedName, head: Head, signature: Uint8Array, publicKey: PublicKey): boolean {
  return verifySignature(publicKey, signedBytes(feed, head), signature);
}

export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The key of a feed's writer, checked against the writer id; `FEED_SIGNATURE` when unknown or another's. */
export function keyOfFeed(feed: FeedName, keys: KeyResolver): PublicKey {
  const writer = writerOf(feed);
  const key = keys(writer);
  if (key === undefined) {
    throw new FeedError('FEED_SIGNATURE', `the key of writer ${writer} is not known here`, { feed });
  }
  if (key.byteLength !== PUBLIC_KEY_BYTES || writerIdOf(key) !== writer) {
    throw new FeedError('FEED_SIGNATURE', `the key given for writer ${writer} is not its key`, { feed });
  }
  return key;
}

function lengthPrefixed(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  const out = Buffer.allocUnsafe(2 + bytes.byteLength);
  out.writeUInt16BE(bytes.byteLength, 0);
  out.set(bytes, 2);
  return out;
}

function seqBytes(seq: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(SEQ_BYTES);
  bytes.writeUInt32BE(Math.floor(seq / 2 ** 32), 0);
  bytes.writeUInt32BE(seq >>> 0, 4);
  return bytes;
}

/** Plain `Uint8Array`s only leave this package, so that equal hashes are equal values whoever made them. */
function view(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
