/**
 * The node's events for tills and pages: a bounded ring of what just happened, resumable by id.
 *
 * An event that reports a durable entry has the id `<journal position>.<n>`; ids of the present (`sync.changed`,
 * `node.state`, `alarm.raised`) continue the count at the same position. Ids grow over restarts, because positions do. A client
 * that comes back gets what it missed if the ring still holds it, and is told `missed` otherwise: everything an event
 * says can also be read.
 */
import type { NodeEventType } from '@branchline/model';
import type { EventService, EventSubscription, IdentifiedEvent } from './services.ts';

/** Events held for clients that come back: about 1 MB. */
export const EVENTS_HELD_MAX = 4096;
/** Open streams of one node. */
export const SUBSCRIBERS_MAX = 1024;

interface Place {
  readonly position: number;
  readonly n: number;
}

export class EventLog implements EventService {
  readonly #held: IdentifiedEvent[] = [];
  readonly #listeners = new Set<(event: IdentifiedEvent) => void>();
  /** Everything up to here was dropped from the ring or happened before this process started. */
  #dropped: Place;
  #last: Place;

  constructor(position: number) {
    this.#dropped = { position, n: Number.MAX_SAFE_INTEGER };
    this.#last = { position, n: 0 };
  }

  /** Called by projections with the position of the entry reported, without one for what is true only now. */
  publish(type: NodeEventType, data: IdentifiedEvent['data'], position = this.#last.position): void {
    this.#last = position > this.#last.position ? { position, n: 1 } : { ...this.#last, n: this.#last.n + 1 };
    const event = { id: `${this.#last.position}.${this.#last.n}`, type, data };
    this.#held.push(event);
    if (this.#held.length > EVENTS_HELD_MAX) {
      this.#dropped = parsePlace(this.#held.shift()!.id)!;
    }
    for (const listener of this.#listeners) {
      listener(event);
    }
  }

  subscribe(afterId: string | undefined, listener: (event: IdentifiedEvent) => void): EventSubscription {
    const from = afterId === undefined ? undefined : parsePlace(afterId);
    let missed = afterId !== undefined && from === undefined;
    if (from !== undefined) {
      missed = isBefore(from, this.#dropped) && !this.#nothingSince(from);
      for (const event of this.#held) {
        if (isBefore(from, parsePlace(event.id)!)) {
          listener(event);
        }
      }
    }
    if (this.#listeners.size >= SUBSCRIBERS_MAX) {
      return { missed: true, unsubscribe: () => {} };
    }
    this.#listeners.add(listener);
    return { missed, unsubscribe: () => this.#listeners.delete(listener) };
  }

  get subscribers(): number {
    return this.#listeners.size;
  }

  /** After a restart: nothing was committed since the event the client saw last. */
  #nothingSince(from: Place): boolean {
    return this.#dropped.n === Number.MAX_SAFE_INTEGER && from.position >= this.#dropped.position;
  }
}

function parsePlace(id: string): Place | undefined {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(id);
  return match === null ? undefined : { position: Number(match[1]), n: Number(match[2]) };
}

function isBefore(a: Place, b: Place): boolean {
  return a.position < b.position || (a.position === b.position && a.n < b.n);
}
