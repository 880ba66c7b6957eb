/**
 * What a relay does once a minute: revokes keys whose overlap is over, writes contacts down for the next start, gives up entries
 * that checkpoints stand in for.
 */
import type { Clock } from 'hlc-ts';
import type { Logger } from 'pino';
import type { RelayCore } from './relay-core.ts';
import type { Sessions } from './sessions.ts';

export const HOUSEKEEPING_EVERY_MS = 60_000;

export async function keepHouse(options: {
  core: RelayCore;
  sessions: Sessions;
  prune: () => Promise<number>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { core, sessions, prune, clock, log, signal } = options;
  while (!signal.aborted) {
    await clock.sleep(HOUSEKEEPING_EVERY_MS, { signal }).catch(() => undefined);
    try {
      await core.contacts.write(sessions.remembered());
      if (!signal.aborted) {
        await core.retireRotated();
        const shortened = await prune();
        if (shortened > 0) {
          log.info({ feeds: shortened }, 'entries below checkpoints given up');
        }
      }
    } catch (error) {
      // The store's own failure ends the program; anything else is tried again in a minute.
      log.error({ err: error }, 'housekeeping failed');
    }
  }
}
