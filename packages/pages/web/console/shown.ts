/** Figures of a device as the console writes them: ages, sizes, clocks. */
import { duration } from '../kit/numbers.ts';
import type { Language } from '../kit/words.ts';
import type { ConsoleWords } from './console-words.ts';
import type { DeviceRow } from './fleet-types.ts';

export interface Speech {
  readonly language: Language;
  readonly words: ConsoleWords;
}

/** One unit: a grid needs no more. */
export function age(language: Language, ms: number): string {
  return duration(language, roughly(Math.max(0, ms)));
}

function roughly(ms: number): number {
  for (const unit of [86_400_000, 3_600_000, 60_000]) {
    if (ms >= 2 * unit) {
      return Math.floor(ms / unit) * unit;
    }
  }
  return ms;
}

export function ago({ language, words }: Speech, iso: string | null, nowMs: number): string {
  return iso === null ? words.never : words.ago(age(language, nowMs - Date.parse(iso)));
}

export function contact(speech: Speech, row: DeviceRow, nowMs: number): string {
  return row.online ? speech.words.now : ago(speech, row.lastContact, nowMs);
}

export function behind({ language, words }: Speech, { lag, state }: DeviceRow): string {
  const entries = lag.entriesThere + lag.entriesHere;
  if (state === 'invited' || state === 'enrolled' || state === 'revoked') {
    return '–';
  }
  if (entries === 0) {
    return words.level;
  }
  const since = lag.seconds >= 1 ? ` · ${age(language, lag.seconds * 1000)}` : '';
  return `${words.entries(entries)}${since}`;
}

export function clock({ language }: Speech, offsetMs: number | null): string {
  if (offsetMs === null) {
    return '–';
  }
  const sign = offsetMs < 0 ? '−' : '+';
  return Math.abs(offsetMs) < 1000 ? '±0' : `${sign}${age(language, Math.abs(offsetMs))}`;
}
