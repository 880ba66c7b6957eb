/**
 * The loop that delivers: the shell around `delivery-state`, one line per key, and `destinations`, which says who is next.
 *
 *     rows changed ──▶ follow ──▶ lines ──ready──▶ destinations ──slot, breaker──▶ deliver ──answer──▶ line
 *                                   ▲                                                                    │
 *                                   └────────── record: journal, then rows ◀─────────────────────────────┘
 *
 * Guarantees: one call per key at a time; nothing is called again, or next, before the outcome of the last call is durable;
 * a call that passes its deadline is told to end and its slot comes back even if it never does. After an outcome that
 * could not be recorded nothing more starts. `run` ends with its signal, when every call has ended or been given up.
 *
 * Does not: read or write rows or the journal itself.
 */
import { Backoff, type BackoffOptions, type Clock, type Random, type Timer } from 'hlc-ts';
import { understand, understandThrown } from './answer.ts';
import type { BreakerState } from './breaker.ts';
import {
  type Draft,
  type LaneEffect,
  type LaneEvent,
  type LaneJob,
  type LaneState,
  nextTickMs,
  openLane,
  stepLane,
} from './delivery-state.ts';
import type { DestinationReport, Destinations } from './destinations.ts';
import { Doorbell } from './doorbell.ts';
import { OutboxError } from './errors.ts';
import type { OutboxRecord } from './facts.ts';
import type { KeyChange, KeyCounts } from './outbox-rows.ts';
import type { Deliver } from './ports.ts';

/** Calls that were told to end and never did. One more and the outbox stops: they cost memory and may hold a line. */
export const ABANDONED_CALLS_MAX = 64;

export interface DeliveryLoopOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly deliver: Deliver;
  readonly deadlineMs: number;
  readonly backoff: BackoffOptions;
  readonly destinations: Destinations;
  readonly destinationOf: (key: string) => string;
  readonly holds: (key: string) => boolean;
  /** Called when a line has jobs on disk and none in memory; `loaded` is called with them. */
  readonly load: (key: string) => void;
  /** Called with an outcome; resolves when it is durable, in the rows, and `follow` has been called with it. */
  readonly record: (record: OutboxRecord) => Promise<void>;
  readonly onAbandoned: (key: string, id: string) => void;
}

interface Lane {
  readonly destination: string;
  state: LaneState;
  dueMs: number | undefined;
  timer: Timer | undefined;
}

interface Call {
  readonly key: string;
  readonly abort: AbortController;
  isAbandoned: boolean;
}

export class DeliveryLoop {
  readonly #options: DeliveryLoopOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #calls = new Map<number, Call>();
  readonly #news = new Doorbell();
  #leases = 0;
  #abandoned = 0;
  #recording = 0;
  #lateAnswers = 0;
  #attempts = 0;
  #isRunning = false;
  #failure: OutboxError | undefined;
  #probeTimer: Timer | undefined;

