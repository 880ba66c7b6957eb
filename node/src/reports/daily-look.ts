/**
 * Once a day, and soon after each start: are the books of the days before right? An alarm stands until they are. It reads the orders of
 * days, so it waits until nothing is written for a moment, a while at most.
 *
 * Days are those of UTC; what belongs to the next one is looked at a day later. What only waits for the operator is no alarm here: that
 * has a countdown of its own.
 */
import type { FeedStore } from '@branchline/feed';
import type { DayReconciliation, ReconciliationQuery } from '@branchline/model';
import { type Clock, isoTime } from 'hlc-ts';
import type { Alarms } from '../alarms.ts';

/** Days looked back: a shift of yesterday may have been reported today, a receipt decided on. */
export const DAYS_LOOKED_BACK = 3;
export const BOOKS_ALARM = 'BOOKS_DIFFER';
/** In a shop that never pauses it is done after this all the same. */
export const QUIET_WAIT_MS = 15 * 60_000;
const DAY_MS = 86_400_000;

export interface DailyLookOptions {
  readonly reconcile: (query: ReconciliationQuery) => Promise<DayReconciliation>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
  /** Everything written here or received moves its position. */
  readonly store: Pick<FeedStore, 'position'>;
}

export class DailyLook {
  readonly #options: DailyLookOptions;
  #lookedOn: string | undefined;
  /** Due since, and where the store was when it was last asked. */
  #due: { readonly sinceMs: number; readonly position: number } | undefined;

  constructor(options: DailyLookOptions) {
    this.#options = options;
  }

  /** Called now and then; works once a day. */
  async look(): Promise<void> {
    const { reconcile, clock, alarms } = this.#options;
    const nowMs = clock.nowMs();
    const today = isoTime(nowMs).slice(0, 10);
    if (today === this.#lookedOn || !this.#isQuiet(nowMs)) {
      return;
    }
    const troubles: string[] = [];
    for (let back = 1; back <= DAYS_LOOKED_BACK; back += 1) {
      const day = isoTime(nowMs - back * DAY_MS).slice(0, 10);
      const { mismatches, moreMismatches } = await reconcile({ day, offsetMinutes: 0 });
      const serious = mismatches.filter(({ kind }) => kind !== 'operator');
      if (serious.length > 0) {
        troubles.push(`${day}: ${serious.length + moreMismatches}, first: ${serious[0]!.words}`);
      }
    }
    alarms.clear(BOOKS_ALARM);
    if (troubles.length > 0) {
      alarms.raise(
        BOOKS_ALARM,
        `the books of some days differ (branchline reconcile). ${troubles.join(' ')}`,
      );
    }
    this.#lookedOn = today;
    this.#due = undefined;
  }

  #isQuiet(nowMs: number): boolean {
    const { position } = this.#options.store;
    const { sinceMs = nowMs, position: before } = this.#due ?? {};
    this.#due = { sinceMs, position };
    return position === before || nowMs - sinceMs >= QUIET_WAIT_MS;
  }
}
