/** AES-256-GCM of the platform, as `field-cipher` wants it: ciphertext followed by a tag of 16 bytes. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Aead } from './field-cipher.ts';

const TAG_BYTES = 16;

export const aesGcm: Aead = {
  encrypt: (key, nonce, plain, context) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(context);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  },
  decrypt: (key, nonce, sealed, context) => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce);
    decipher.setAAD(context);
    decipher.setAuthTag(sealed.subarray(sealed.byteLength - TAG_BYTES));
    try {
      return Buffer.concat([
        decipher.update(sealed.subarray(0, sealed.byteLength - TAG_BYTES)),
        decipher.final(),
      ]);
    } catch {
      // The one thing `final` says: it was not sealed so, with this key, for this place.
      return undefined;
    }
  },
};