  constructor(options: DeliveryLoopOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get keys(): number {
    return this.#lanes.size;
  }

  get counts(): { attempts: number; lateAnswers: number; abandonedCalls: number } {
    return { attempts: this.#attempts, lateAnswers: this.#lateAnswers, abandonedCalls: this.#abandoned };
  }

  has(key: string): boolean {
    return this.#lanes.has(key);
  }

  /** The lines as they stand, for reports. */
  lanes(): Iterable<readonly [string, { readonly destination: string; readonly state: LaneState }]> {
    return this.#lanes;
  }

  destinations(): DestinationReport[] {
    return this.#options.destinations.report();
  }

  /** A key with unfinished jobs. */
  open(key: string, counts: KeyCounts, breaker?: BreakerState): void {
    const { pending, quarantined } = counts;
    if (pending === 0 && quarantined === 0) return;
    const destination = this.#options.destinationOf(key);
    this.#options.destinations.join(destination, breaker);
    const { state, effects } = openLane({ key, holds: this.#options.holds(key), pending, quarantined });
    const lane: Lane = { destination, state, dueMs: undefined, timer: undefined };
    this.#lanes.set(key, lane);
    this.#settle(lane, effects);
  }

  /** The rows of a key have changed. */
  follow({ key, counts, added, applied }: KeyChange): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.open(key, counts);
      return;
    }
    const { pending, quarantined } = counts;
    const { state } = lane;
    const out = state.phase === 'recording' ? state.job : undefined;
    const isOwn = ({ fact }: KeyChange['applied'][number]): boolean =>
      fact.type !== 'added' && fact.id === out?.id && fact.step === out.step + 1;
    const others = applied.filter((change) => !isOwn(change));
    const settled = others.filter(({ job }) => job.status !== 'pending' && job.status !== 'quarantined');
    const settledIds = settled.map(({ job }) => job.id);
    if (others.length < applied.length) {
      const stale = others.length > 0 || added.length > 0;
      this.#recorded(lane, { pending, quarantined, stale, settled: settledIds.includes(out!.id) });
    } else if (others.length > 0) {
      this.#step(lane, { type: 'changed', pending, quarantined, settled: settledIds });
    } else if (added.length > 0) {
      this.#step(lane, { type: 'added', jobs: added, pending });
    }
  }

  loaded(key: string, jobs: readonly LaneJob[]): void {
    const lane = this.#lanes.get(key);
    if (lane !== undefined) this.#step(lane, { type: 'loaded', jobs });
  }

  /** Nothing may start any more; `run` rejects with the first such error. */
  fail(error: OutboxError): void {
    this.#failure ??= error;
    this.#news.ring();
  }

  /** Whoever waits for the next try goes now, and breakers are closed. What is under way stays as it is. */
  hurry(): void {
    this.#options.destinations.reset();
    for (const lane of [...this.#lanes.values()]) {
      if (lane.state.phase === 'waiting') this.#step(lane, { type: 'tick', nowMs: lane.state.untilMs });
    }
    this.#news.ring();
  }

  /** Delivers until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const ring = (): void => this.#news.ring();
    signal.addEventListener('abort', ring, { once: true });
    this.#isRunning = true;
    try {
      while (!signal.aborted && this.#failure === undefined) {
        this.#dispatch();
        await this.#news.wait();
      }
      this.#probeTimer?.cancel();
      const nowMs = this.#options.clock.monotonicMs();
      for (const lane of [...this.#lanes.values()]) this.#step(lane, { type: 'stop', nowMs });
      while (this.#calls.size > this.#abandoned || this.#recording > 0) await this.#news.wait();
    } finally {
      this.#isRunning = false;
      signal.removeEventListener('abort', ring);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Timers go; the lines stay as they are. */
  close(): void {
    this.#probeTimer?.cancel();
    for (const { timer } of this.#lanes.values()) timer?.cancel();
  }

  #dispatch(): void {
    const { clock, destinations, deadlineMs } = this.#options;
    const nowMs = clock.monotonicMs();
    for (let next = destinations.start(nowMs); next !== undefined; next = destinations.start(nowMs)) {
      this.#leases += 1;
      const granted = { lease: this.#leases, deadlineMs: nowMs + deadlineMs };
      this.#step(this.#lanes.get(next.key)!, { type: 'granted', ...granted });
    }
    this.#probeTimer?.cancel();
    this.#probeTimer = undefined;
    const probeMs = destinations.nextProbeMs();
    // One that may go now waits for a slot, and a slot that comes back rings.
    if (probeMs !== undefined && probeMs > nowMs) {
      this.#probeTimer = clock.setTimer(probeMs - nowMs, () => this.#news.ring());
    }
  }

  #step(lane: Lane, event: LaneEvent): void {
    const { state, effects } = stepLane(lane.state, event);
    lane.state = state;
    this.#settle(lane, effects);
  }

  /** Brings the world in line with a line's new state. */
  #settle(lane: Lane, effects: readonly LaneEffect[]): void {
    const { state, destination } = lane;
    const { clock, destinations } = this.#options;
    const dueMs = nextTickMs(state);
    if (dueMs !== lane.dueMs) {
      lane.timer?.cancel();
      lane.dueMs = dueMs;
      lane.timer =
        dueMs === undefined ? undefined : clock.setTimer(dueMs - clock.monotonicMs(), () => this.#due(lane));
    }
    destinations.setReady(destination, state.key, state.phase === 'ready');
    for (const effect of effects) this.#perform(lane, effect);
    if (lane.state === state && state.phase === 'idle' && state.quarantined === 0) {
      this.#lanes.delete(state.key);
      destinations.leave(destination, state.key);
    }
    this.#news.ring();
  }

  #due(lane: Lane): void {
    lane.dueMs = undefined;
    lane.timer = undefined;
    this.#step(lane, { type: 'tick', nowMs: this.#options.clock.monotonicMs() });
  }

  #perform(lane: Lane, effect: LaneEffect): void {
    switch (effect.type) {
      case 'load':
        this.#options.load(lane.state.key);
        return;
      case 'deliver':
        this.#deliver(lane, effect.lease, effect.job);
        return;
      case 'abort':
        this.#calls.get(effect.lease)?.abort.abort(new Error(`the call is to end: ${effect.reason}`));
        return;
      case 'release':
        this.#options.destinations.end(lane.destination, effect.verdict, this.#options.clock.monotonicMs());
        return;
      case 'abandon':
        this.#abandon(lane, effect.lease);
        return;
      case 'record':
        this.#record(lane, effect.job, effect.draft);
        return;
      case 'late':
        this.#lateAnswers += 1;
        return;
      default:
        effect satisfies never;
    }
  }

  #deliver(lane: Lane, lease: number, { id, ref, addedMs, attempts }: LaneJob): void {
    const { key } = lane.state;
    const abort = new AbortController();
    const call: Call = { key, abort, isAbandoned: false };
    this.#calls.set(lease, call);
    this.#attempts += 1;
    const job = { id, key, ref, addedMs, attempt: attempts + 1 };
    void (async () => this.#options.deliver(job, { signal: abort.signal }))()
      .then(understand, understandThrown)
      .then((answer) => {
        this.#calls.delete(lease);
        if (call.isAbandoned) this.#abandoned -= 1;
        const nowMs = this.#options.clock.monotonicMs();
        // The line may be gone, or a new one of the same name may be there: leases tell them apart.
        const current = this.#lanes.get(key);
        if (current === undefined) this.#lateAnswers += 1;
        else this.#step(current, { type: 'answered', lease, answer, nowMs });
        this.#news.ring();
      });
  }

  #abandon(lane: Lane, lease: number): void {
    this.#calls.get(lease)!.isAbandoned = true;
    this.#abandoned += 1;
    if ('job' in lane.state) this.#options.onAbandoned(lane.state.key, lane.state.job.id);
    if (this.#abandoned > ABANDONED_CALLS_MAX) {
      this.fail(
        new OutboxError('OUTBOX_DELIVER_STUCK', `${this.#abandoned} calls of the deliverer never ended`, {
          hint: 'restart the program; the deliverer must end when its signal aborts',
        }),
      );
    }
  }

