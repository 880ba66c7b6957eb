/**
 * What a device and the keeper of the authority say to each other when the device is enrolled: `POST /v1/enrol`, JSON.
 *
 *   device ──{ token, publicKey, branch? }──> relay or HQ     `branch`: the one it was set up for
 *   device <──{ tenant, authority, writer, registry }── the registry feed so far, as signed runs
 *
 * The device checks everything for itself: the authority's key is its trust anchor from then on, and the runs must verify under
 * it and must grant the device's own key. It can admit its peers from the first connection, because they are in those runs.
 * Refusals are problem documents with the codes of `Authority.enrol` (`TOKEN_UNKNOWN`, `TOKEN_USED`, `TOKEN_EXPIRED`,
 * `TOKEN_BRANCH`).
 *
 * Does not: do HTTP. Whoever serves or calls brings that.
 */
import { z } from 'zod';
import { FeedError } from './errors.ts';
import type { Registry } from './registry.ts';
import type { FeedStore, PublicKey, Run, WriterId } from './types.ts';

/** Registry entries handed over in one answer, in bytes: a chain of a thousand devices and its whole history. */
export const ENROL_REGISTRY_BYTES_MAX = 8 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/);
const publicKey = base64url.length(43);

export const enrolRequest = z.strictObject({
  token: z.string().min(16).max(256),
  publicKey,
  /** A token of another branch is refused, unspent. */
  branch: z.string().min(1).max(64).exactOptional(),
});
export type EnrolRequest = z.infer<typeof enrolRequest>;

export const enrolAnswer = z.object({
  tenant: z.string().min(1),
  authority: publicKey,
  writer: z.string(),
  registry: z.array(z.object({ from: z.int().min(1), entries: z.array(base64url), signature: base64url })),
});
export type EnrolAnswer = z.infer<typeof enrolAnswer>;

export function encodePublicKey(key: PublicKey): string {
  return Buffer.from(key).toString('base64url');
}

export function decodePublicKey(text: string): PublicKey {
  return new Uint8Array(Buffer.from(publicKey.parse(text), 'base64url'));
}

/** Called by the keeper after `Authority.enrol` admitted the key. */
export async function writeEnrolAnswer(options: {
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly authorityKey: PublicKey;
  readonly writer: WriterId;
}): Promise<EnrolAnswer> {
  const { store, registry, authorityKey, writer } = options;
  const runs: EnrolAnswer['registry'] = [];
  let bytes = 0;
  for (let from = 1; ; ) {
    const run = await store.read(registry.feed, from, READ_BYTES);
    if (run === undefined) break;
    runs.push({ from: run.from, entries: run.entries.map(text), signature: text(run.signature) });
    bytes += run.entries.reduce((sum, entry) => sum + entry.byteLength, 0);
    if (bytes > ENROL_REGISTRY_BYTES_MAX) {
      throw new FeedError('FEED_LIMIT', `the registry is longer than ${ENROL_REGISTRY_BYTES_MAX} bytes`);
    }
    from = run.from + run.entries.length;
  }
  return { tenant: registry.tenant ?? '', authority: encodePublicKey(authorityKey), writer, registry: runs };
}

/** Called by the device: the runs of the registry feed, ready for its own store, which verifies them. */
export function readEnrolAnswer(answer: EnrolAnswer, registry: Registry): Run[] {
  return answer.registry.map(({ from, entries, signature }) => ({
    feed: registry.feed,
    from,
    entries: entries.map(bytes),
    signature: bytes(signature),
  }));
}

function text(raw: Uint8Array): string {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64url');
}

function bytes(encoded: string): Uint8Array {
  return new Uint8Array(Buffer.from(encoded, 'base64url'));
}
