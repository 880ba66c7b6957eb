/**
 * What happens on the relay, told live: a bounded log of recent events that listeners follow and can resume.
 *
 * Events are few and in the past tense; everything an event says can also be read from `GET /v1/fleet`. Numbers grow by
 * one and start anew with the process, so a listener that resumes after a restart is sent everything there is.
 */

/** Events kept for listeners that come back. */
export const EVENTS_KEPT_MAX = 1_000;

export type RelayEvent =
  | {
      readonly type: 'connected';
      readonly writer: string;
      readonly branch: string;
      readonly software: string;
    }
  | { readonly type: 'disconnected'; readonly writer: string; readonly branch: string; readonly code: string }
  | { readonly type: 'refused'; readonly code: string; readonly writer: string; readonly remote: string }
  | { readonly type: 'enrolled'; readonly writer: string; readonly branch: string; readonly role: string }
  | { readonly type: 'revoked'; readonly writer: string; readonly branch: string; readonly reason: string }
  /** An operator did something, or was refused. */
  | {
      readonly type: 'acted';
      readonly who: string;
      readonly what: string;
      readonly subject: string;
      readonly outcome: string;
    }
  | { readonly type: 'alarmed'; readonly code: string; readonly detail: string; readonly writer?: string }
  /** Rows of the fleet that changed since the last such event. */
  | { readonly type: 'fleetChanged'; readonly devices: readonly unknown[] };

export interface NumberedEvent {
  readonly id: number;
  /** ISO 8601, the relay's clock. */
  readonly at: string;
  readonly event: RelayEvent;
}

export class EventLog {
  readonly #now: () => string;
  readonly #listeners = new Set<(event: NumberedEvent) => void>();
  readonly #recent: NumberedEvent[] = [];
  #lastId = 0;

  constructor(now: () => string) {
    this.#now = now;
  }

  add(event: RelayEvent): void {
    this.#lastId += 1;
    const numbered = { id: this.#lastId, at: this.#now(), event };
    this.#recent.push(numbered);
    if (this.#recent.length > EVENTS_KEPT_MAX) {
      this.#recent.shift();
    }
    for (const listener of this.#listeners) {
      listener(numbered);
    }
  }

  /** Kept events after `id`; all kept when `id` is from another life of the process. */
  after(id: number): readonly NumberedEvent[] {
    return id > this.#lastId ? [...this.#recent] : this.#recent.filter((event) => event.id > id);
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** The listener must not throw. */
  watch(listener: (event: NumberedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
