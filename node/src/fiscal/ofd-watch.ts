/**
 * The way from the storage to the operator of fiscal data, as this node sees it: carried by us where an address is set, and
 * watched in any case, because a document that waits 30 days stops the register.
 *
 * The storage is the queue: nothing is remembered here that it does not know. A ticket the storage has taken is written into the
 * receipts feed, for those who read receipts elsewhere; should that one line be lost, the storage still has the ticket.
 */
import {
  type KktDriver,
  type KktStatus,
  type OfdLink,
  OfdPump,
  type PumpReport,
  type PumpStatus,
} from '@branchline/fiscal';
import { Backoff, type Clock, type Random } from 'hlc-ts';
import type { NodeLog } from '../ports.ts';

/** Days without an acknowledgement at which an alarm is raised; at 30 the storage registers nothing more. */
export const LATE_DAYS = [2, 5, 20, 28] as const;
export const LIMIT_DAYS = 30;
const DAY_SECONDS = 86_400;
const RETRY = { baseMs: 1_000, capMs: 300_000 } as const;
/** Between two looks for a storage to carry from. */
const STORAGE_POLL_MS = 1_000;

export interface OfdQueueSeen {
  readonly waiting: number;
  /** Age of the oldest by the device's own clock; absent where it does not tell the time. */
  readonly oldestAgeSeconds: number | undefined;
  readonly oldestFd: number | undefined;
}

export interface OfdWatchOptions {
  readonly driver: KktDriver;
  /** The operator, where this node carries. */
  readonly link: OfdLink | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeLog;
  readonly storage: () => string | undefined;
  readonly onDelivered: (fn: string, fd: number) => void;
  readonly onAlarm: (code: string, words: string) => void;
}

export class OfdWatch {
  readonly #options: OfdWatchOptions;
  #pump: OfdPump | undefined;
  #queue: OfdQueueSeen | undefined;
  #isHeld = false;
  #delivered = 0;

  constructor(options: OfdWatchOptions) {
    this.#options = options;
  }

  get queue(): OfdQueueSeen | undefined {
    return this.#queue;
  }

  get pump(): PumpStatus | undefined {
    return this.#pump?.status;
  }

  /** Since the start. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Called around everything a sale needs of the register: the line is free for it. */
  hold(): void {
    this.#isHeld = true;
    this.#pump?.hold('sale');
  }

  release(): void {
    this.#isHeld = false;
    this.#pump?.release('sale');
    this.#pump?.wake();
  }

  /** Called between receipts with what the register just said of itself. */
  async look({ clockSeconds }: KktStatus, signal: AbortSignal): Promise<void> {
    const { waiting, first } = await this.#options.driver.ofdQueue({ signal });
    const oldestAgeSeconds =
      first === undefined || clockSeconds === undefined
        ? undefined
        : Math.max(0, clockSeconds - first.atSeconds);
    this.#queue = { waiting, oldestAgeSeconds, oldestFd: first?.fd };
    const days = (oldestAgeSeconds ?? 0) / DAY_SECONDS;
    const passed = LATE_DAYS.filter((limit) => days >= limit).at(-1);
    if (passed !== undefined) {
      const left = Math.max(0, Math.floor(LIMIT_DAYS - days));
      this.#options.onAlarm(
        'OFD_LATE',
        `documents wait for the operator for more than ${passed} days; in ${left} days the register stops. Restore the link.`,
      );
    }
  }

  /** Carries until aborted; does nothing where the register delivers by itself. */
  async run(signal: AbortSignal): Promise<void> {
    const { driver, link, clock, random, storage } = this.#options;
    while (link !== undefined && !signal.aborted) {
      const fn = storage();
      const port = fn === undefined ? undefined : driver.messagePort(fn);
      if (port === undefined) {
        await clock.sleep(STORAGE_POLL_MS, { signal }).catch(() => undefined);
        continue;
      }
      const pump = new OfdPump({
        port,
        link,
        clock,
        random,
        backoff: new Backoff(RETRY),
        onEvent: (report) => this.#take(port.fn, report),
      });
      this.#pump = pump;
      if (this.#isHeld) {
        pump.hold('sale');
      }
      await pump.run(signal);
    }
  }

  #take(fn: string, report: PumpReport): void {
    if (report.type === 'alarm') {
      this.#options.log.warn(
        { code: report.code, fd: report.key?.fd, detail: report.detail },
        'delivery to the operator',
      );
      this.#options.onAlarm(report.code, report.detail);
      return;
    }
    this.#delivered += 1;
    this.#options.onDelivered(fn, report.key.fd);
  }
}