  #record(lane: Lane, job: LaneJob, draft: Draft): void {
    // What cannot be made durable did not happen: the job is tried again after the restart.
    if (this.#failure !== undefined) return;
    const { clock } = this.#options;
    const base = { id: job.id, step: job.step + 1, atMs: clock.nowMs() };
    const record: OutboxRecord =
      draft.type === 'delivered' ? { ...base, ...draft } : { ...base, ...draft, attempts: job.attempts + 1 };
    this.#recording += 1;
    this.#options
      .record(record)
      .then(() => {
        // Known to the rows before, by other means: then `follow` had nothing to say.
        const { state } = lane;
        if (state.phase !== 'recording' || state.job !== job) return;
        const { pending, quarantined } = state;
        this.#recorded(lane, { pending, quarantined, stale: true, settled: true });
      })
      .catch((error) => this.fail(failureOf(error)))
      .finally(() => {
        this.#recording -= 1;
        this.#news.ring();
      });
  }

  #recorded(
    lane: Lane,
    event: Pick<Extract<LaneEvent, { type: 'recorded' }>, 'pending' | 'quarantined' | 'stale' | 'settled'>,
  ): void {
    const { clock, random, backoff } = this.#options;
    const attempts = 'job' in lane.state ? lane.state.job.attempts : 0;
    const { delayMs } = new Backoff(backoff, attempts).next(random);
    this.#step(lane, { type: 'recorded', ...event, retryAtMs: clock.monotonicMs() + delayMs });
  }
}

function failureOf(error: unknown): OutboxError {
  if (error instanceof OutboxError) return error;
  return new OutboxError('OUTBOX_ROWS_FAILED', 'an outcome could not be brought to an end', { cause: error });
}
