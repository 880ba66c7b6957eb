/**
 * Letting go of entries that a checkpoint stands in for.
 *
 * Guarantees: only of collections that documents are made of, for a checkpoint is documents and nothing else; never above the
 * checkpoint; hashes stay, so the chain goes on.
 * Does not: decide when, or check that the checkpoint is readable. Whoever made it knows both.
 */
import type { Checkpoint } from './checkpoint-transfer.ts';
import { familyOf } from './collections.ts';
import { collectionOf } from './feed-name.ts';
import type { Collection, FeedStore } from './types.ts';

/**
 * Families a document holds everything of. Any other, one that is not thought of yet included, is what only its entries say:
 * keys, prices, letters, orders.
 */
const DOCUMENT_FAMILIES: ReadonlySet<string> = new Set(['catalog', 'stock', 'loyalty']);

/** May a checkpoint stand in for entries of this collection at all? */
export function isPrunable(collection: Collection): boolean {
  return DOCUMENT_FAMILIES.has(familyOf(collection));
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
