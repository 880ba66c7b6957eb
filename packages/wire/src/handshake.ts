/**
 * How two peers prove their keys to each other.
 *
 *   dialer                                   listener
 *     hello {version, tenant, nonce, key} ──▶  version, tenant, key admitted? else reject
 *     ◀── hello {…, own nonce and key}, auth {signature}
 *     auth {signature} ──▶                     open when it verifies
 *
 * Each signs: domain ‖ own role ‖ dialer's hello ‖ listener's hello ‖ channel, the hellos as the bytes that crossed the network.
 * The role keeps a signature from being reflected, the nonces keep it from being replayed, the channel keeps a peer in the
 * middle from using it elsewhere. Strangers get no signature out of a listener: admission comes first.
 *
 * Does not: encrypt (the transport's TLS does), or decide who is admitted (the registry does).
 */
import { createPublicKey, verify } from 'node:crypto';
import type { RefusalCode } from './errors.ts';
import type { HelloFrame } from './frames.ts';
import { SPOKEN_VERSIONS } from './protocol-version.ts';

export type Role = 'dial' | 'listen';

const DOMAIN = 'branchline handshake 1';

export interface Transcript {
  readonly dialHello: Uint8Array;
  readonly listenHello: Uint8Array;
  readonly channel: string;
}

/** What the peer in `role` signs. */
export function handshakeBytes(role: Role, transcript: Transcript): Uint8Array {
  const channel = Buffer.from(transcript.channel);
  return Buffer.concat([
    ...field(Buffer.from(DOMAIN)),
    ...field(Buffer.from(role)),
    ...field(transcript.dialHello),
    ...field(transcript.listenHello),
    ...field(channel),
  ]);
}

/** Length before content, so that no two transcripts have the same bytes. */
function field(content: Uint8Array): [Uint8Array, Uint8Array] {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return [length, content];
}

/** The handshake of one connection, as one end sees it: both hellos are filled in as they cross the network. */
export class HandshakeTranscript {
  ownHello: Uint8Array = new Uint8Array();
  peerHello: Uint8Array = new Uint8Array();
  readonly #role: Role;
  readonly #channel: string;

  constructor(role: Role, channel: string) {
    this.#role = role;
    this.#channel = channel;
  }

  /** What this end signs. */
  ownProof(): Uint8Array {
    return handshakeBytes(this.#role, this.#both());
  }

  /** What the other end must have signed. */
  peerProof(): Uint8Array {
    return handshakeBytes(this.#role === 'dial' ? 'listen' : 'dial', this.#both());
  }

  #both(): Transcript {
    const { ownHello, peerHello } = this;
    const channel = this.#channel;
    return this.#role === 'dial'
      ? { dialHello: ownHello, listenHello: peerHello, channel }
      : { dialHello: peerHello, listenHello: ownHello, channel };
  }
}

/** False for a wrong signature and for a key that is no Ed25519 key. */
export function verifyHandshake(key: Uint8Array, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') };
    return verify(null, signed, createPublicKey({ key: jwk, format: 'jwk' }), signature);
  } catch {
    return false;
  }
}

/** Why a hello is refused before anybody asks the registry; undefined when it is not. */
export function judgeHello(
  own: Pick<HelloFrame, 'tenant' | 'key'>,
  theirs: HelloFrame,
): { code: RefusalCode; hint: string } | undefined {
  if (!SPOKEN_VERSIONS.has(theirs.version)) {
    const spoken = [...SPOKEN_VERSIONS].join(', ');
    return { code: 'VERSION_MISMATCH', hint: `This side speaks ${spoken}. Update the older one.` };
  }
  if (theirs.tenant !== own.tenant) {
    return { code: 'TENANT_MISMATCH', hint: 'The two belong to different companies.' };
  }
  if (Buffer.compare(theirs.key, own.key) === 0) {
    return { code: 'SELF_CONNECTION', hint: 'Both ends use one key: a loop, or a cloned device.' };
  }
  return undefined;
}
