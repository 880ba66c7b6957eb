/**
 * What the law or the storage will stop, and when: the operator's 30 days, the term and the memory of the storage, the 24 hours of a
 * shift, the clock. Pure: as the register said last. `left` is absent where nobody can tell; a level is raised before anything stops.
 */
import type { FiscalCountdown } from '@branchline/model';
import { LATE_DAYS, LIMIT_DAYS } from './ofd-watch.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Days of the storage's term at which its replacement is called for, and at which it is urgent. */
export const TERM_DAYS = [30, 3] as const;
/** Seconds between the two clocks at which somebody is told; the storage refuses at 300. */
export const CLOCK_SECONDS_MAX = 120;
/** Hours of a shift at which somebody is told that it was not closed. */
export const SHIFT_HOURS_MAX = 23.75;
/** Zones are whole quarters of an hour. */
const ZONE_SECONDS = 900;

export interface CountdownFacts {
  readonly nowMs: number;
  readonly oldestDocumentAgeMs: number | undefined;
  /** Last day of the storage's term. */
  readonly fnExpires: string | undefined;
  readonly warnings: readonly string[];
  /** When the open shift was opened. */
  readonly shiftOpenedMs: number | undefined;
  readonly isShiftExpired: boolean;
  /** Wall time of the device when it was asked, and ours then. */
  readonly clock: { readonly deviceSeconds: number; readonly atMs: number } | undefined;
}

export function countdowns(facts: CountdownFacts): FiscalCountdown[] {
  return [operator(facts), term(facts), memory(facts), shift(facts), clock(facts)];
}

function operator({ oldestDocumentAgeMs: ageMs }: CountdownFacts): FiscalCountdown {
  if (ageMs === undefined) {
    return { what: 'operator', level: 'well', words: 'The operator has every document.' };
  }
  const leftMs = Math.max(0, LIMIT_DAYS * DAY_MS - ageMs);
  const [notice = 2, , urgent = 20] = LATE_DAYS;
  const level =
    leftMs === 0
      ? 'stopped'
      : ageMs >= urgent * DAY_MS
        ? 'urgent'
        : ageMs >= notice * DAY_MS
          ? 'notice'
          : 'well';
  const words = `The oldest document waits for the operator for ${inWords(ageMs)}; the register stops in ${inWords(leftMs)}.`;
  return { what: 'operator', level, leftMs, words };
}

function term({ fnExpires, nowMs, warnings }: CountdownFacts): FiscalCountdown {
  const endMs = fnExpires === undefined ? Number.NaN : Date.parse(`${fnExpires}T23:59:59Z`);
  if (Number.isNaN(endMs)) {
    const level = warnings.includes('replace-in-3-days')
      ? 'urgent'
      : warnings.includes('replace-in-30-days')
        ? 'notice'
        : 'well';
    return { what: 'storage-term', level, words: 'The device does not tell the day the storage ends.' };
  }
  const leftMs = Math.max(0, endMs - nowMs);
  const [notice, urgent] = TERM_DAYS;
  const level =
    leftMs === 0
      ? 'stopped'
      : leftMs <= urgent * DAY_MS
        ? 'urgent'
        : leftMs <= notice * DAY_MS
          ? 'notice'
          : 'well';
  const words =
    `The term of the storage ends on ${fnExpires}. ${level === 'well' ? '' : 'Have it replaced.'}`.trim();
  return { what: 'storage-term', level, leftMs, words };
}

function memory({ warnings }: CountdownFacts): FiscalCountdown {
  const isFull = warnings.includes('memory-90-percent');
  const words = isFull
    ? 'The memory of the storage is 90 % full. Have it replaced.'
    : 'The storage has room.';
  return { what: 'storage-memory', level: isFull ? 'urgent' : 'well', words };
}

function shift({ shiftOpenedMs, isShiftExpired, nowMs }: CountdownFacts): FiscalCountdown {
  if (isShiftExpired) {
    const words = 'The shift of the register is longer than 24 hours: it is closed before the next receipt.';
    return { what: 'shift', level: 'stopped', leftMs: 0, words };
  }
  if (shiftOpenedMs === undefined) {
    return { what: 'shift', level: 'well', words: 'No shift is open.' };
  }
  const ageMs = nowMs - shiftOpenedMs;
  const leftMs = Math.max(0, 24 * HOUR_MS - ageMs);
  const level = ageMs >= SHIFT_HOURS_MAX * HOUR_MS ? 'urgent' : 'well';
  const words = `The shift is open for ${inWords(ageMs)}; it may last 24 hours and closes by itself before.`;
  return { what: 'shift', level, leftMs, words };
}

function clock(facts: CountdownFacts): FiscalCountdown {
  const seconds = clockDifferenceSeconds(facts);
  if (seconds === undefined) {
    return { what: 'clock', level: 'well', words: 'The device does not tell its time.' };
  }
  const isOff = Math.abs(seconds) > CLOCK_SECONDS_MAX;
  const words = isOff
    ? `The clock of the register is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}; the storage refuses from 5 minutes on. Set it while the shift is closed.`
    : 'The clock of the register is right.';
  return { what: 'clock', level: isOff ? 'urgent' : 'well', words };
}

/** The device tells the time on the wall; whole quarters of an hour are its zone, what is left is the difference. */
export function clockDifferenceSeconds({ clock: read }: Pick<CountdownFacts, 'clock'>): number | undefined {
  if (read === undefined) {
    return undefined;
  }
  const apart = read.deviceSeconds - Math.floor(read.atMs / 1_000);
  return apart - Math.round(apart / ZONE_SECONDS) * ZONE_SECONDS;
}

function inWords(ms: number): string {
  return ms >= 2 * DAY_MS ? `${Math.floor(ms / DAY_MS)} days` : `${Math.floor(ms / HOUR_MS)} hours`;
}
