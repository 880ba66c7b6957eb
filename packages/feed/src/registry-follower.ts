/**
 * Keeps a registry up to date with the store that holds its feed.
 *
 * Guarantees: everything the store holds of the registry feed is applied when `followRegistry` resolves, and every
 * later commit is applied before whoever watched the store after us hears of it. Follow first, then attach peers.
 */
import { entriesOf } from './entry.ts';
import type { Registry } from './registry.ts';
import type { Appended, FeedStore } from './types.ts';

/** Read at a time while catching up. */
const READ_BYTES = 256 * 1024;

/** Returns how to stop following. */
export async function followRegistry(store: FeedStore, registry: Registry): Promise<() => void> {
  const waiting: Appended[] = [];
  let caughtUp = false;
  const stop = store.watch((appended) => {
    if (caughtUp) apply(registry, appended);
    else waiting.push(appended);
  });
  while (registry.position < (store.feeds().get(registry.feed)?.head.seq ?? 0)) {
    const run = await store.read(registry.feed, registry.position + 1, READ_BYTES);
    if (!run) break;
    for (const entry of entriesOf(run)) registry.apply(entry);
  }
  caughtUp = true;
  for (const appended of waiting) apply(registry, appended);
  return stop;
}

function apply(registry: Registry, appended: Appended): void {
  for (const run of appended.runs) {
    if (run.feed !== registry.feed) continue;
    for (const entry of entriesOf(run)) registry.apply(entry);
  }
}
