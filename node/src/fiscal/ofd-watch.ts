/**
 * The way from the storage to the operator of fiscal data, as this node sees it: carried by us where an address is set, and
 * watched in any case, because a document that waits 30 days stops the register.
 *
 * The storage is the queue; the outbox (`delivery/ofd-delivery.ts`) mirrors it, so that what waits, why, and for how long can be
 * read and survives. This is the desk's view of it: the line is shared, receipts come first.
 */
import type { KktDriver, KktStatus, PumpStatus } from '@branchline/fiscal';
import type { Clock } from 'hlc-ts';
import type { OfdDelivery } from '../delivery/ofd-delivery.ts';

/** Days without an acknowledgement at which an alarm is raised; at 30 the storage registers nothing more. */
export const LATE_DAYS = [2, 5, 20, 28] as const;
export const LIMIT_DAYS = 30;
const DAY_SECONDS = 86_400;
/** While receipts queue without a pause, the operator's documents get this much of the line, this often. */
export const TURN_MS = 200;
export const TURN_EVERY_MS = 2_000;
const TURN_STEP_MS = 10;

export interface OfdQueueSeen {
  readonly waiting: number;
  /** Age of the oldest by the device's own clock; absent where it does not tell the time. */
  readonly oldestAgeSeconds: number | undefined;
  readonly oldestFd: number | undefined;
}

export interface OfdWatchOptions {
  readonly driver: KktDriver;
  readonly delivery: OfdDelivery;
  readonly clock: Clock;
  /** Receipts not registered yet. */
  readonly owed: () => number;
  /** Called when the alarm begins, changes its words, or is over. */
  readonly onAlarm: (code: string, words: string | undefined) => void;
}

export class OfdWatch {
  readonly #options: OfdWatchOptions;
  #queue: OfdQueueSeen | undefined;
  #turnMs = 0;
  /** What the alarm says, while it stands. */
  #late: string | undefined;

  constructor(options: OfdWatchOptions) {
    this.#options = options;
  }

  get queue(): OfdQueueSeen | undefined {
    return this.#queue;
  }

  get pump(): PumpStatus | undefined {
    return this.#options.delivery.pump;
  }

  /** Since the start. */
  get delivered(): number {
    return this.#options.delivery.delivered;
  }

  /** Called around everything a sale needs of the register: the line is free for it. */
  hold(): void {
    this.#options.delivery.hold();
  }

  release(): void {
    this.#options.delivery.release();
  }

  /** Called when there may be more or less to do. */
  note(): void {
    const { delivery, owed } = this.#options;
    delivery.mark(owed() + (this.#queue?.waiting ?? 0));
  }

  /** Called between two receipts: documents for the operator are not kept waiting for the end of a long queue. */
  async turn(signal: AbortSignal): Promise<void> {
    const { delivery, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!delivery.wantsLine || nowMs - this.#turnMs < TURN_EVERY_MS) {
      return;
    }
    delivery.release();
    while (delivery.wantsLine && clock.monotonicMs() - nowMs < TURN_MS) {
      await clock.sleep(TURN_STEP_MS, { signal });
    }
    delivery.hold();
    this.#turnMs = clock.monotonicMs();
  }

  /** Called between receipts with what the register just said of itself. */
  async look({ fn, clockSeconds }: KktStatus, signal: AbortSignal): Promise<void> {
    const { driver, delivery } = this.#options;
    const seen = await driver.ofdQueue({ signal });
    const { waiting, first } = seen;
    const oldestAgeSeconds =
      first === undefined || clockSeconds === undefined
        ? undefined
        : Math.max(0, clockSeconds - first.atSeconds);
    this.#queue = { waiting, oldestAgeSeconds, oldestFd: first?.fd };
    await delivery.compare(fn, seen);
    this.note();
    const days = (oldestAgeSeconds ?? 0) / DAY_SECONDS;
    const passed = LATE_DAYS.filter((limit) => days >= limit).at(-1);
    const left = Math.max(0, Math.floor(LIMIT_DAYS - days));
    const late =
      passed === undefined
        ? undefined
        : `documents wait for the operator for more than ${passed} days; in ${left} days the register stops. Restore the link.`;
    if (late !== this.#late) {
      this.#late = late;
      this.#options.onAlarm('OFD_LATE', late);
    }
  }
}
