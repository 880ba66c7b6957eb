/** Days of whoever asks: from when to when they are, and which rows by time lie in them. */
import { formatStamp, isoTime, makeStamp } from 'hlc-ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export interface Span {
  readonly fromMs: number;
  /** The first moment after it. */
  readonly untilMs: number;
  readonly offsetMs: number;
}

/** From the beginning of a day (`YYYY-MM-DD`) to the end of another, on a clock that is this far ahead of UTC. */
export function spanOfDays(from: string, to: string, offsetMinutes: number): Span {
  const offsetMs = offsetMinutes * MINUTE_MS;
  return { fromMs: Date.parse(from) - offsetMs, untilMs: Date.parse(to) + DAY_MS - offsetMs, offsetMs };
}

export function isWithin(ms: number, { fromMs, untilMs }: Span): boolean {
  return ms >= fromMs && ms < untilMs;
}

export function dayOf(at: string, { offsetMs }: Pick<Span, 'offsetMs'>): string {
  return isoTime(Date.parse(at) + offsetMs).slice(0, 10);
}

/** The first stamp of that moment, as it stands in keys. */
export function stampAt(ms: number): string {
  return formatStamp(makeStamp(Math.max(0, ms), 0));
}

/** Version 7 ids whose time is in the span, with a day on both sides for devices whose clock is off: `[from, below)`. */
export function idsAround({ fromMs, untilMs }: Span): readonly [from: string, below: string] {
  return [idAt(fromMs - DAY_MS), idAt(untilMs + DAY_MS)];
}

/** The beginning of a version 7 id of that moment. */
function idAt(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
