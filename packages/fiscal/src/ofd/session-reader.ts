/**
 * One session message out of a stream of bytes, however the network cut it.
 *
 * Guarantees: keeps at most one message; refuses at the header what cannot be one. What follows the message is not read:
 * a connection carries one message each way, and an answer sent twice is still one answer.
 */
import { concatBytes } from '../bytes.ts';
import { FiscalError } from '../errors.ts';
import { decodeSessionHeader, SESSION_BODY_BYTES_MAX, SESSION_HEADER_BYTES } from './session-header.ts';

export class SessionReader {
  #bytes: Uint8Array = new Uint8Array();
  #total: number | undefined;

  /** Bytes held so far. */
  get length(): number {
    return this.#bytes.length;
  }

  /** The whole message once it is there. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    this.#bytes = concatBytes([this.#bytes, chunk]).subarray(
      0,
      this.#total ?? SESSION_HEADER_BYTES + SESSION_BODY_BYTES_MAX,
    );
    if (this.#total === undefined && this.#bytes.length >= SESSION_HEADER_BYTES) {
      const { bodyLength } = decodeSessionHeader(this.#bytes);
      if (bodyLength > SESSION_BODY_BYTES_MAX) {
        throw new FiscalError('OFD_TOO_LARGE', `a body of ${bodyLength} bytes`);
      }
      this.#total = SESSION_HEADER_BYTES + bodyLength;
    }
    if (this.#total === undefined || this.#bytes.length < this.#total) return undefined;
    return this.#bytes.slice(0, this.#total);
  }
}
