/**
 * What is done for documents when nobody waits for a commit: changes of others are applied and snapshots are taken.
 *
 * A busy node is left alone for a while, but not for ever: prices of head office must arrive on a busy day too. Snapshots can
 * wait longer, because a document that is never idle has a limit of its own (`SNAPSHOT_BUSY_BYTES`). Between two slices the event loop is
 * free, so a sale during an eight-hour catch-up keeps its latency.
 */
import type { Clock } from 'hlc-ts';
import type { Rows } from './rows.ts';
import type { Shards } from './shards.ts';

/** How long a busy node may keep pending changes waiting. */
export const MATERIALISE_WITHIN_MS = 250;
/** Between two looks at whether the node is idle. */
const IDLE_CHECK_MS = 5;

export interface UpkeepOptions {
  readonly shards: Shards;
  readonly rows: Rows;
  readonly clock: Clock;
  /** True while tills wait for a commit. */
  readonly busy: () => boolean;
}

/** Runs until `signal` aborts; throws when rows or documents are broken. */
export async function runUpkeep(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const { shards, rows, clock, busy } = options;
  const pause = (ms: number) => clock.sleep(ms, { signal }).catch(() => undefined);
  const stop = () => shards.wake();
  signal.addEventListener('abort', stop, { once: true });
  while (!signal.aborted) {
    const pending = shards.nextPending();
    const due = pending ?? shards.nextToSnapshot();
    if (due === undefined) {
      await shards.untilWoken();
      continue;
    }
    const sinceMs = clock.monotonicMs();
    while (busy() && !signal.aborted && clock.monotonicMs() - sinceMs < MATERIALISE_WITHIN_MS) {
      await pause(IDLE_CHECK_MS);
    }
    if (pending !== undefined) {
      await shards.materialise(pending);
    } else if (busy() || shards.isChanging(due)) {
      await pause(MATERIALISE_WITHIN_MS);
    } else {
      await shards.snapshot(due);
    }
    rows.startFlush();
    await rows.settled();
    await clock.yield();
  }
  signal.removeEventListener('abort', stop);
}
