/**
 * Personal data in one field: text encrypted under the key of its customer.
 *
 *     p1.<key id>.<base64url of nonce · ciphertext · tag>
 *
 * AES-256-GCM. What a text belongs to (customer and field) is authenticated with it, so it cannot be moved to another customer or field.
 * Anything else than such a text, or one whose key is gone, opens to nothing. Randomness is handed in; each seal takes 12 bytes of it, which
 * is safe for some 2^32 texts under one key.
 */

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MARK = 'p1';

/** The cipher itself; called with one key, a nonce never used with it before, and what the text belongs to. */
export interface Aead {
  encrypt(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, context: Uint8Array): Uint8Array;
  /** Undefined when the key is another one or a bit was changed. */
  decrypt(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    context: Uint8Array,
  ): Uint8Array | undefined;
}

export interface CustomerKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** Where a text stands. */
export interface Place {
  readonly customer: string;
  readonly field: string;
}

export function sealText(
  aead: Aead,
  { id, key }: CustomerKey,
  nonce: Uint8Array,
  text: string,
  place: Place,
): string {
  const sealed = aead.encrypt(key, nonce, Buffer.from(text, 'utf8'), contextOf(place));
  return `${MARK}.${id}.${Buffer.concat([nonce, sealed]).toString('base64url')}`;
}

/** `keyOf` is asked for the key the text names. */
export function openText(
  aead: Aead,
  keyOf: (id: string) => Uint8Array | undefined,
  text: string,
  place: Place,
): string | undefined {
  const [mark, id, payload, ...rest] = text.split('.');
  if (mark !== MARK || id === undefined || payload === undefined || rest.length > 0) {
    return undefined;
  }
  const bytes = Buffer.from(payload, 'base64url');
  const key = keyOf(id);
  if (key === undefined || bytes.byteLength < NONCE_BYTES + TAG_BYTES) {
    return undefined;
  }
  const plain = aead.decrypt(
    key,
    bytes.subarray(0, NONCE_BYTES),
    bytes.subarray(NONCE_BYTES),
    contextOf(place),
  );
  return plain === undefined ? undefined : Buffer.from(plain).toString('utf8');
}

function contextOf({ customer, field }: Place): Uint8Array {
  return Buffer.from(`branchline personal\0${customer}\0${field}`, 'utf8');
}
