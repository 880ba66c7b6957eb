/** Milliseconds since 1970 as people and programs read them: `2026-11-22T14:54:00.123Z`. Pure; reads no clock. */
import { STAMP_MS_MAX } from './stamp.ts';

/** The last moment the calendar of the runtime knows. */
const CALENDAR_MS_MAX = 8_640_000_000_000_000;

export function isoTime(ms: number): string {
  return new Date(Math.min(Math.max(ms, 0), STAMP_MS_MAX, CALENDAR_MS_MAX)).toISOString();
}
