/**
 * Device keys: Ed25519, and the writer id that is made from the public key.
 *
 * A writer id is the first 16 base32 characters (80 bits) of SHA-256 of the raw public key, so whoever hands us a key
 * for a writer is checked by hashing it: no directory has to be believed. The private key never leaves the `DeviceKey`
 * except through `exportDeviceKey`, which the program uses once to put it into a file with mode 0600.
 *
 * Does not: store keys, rotate them or say what a key may do. The registry says that.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { FeedError } from './errors.ts';
import { WRITER_CHARS } from './feed-name.ts';
import type { PublicKey, WriterId } from './types.ts';

export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
/** Parsed public keys kept for the next signature; the oldest goes first. More than the devices of a large chain. */
export const PARSED_KEYS_MAX = 4096;

export interface DeviceKey {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: PublicKey;
  readonly writer: WriterId;
  /** 64 bytes. Deterministic: the same bytes give the same signature. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** Who signs for a writer; undefined when nobody here knows. The answer is checked against the writer id. */
export type KeyResolver = (writer: WriterId) => PublicKey | undefined;

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

const privateKeys = new WeakMap<DeviceKey, KeyObject>();
const parsedKeys = new Map<string, KeyObject>();

export function generateDeviceKey(): DeviceKey {
  return deviceKey(generateKeyPairSync('ed25519').privateKey);
}

export function importDeviceKey(pkcs8: Uint8Array): DeviceKey {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new FeedError('DEVICE_KEY', 'the device key cannot be read', {
      cause,
      hint: 'restore the key file from a backup, or enrol this device again',
    });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new FeedError('DEVICE_KEY', `a device key is Ed25519, this one is ${key.asymmetricKeyType}`);
  }
  return deviceKey(key);
}

/** PKCS #8 DER, not encrypted. */
export function exportDeviceKey(key: DeviceKey): Uint8Array {
  const privateKey = privateKeys.get(key);
  if (privateKey === undefined) {
    throw new FeedError('DEVICE_KEY', 'this device key was not made here and cannot be exported');
  }
  return new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
}

export function writerIdOf(publicKey: PublicKey): WriterId {
  const digest = createHash('sha256').update(publicKey).digest();
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of digest) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(held >>> bits) & 31];
      if (text.length === WRITER_CHARS) return text as WriterId;
    }
  }
  throw new Error('SHA-256 is longer than 80 bits');
}

/** False for a wrong signature and for anything that is not a key or a signature. */
export function verifySignature(publicKey: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES || signature.byteLength !== SIGNATURE_BYTES) return false;
  return verify(null, bytes, parsePublicKey(publicKey), signature);
}

function parsePublicKey(publicKey: PublicKey): KeyObject {
  const id = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('latin1');
  const known = parsedKeys.get(id);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
  if (parsedKeys.size >= PARSED_KEYS_MAX) {
    const oldest = parsedKeys.keys().next();
    if (!oldest.done) parsedKeys.delete(oldest.value);
  }
  parsedKeys.set(id, key);
  return key;
}

function deviceKey(privateKey: KeyObject): DeviceKey {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(spki.subarray(SPKI_PREFIX.byteLength));
  const key: DeviceKey = {
    publicKey,
    writer: writerIdOf(publicKey),
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
  privateKeys.set(key, privateKey);
  return key;
}
