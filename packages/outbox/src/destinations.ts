/**
 * Which key goes next: destinations in turn, and within one the key that has waited longest since its last try.
 *
 * Guarantees: at most `slotsMax` requests in all and `perDestinationMax` at one destination, so a destination that hangs
 * cannot take every slot; no request a breaker forbids; the probe of a half-open breaker goes to another key each time, so one job that
 * always hangs cannot keep a recovered destination shut.
 *
 * Does not: wait. `nextProbeMs` says when asking again makes sense.
 */
import { assert } from './assert.ts';
import {
  type BreakerEvent,
  type BreakerOptions,
  type BreakerState,
  CLOSED,
  mayStart,
  stepBreaker,
} from './breaker.ts';

export interface DestinationsOptions {
  readonly slotsMax: number;
  readonly perDestinationMax: number;
  readonly breaker: BreakerOptions;
  /** Told when a breaker leaves or enters a phase. */
  readonly onBreaker: (destination: string, state: BreakerState) => void;
}

export interface DestinationReport {
  readonly destination: string;
  readonly breaker: BreakerState;
  readonly inFlight: number;
}

interface Destination {
  breaker: BreakerState;
  /** Keys of this destination with unfinished jobs. */
  keys: number;
  /** First in, first out: a key goes to the end when it becomes ready. */
  readonly ready: Set<string>;
  inFlight: number;
}

export class Destinations {
  readonly #options: DestinationsOptions;
  /** In turn: whoever was served goes to the end. */
  readonly #all = new Map<string, Destination>();
  #inFlight = 0;

  constructor(options: DestinationsOptions) {
    this.#options = options;
  }

  /** A key appears; `breaker` is what was kept of the destination's. */
  join(name: string, breaker: BreakerState = CLOSED): void {
    const known = this.#all.get(name);
    if (known === undefined) this.#all.set(name, { breaker, keys: 1, ready: new Set(), inFlight: 0 });
    else known.keys += 1;
  }

  /** A key has nothing left; the last one takes the destination with it. */
  leave(name: string, key: string): void {
    const destination = this.#get(name);
    destination.ready.delete(key);
    destination.keys -= 1;
    if (destination.keys > 0) return;
    if (destination.breaker.phase !== 'closed') this.#options.onBreaker(name, CLOSED);
    this.#all.delete(name);
  }

  setReady(name: string, key: string, isReady: boolean): void {
    const { ready } = this.#get(name);
    if (isReady) ready.add(key);
    else ready.delete(key);
  }

  /** The next key that may go, with its slot taken. */
  start(nowMs: number): { readonly destination: string; readonly key: string } | undefined {
    if (this.#inFlight >= this.#options.slotsMax) return undefined;
    for (const [name, destination] of this.#all) {
      const [key] = destination.ready;
      if (key === undefined || destination.inFlight >= this.#options.perDestinationMax) continue;
      if (!mayStart(destination.breaker, nowMs)) continue;
      destination.ready.delete(key);
      destination.inFlight += 1;
      this.#inFlight += 1;
      this.#step(name, destination, 'started', nowMs);
      this.#all.delete(name);
      this.#all.set(name, destination);
      return { destination: name, key };
    }
    return undefined;
  }

  /** A slot is free again, and this is what the breaker learns. */
  end(name: string, event: Exclude<BreakerEvent, 'started'>, nowMs: number): void {
    const destination = this.#get(name);
    destination.inFlight -= 1;
    this.#inFlight -= 1;
    this.#step(name, destination, event, nowMs);
  }

  /** When an open breaker with somebody waiting behind it lets the next probe through. */
  nextProbeMs(): number | undefined {
    let nextMs: number | undefined;
    for (const { breaker, ready } of this.#all.values()) {
      if (breaker.phase === 'open' && ready.size > 0 && breaker.probeAtMs < (nextMs ?? Infinity)) {
        nextMs = breaker.probeAtMs;
      }
    }
    return nextMs;
  }

  /** Somebody says that it works again: every breaker is closed. */
  reset(): void {
    for (const [name, destination] of this.#all) {
      const isNews = destination.breaker.phase !== 'closed';
      destination.breaker = CLOSED;
      if (isNews) this.#options.onBreaker(name, CLOSED);
    }
  }

  report(): DestinationReport[] {
    return [...this.#all].map(([destination, { breaker, inFlight }]) => ({ destination, breaker, inFlight }));
  }

  #step(name: string, destination: Destination, event: BreakerEvent, nowMs: number): void {
    const before = destination.breaker;
    destination.breaker = stepBreaker(before, event, nowMs, this.#options.breaker);
    const isNews = before.phase !== destination.breaker.phase;
    if (isNews) this.#options.onBreaker(name, destination.breaker);
  }

  #get(name: string): Destination {
    const destination = this.#all.get(name);
    assert(destination !== undefined, `destination ${name} is not known`);
    return destination;
  }
}
