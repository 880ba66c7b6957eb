/**
 * A breath between two slices of work nobody waits for: the event loop has its turn, and tills that wait for a commit go first,
 * though not for ever.
 */
import type { Clock } from 'hlc-ts';

/** How long a busy node holds up one slice. */
export const YIELD_WITHIN_MS = 250;
const IDLE_CHECK_MS = 5;

export type IdlePause = (signal?: AbortSignal) => Promise<void>;

export function idlePause(clock: Clock, busy: () => boolean): IdlePause {
  return async (signal) => {
    await clock.yield();
    const untilMs = clock.monotonicMs() + YIELD_WITHIN_MS;
    while (busy() && signal?.aborted !== true && clock.monotonicMs() < untilMs) {
      await clock.sleep(IDLE_CHECK_MS).catch(() => undefined);
    }
  };
}
