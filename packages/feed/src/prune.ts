/**
 * Letting go of entries that a checkpoint stands in for.
 *
 * Guarantees: never the registry, orders or receipts; never above the checkpoint; hashes stay, so the chain goes on.
 * Does not: decide when, or check that the checkpoint is readable. Whoever made it knows both.
 */
import type { Checkpoint } from './checkpoint-transfer.ts';
import { familyOf, LOCAL_COLLECTION } from './collections.ts';
import { collectionOf } from './feed-name.ts';
import type { Collection, FeedStore } from './types.ts';

/** Families whose entries are kept for as long as the law, or admission, needs them. */
const KEPT_FAMILIES: ReadonlySet<string> = new Set(['registry', 'orders', 'receipts']);

/** May a checkpoint stand in for entries of this collection at all? What stays on one machine has none either. */
export function isPrunable(collection: Collection): boolean {
  const family = familyOf(collection);
  return family !== LOCAL_COLLECTION && !KEPT_FAMILIES.has(family);
}

/** Returns how many feeds were shortened. */
export async function pruneBelow(store: FeedStore, checkpoint: Pick<Checkpoint, 'vector'>): Promise<number> {
  let shortened = 0;
  for (const [feed, head] of checkpoint.vector) {
    const base = store.feeds().get(feed)?.base.seq;
    if (base === undefined || base >= head.seq || !isPrunable(collectionOf(feed))) continue;
    await store.prune(feed, head.seq + 1);
    shortened += 1;
  }
  return shortened;
}
