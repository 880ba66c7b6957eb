/**
 * What is done for documents when nobody waits for a commit: changes of others are applied and snapshots are taken.
 *
 * Live changes are applied as they come. What comes by the hundred is a catch-up: it is applied when it has stopped coming, because
 * a document takes a thousand changes at once for a fraction of what a hundred small turns cost, and because a branch that
 * returns has better things to do at that moment: to send, and to sell.
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
/** So many changes since everything was applied are a catch-up. */
export const CATCH_UP_CHANGES = 128;
/** A catch-up is over when nothing came for so long, */
export const CATCH_UP_QUIET_MS = 1_000;
/** or after this, however much is still coming: prices must arrive. */
export const CATCH_UP_WITHIN_MS = 15_000;
/** Between two looks at whether it is. */
const CATCH_UP_CHECK_MS = 50;
/** How long movements of other branches may wait for more of them to be applied together. */
export const STOCK_WITHIN_MS = 1_000;
/** Without a movement for this long, those that wait are applied. */
export const GATHER_MS = 20;
/** Without a change of this device for this long, documents take in what they lag behind. */
export const QUIET_MS = 250;
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
  /** Movements of a branch come in floods, and many changes applied together cost less than one by one. */
  const gather = async () => {
    const sinceMs = clock.monotonicMs();
    let seen = shards.arrived.changes;
    for (;;) {
      await pause(GATHER_MS);
      const next = shards.nextPending();
      const isLate = clock.monotonicMs() - sinceMs >= STOCK_WITHIN_MS;
      if (signal.aborted || isLate || seen === shards.arrived.changes || (next && !isStock(next))) {
        return;
      }
      seen = shards.arrived.changes;
    }
  };
  /** What own changes a document lags behind is taken in once nobody has changed anything for a while. */
  const levelOrSleep = async () => {
    const lagging = shards.nextLagging();
    if (lagging === undefined) {
      await shards.untilWoken();
      return;
    }
    const seen = shards.ownChanges;
    await pause(QUIET_MS);
    if (!signal.aborted && seen === shards.ownChanges && !busy()) {
      await shards.documents.level(lagging);
    }
  };
  /** How much had come when everything was applied, and when a catch-up began after that. */
  let drained = shards.arrived.changes;
  let catchUpMs: number | undefined;
  while (!signal.aborted) {
    const pending = shards.nextPending();
    const due = pending ?? shards.nextToSnapshot();
    if (pending === undefined) {
      drained = shards.arrived.changes;
      catchUpMs = undefined;
    }
    if (due === undefined) {
      await levelOrSleep();
      continue;
    }
    if (pending !== undefined && shards.arrived.changes - drained >= CATCH_UP_CHANGES) {
      const nowMs = clock.monotonicMs();
      catchUpMs ??= nowMs;
      if (nowMs - shards.arrived.lastMs < CATCH_UP_QUIET_MS && nowMs - catchUpMs < CATCH_UP_WITHIN_MS) {
        await pause(CATCH_UP_CHECK_MS);
        continue;
      }
    }
    const sinceMs = clock.monotonicMs();
    while (busy() && !signal.aborted && clock.monotonicMs() - sinceMs < MATERIALISE_WITHIN_MS) {
      await pause(IDLE_CHECK_MS);
    }
    if (pending !== undefined) {
      if (isStock(pending)) {
        await gather();
      }
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

function isStock(doc: string): boolean {
  return doc.startsWith('stock/');
}
