/**
 * Time of fiscal documents: seconds since 1970 of the clock on the shop's wall, as if that clock showed UTC. There is no
 * time zone in it, and no way back to a moment without knowing the place. Only an acknowledgement's time is UTC.
 */
import { isoTime } from 'hlc-ts';

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const DAY_SECONDS = 86_400;

/** A calendar day as its first second; undefined for what is no day. */
export function secondsOfDay(day: string): number | undefined {
  const [, year, month, date] = DAY.exec(day) ?? [];
  if (year === undefined) return undefined;
  const seconds = Date.UTC(Number(year), Number(month) - 1, Number(date)) / 1000;
  return dayOfSeconds(seconds) === day ? seconds : undefined;
}

/** `2026-11-22`. */
export function dayOfSeconds(seconds: number): string {
  return isoTime(seconds * 1000).slice(0, 10);
}

/** `2026-11-22T15:04:05`, without a zone because there is none. */
export function formatWallTime(seconds: number): string {
  return isoTime(seconds * 1000).slice(0, 19);
}

/** Seconds of a wall time `2026-11-22T15:04` or with seconds; undefined for anything else. */
export function secondsOfWallTime(text: string): number | undefined {
  const [, day, hour, minute, second = '00'] = /^(\S{10})T(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(text) ?? [];
  const start = day === undefined ? undefined : secondsOfDay(day);
  if (start === undefined) return undefined;
  const within = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  return within < DAY_SECONDS ? start + within : undefined;
}
