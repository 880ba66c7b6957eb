/**
 * The version of the protocol between peers, and why it last changed.
 *
 * A change of any frame schema or of the deflate dictionary changes `protocolFingerprint()`; protocol-version.test.ts
 * then fails until a line is added here. A change that old peers misread bumps `version`; one they cannot notice (a wider
 * limit) may keep it. `features` in `hello` is for what both sides may switch on without a bump.
 *
 * Peers speak when their versions are equal. When a second version exists, the older one stays listed in
 * `SPOKEN_VERSIONS` for as long as a branch may run it.
 */
import { createHash } from 'node:crypto';
import { DICTIONARY } from './deflate.ts';
import { schemaText } from './frames.ts';

export interface ProtocolLine {
  readonly version: number;
  readonly fingerprint: string;
  readonly why: string;
}

/**
 * Oldest first; lines are added, never edited. Of the last two, `test/protocol/recordings` has an exchange each, and `test/protocol.test.ts`
 * plays them against the code of today.
 */
export const PROTOCOL_HISTORY: readonly ProtocolLine[] = [
  {
    version: 1,
    fingerprint: 'be430203bafd9ff3',
    why: 'hello/auth, digests and vectors, entries, checkpoints, acks after fsync',
  },
  {
    version: 1,
    fingerprint: 'a2b80e41ea613b4d',
    why: 'with the feature `checkpoints`: a keeper says which checkpoints it holds',
  },
  {
    version: 1,
    fingerprint: '05795a4bc18bd15b',
    why: 'a device that asks for a successor key may name the incarnation whose numbers it gives out',
  },
];

export const PROTOCOL_VERSION = 1;

export const SPOKEN_VERSIONS: ReadonlySet<number> = new Set([1]);

/** First 16 hex digits of a hash over everything both sides must agree on to the byte. */
export function protocolFingerprint(): string {
  return createHash('sha256').update(schemaText()).update(DICTIONARY).digest('hex').slice(0, 16);
}
