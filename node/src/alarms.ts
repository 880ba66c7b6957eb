/**
 * What an operator must hear about, until it is over: by code, in words, bounded.
 *
 * An alarm may be about somebody: a peer, or the address of one. When that one behaves again, what was said about it is over. Every
 * end is told as every beginning is.
 *
 * Raising an alarm that stands already only counts it. Alarms live in memory: their causes are durable (a forked feed, a
 * quarantined change) or will be met again.
 */
import { isoTime } from 'hlc-ts';

/** Alarms kept; the oldest goes first, counters do not. */
export const ALARMS_MAX = 256;

/** Codes counted by name; peers may send any. */
export const ALARM_CODES_MAX = 64;

export interface Alarm {
  readonly code: string;
  readonly detail: string;
  readonly at: string;
}

export class Alarms {
  readonly #alarms = new Map<string, { readonly alarm: Alarm; readonly about: string | undefined }>();
  readonly #nowMs: () => number;
  readonly #onRaised: (alarm: Alarm) => void;
  readonly #onCleared: (alarm: Alarm) => void;
  readonly #codes = new Set<string>();
  #raised = 0;

  constructor(options: {
    readonly nowMs: () => number;
    readonly onRaised: (alarm: Alarm) => void;
    readonly onCleared?: (alarm: Alarm) => void;
  }) {
    this.#nowMs = options.nowMs;
    this.#onRaised = options.onRaised;
    this.#onCleared = options.onCleared ?? (() => {});
  }

  raise(code: string, detail: string, about?: string): void {
    this.#raised += 1;
    const id = `${code} ${detail}`;
    if (this.#alarms.has(id)) {
      return;
    }
    if (this.#codes.size < ALARM_CODES_MAX) {
      this.#codes.add(code);
    }
    const alarm = { code, detail, at: isoTime(this.#nowMs()) };
    this.#alarms.set(id, { alarm, about });
    if (this.#alarms.size > ALARMS_MAX) {
      const oldest = this.#alarms.keys().next();
      if (oldest.done !== true) {
        this.#alarms.delete(oldest.value);
      }
    }
    this.#onRaised(alarm);
  }

  /** Every alarm of this code is over. */
  clear(code: string): void {
    this.#end((alarm) => alarm.code === code);
  }

  /** What was raised about this one is over, if its code begins like this. */
  clearAbout(about: string, codesLike = ''): void {
    this.#end((alarm, whom) => whom === about && alarm.code.startsWith(codesLike));
  }

  has(code: string): boolean {
    return this.list().some((alarm) => alarm.code === code);
  }

  list(): readonly Alarm[] {
    return [...this.#alarms.values()].map(({ alarm }) => alarm);
  }

  /** How many stand, by every code there was since the start: 0 tells that one is over. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map(Array.from(this.#codes, (code) => [code, 0]));
    for (const { code } of this.list()) {
      const count = counts.get(code);
      if (count !== undefined) {
        counts.set(code, count + 1);
      }
    }
    return counts;
  }

  /** How often alarms were raised since the start. */
  get raised(): number {
    return this.#raised;
  }

  #end(isOver: (alarm: Alarm, about: string | undefined) => boolean): void {
    for (const [id, { alarm, about }] of this.#alarms) {
      if (isOver(alarm, about)) {
        this.#alarms.delete(id);
        this.#onCleared(alarm);
      }
    }
  }
}
