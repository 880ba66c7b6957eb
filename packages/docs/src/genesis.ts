/**
 * Genesis: the first change of every document, the same bytes on every machine.
 *
 * It makes the buckets of a document. Two branches that start a document independently start it with this change, so
 * they share its maps; without it each would make root maps of its own and the merge would keep one side. The bytes are
 * deterministic (fixed actor, time 0) and pinned by a test. The genesis actor writes nothing else, ever.
 */
import * as Automerge from '@automerge/automerge';
import { BUCKETS, type DocKind } from './doc-name.ts';

/** One byte, so no derived actor (eight bytes) can be equal to it. */
export const GENESIS_ACTOR = '00';

const made = new Map<number, Uint8Array>();

/** The genesis change of documents of this kind. */
export function genesisChange(kind: DocKind): Uint8Array {
  const buckets = BUCKETS[kind];
  let bytes = made.get(buckets);
  if (bytes === undefined) {
    const empty = Automerge.init<Record<string, object>>({ actor: GENESIS_ACTOR });
    const doc = Automerge.change(empty, { time: 0 }, (root) => {
      for (let bucket = 0; bucket < buckets; bucket++) {
        root[bucketKey(bucket)] = {};
      }
    });
    bytes = Automerge.getLastLocalChange(doc)!;
    made.set(buckets, bytes);
  }
  return bytes;
}

/** Property of the root under which a bucket hangs: two hex digits. */
export function bucketKey(bucket: number): string {
  return bucket.toString(16).padStart(2, '0');
}

/** Object id of a bucket: the genesis makes one bucket per operation, counting from 1. */
export function bucketObject(bucket: number): string {
  return `${bucket + 1}@${GENESIS_ACTOR}`;
}

/** The bucket an object id names, or undefined when the genesis did not make it. */
export function objectBucket(kind: DocKind, object: string): number | undefined {
  const match = /^([1-9]\d{0,2})@00$/.exec(object);
  const bucket = match === null ? -1 : Number(match[1]) - 1;
  return bucket >= 0 && bucket < BUCKETS[kind] ? bucket : undefined;
}
