/**
 * `OfdPump` carries the documents of one fiscal storage to its operator: the shell around pump-state.ts.
 *
 * The storage behind `FnMessagePort` and the operator behind `OfdLink` do the work; this loop hands events to the state
 * machine one at a time and does what it says. Guarantees: one pump has one thing under way; a port or link that never
 * answers is given up after a limit; `run` returns when its signal aborts and leaves no timer behind; nothing here needs
 * to be remembered over a restart. `hold` keeps the line free for sales from the next command on.
 * Does not: share the line (the driver's own queue does), or keep delivered tickets: `onEvent` is told of each once.
 */
import type { Backoff, Clock, Random, Timer } from 'hlc-ts';
import { assert } from '../assert.ts';
import { FiscalError, type FiscalErrorCode } from '../errors.ts';
import type { DocumentKey, Ticket } from './acknowledgement.ts';
import {
  assertPumpStep,
  HOLDS_MAX,
  type Offer,
  type PumpEffect,
  type PumpEvent,
  type PumpState,
  startPump,
  stepPump,
  type TicketVerdict,
} from './pump-state.ts';
import { correctFormatVersion } from './session-header.ts';

/** A command to the storage, however slow the line. */
export const LINE_LIMIT_MS = 15_000;
/** The law gives an operator 300 s; the link gives up sooner by itself. */
export const EXCHANGE_LIMIT_MS = 330_000;
/** Events waiting for the loop: one wake, one rested, the last word about each hold, the result and the limit of one thing. */
export const EVENTS_MAX = HOLDS_MAX + 4;

/** The storage, as the driver of its device reaches it. Every call is one command or a few; none waits for a network. */
export interface FnMessagePort {
  readonly fn: string;
  /** Called to learn whether the storage has a message; it then offers its oldest unacknowledged document. */
  begin(options: { signal: AbortSignal }): Promise<Offer | undefined>;
  /** Called for each block of it, in order. */
  read(offset: number, length: number, options: { signal: AbortSignal }): Promise<Uint8Array>;
  /** Called before an answer is written. */
  prepare(sizeBytes: number, options: { signal: AbortSignal }): Promise<{ readonly blockBytes: number }>;
  /** Called for each block of it, in order; gives the verdict with the last one. */
  write(
    offset: number,
    bytes: Uint8Array,
    options: { isLast: boolean; signal: AbortSignal },
  ): Promise<TicketVerdict | undefined>;
}

/** The operator: one message out, one answer back, over a connection of its own. */
export interface OfdLink {
  exchange(message: Uint8Array, options: { signal: AbortSignal }): Promise<Uint8Array>;
}

export type PumpReport =
  | { readonly type: 'delivered'; readonly key: DocumentKey; readonly ticket: Ticket | undefined }
  | {
      readonly type: 'alarm';
      readonly code: FiscalErrorCode;
      readonly key: DocumentKey | undefined;
      readonly detail: string;
    };

export interface PumpStatus {
  readonly phase: PumpState['phase'];
  readonly holds: readonly string[];
  /** The document under way or last refused. */
  readonly key: DocumentKey | undefined;
  readonly delivered: number;
  readonly failures: number;
  readonly lastFailure: { readonly code: FiscalErrorCode; readonly detail: string } | undefined;
  /** Monotonic milliseconds at which the rest ends. */
  readonly restsUntilMs: number | undefined;
}

export interface OfdPumpOptions {
  readonly port: FnMessagePort;
  readonly link: OfdLink;
  readonly clock: Clock;
  readonly random: Random;
  /** Waits between failures; its cap is the wait after a refusal. */
  readonly backoff: Backoff;
  readonly onEvent: (report: PumpReport) => void;
  /** Called when the storage has nothing to carry, and when a try failed and is going to be repeated. */
  readonly onPause?: (why: PumpPause) => void;
}

export type PumpPause =
  | { readonly type: 'nothing' }
  | {
      readonly type: 'failed';
      readonly code: FiscalErrorCode;
      readonly detail: string;
      readonly key: DocumentKey | undefined;
      /** The document was on its way to the operator: what failed was beyond this machine. */
      readonly isFar: boolean;
    };

export class OfdPump {
  readonly #options: OfdPumpOptions;
  readonly #inbox: PumpEvent[] = [];
  readonly #holds = new Set<string>();
  #state: PumpState;
  #backoff: Backoff;
  #delivered = 0;
  #lastFailure: PumpStatus['lastFailure'];
  #restsUntilMs: number | undefined;
  #rest: Timer | undefined;
  #underWay: { readonly controller: AbortController; readonly limit: Timer } | undefined;
  #arrived: (() => void) | undefined;
  #stop: AbortSignal | undefined;

  constructor(options: OfdPumpOptions) {
    this.#options = options;
    this.#state = startPump(options.port.fn);
    this.#backoff = options.backoff;
  }

  get status(): PumpStatus {
    const { phase, holds, failures } = this.#state;
    return {
      phase,
      holds,
      key: 'key' in this.#state ? this.#state.key : undefined,
      delivered: this.#delivered,
      failures,
      lastFailure: this.#lastFailure && {
        code: this.#lastFailure.code,
        detail: this.#lastFailure.detail,
      },
      restsUntilMs: this.#restsUntilMs,
    };
  }

  /** There may be a new document. Does not cut a rest short. */
  wake(): void {
    this.#put({ type: 'wake' });
  }

  /** Try now, whatever failed before: an operator's wish, or the network came back. */
  retry(): void {
    this.#put({ type: 'rested' });
  }

  /** Keeps the line to the storage free until the same reason is released. Reasons are few: a sale, a report. */
  hold(reason: string): void {
    if (this.#holds.has(reason)) return;
    assert(this.#holds.size < HOLDS_MAX, `more than ${HOLDS_MAX} holds`);
    this.#holds.add(reason);
    this.#put({ type: 'hold', reason });
  }

  release(reason: string): void {
    if (this.#holds.delete(reason)) this.#put({ type: 'release', reason });
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#arrived?.();
    this.#stop = signal;
    signal.addEventListener('abort', stop);
    this.#put({ type: 'wake' });
    try {
      while (!signal.aborted) {
        const event = this.#inbox.shift();
        if (event === undefined) await this.#nextArrival(signal);
        else this.#step(event);
      }
    } finally {
      signal.removeEventListener('abort', stop);
      this.#abandon(new FiscalError('OFD_CLOSED_EARLY', 'the pump stops', { retryable: true }));
      this.#rest?.cancel();
      this.#inbox.length = 0;
      this.#state = { ...startPump(this.#options.port.fn), op: this.#state.op + 1, holds: [...this.#holds] };
    }
  }

  #put(event: PumpEvent): void {
    // A result of something abandoned is late whenever it comes.
    if ('op' in event && event.op !== this.#state.op) return;
    const same = this.#inbox.findIndex((earlier) => isOverruled(earlier, event));
    if (same >= 0) this.#inbox.splice(same, 1);
    assert(this.#inbox.length < EVENTS_MAX, 'the inbox is full');
    this.#inbox.push(event);
    this.#arrived?.();
  }

  async #nextArrival(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#arrived = resolve;
      if (signal.aborted || this.#inbox.length > 0) resolve();
    });
    this.#arrived = undefined;
  }

  #step(event: PumpEvent): void {
    const before = this.#state;
    const step = stepPump(before, event);
    assertPumpStep(before, event, step);
    if ('op' in event && event.op === this.#state.op) this.#finish();
    if (step.state.phase === 'resting') this.#lastFailure = step.state;
    else this.#stopResting();
    this.#state = step.state;
    for (const effect of step.effects) {
      // Whoever was told of a delivery may have ended the run: nothing more is begun then.
      if (this.#stop?.aborted === true) return;
      this.#act(effect);
    }
    this.#tellPause(before, step.state, event);
  }

  #tellPause(before: PumpState, state: PumpState, event: PumpEvent): void {
    const { onPause } = this.#options;
    if (event.type === 'nothing' && before.phase === 'asking' && state.phase === 'idle') {
      onPause?.({ type: 'nothing' });
    }
    if (state.phase === 'resting' && before.phase !== 'resting') {
      const { code, detail, key } = state;
      onPause?.({ type: 'failed', code, detail, key, isFar: before.phase === 'exchanging' });
    }
  }

  #act(effect: PumpEffect): void {
    const { port, link, onEvent } = this.#options;
    switch (effect.type) {
      case 'ask':
        this.#begin(effect.op, LINE_LIMIT_MS, async (signal) => {
          const offer = await port.begin({ signal });
          return offer === undefined
            ? { type: 'nothing', op: effect.op }
            : { type: 'offered', op: effect.op, offer };
        });
        break;
      case 'read':
        this.#begin(effect.op, LINE_LIMIT_MS, async (signal) => {
          const bytes = await port.read(effect.offset, effect.length, { signal });
          return { type: 'chunk', op: effect.op, bytes };
        });
        break;
      case 'exchange':
        this.#begin(effect.op, EXCHANGE_LIMIT_MS, async (signal) => {
          const bytes = await link.exchange(correctFormatVersion(effect.message), { signal });
          return { type: 'answered', op: effect.op, bytes };
        });
        break;
      case 'prepare':
        this.#begin(effect.op, LINE_LIMIT_MS, async (signal) => {
          const { blockBytes } = await port.prepare(effect.sizeBytes, { signal });
          return { type: 'ready', op: effect.op, blockBytes };
        });
        break;
      case 'write':
        this.#begin(effect.op, LINE_LIMIT_MS, async (signal) => {
          const verdict = await port.write(effect.offset, effect.bytes, { isLast: effect.isLast, signal });
          return verdict === undefined
            ? { type: 'written', op: effect.op }
            : { type: 'verdict', op: effect.op, verdict };
        });
        break;
      case 'abandon':
        this.#abandon(new FiscalError('FN_LINE_FAILED', 'the line is wanted', { retryable: true }));
        break;
      case 'rest':
        this.#startResting(effect.isLong);
        break;
      case 'delivered':
        this.#delivered += 1;
        this.#backoff = this.#backoff.reset();
        onEvent(effect);
        break;
      case 'alarm':
        onEvent(effect);
        break;
      default:
        effect satisfies never;
    }
  }

  /** Starts one thing; its result, its failure or its time limit comes back as an event. */
  #begin(op: number, limitMs: number, work: (signal: AbortSignal) => Promise<PumpEvent>): void {
    const controller = new AbortController();
    const isExchange = limitMs === EXCHANGE_LIMIT_MS;
    const code = isExchange ? 'OFD_TIMEOUT' : 'FN_LINE_FAILED';
    const limit = this.#options.clock.setTimer(limitMs, () => {
      controller.abort(new FiscalError(code, `no answer in ${limitMs} ms`, { retryable: true }));
      this.#put({ type: 'failed', op, code, detail: `no answer in ${limitMs} ms` });
    });
    this.#underWay = { controller, limit };
    work(controller.signal).then(
      (event) => this.#put(event),
      (error) => this.#put({ type: 'failed', op, ...failureOf(error, isExchange) }),
    );
  }

  #finish(): void {
    this.#underWay?.limit.cancel();
    this.#underWay = undefined;
  }

  #abandon(reason: FiscalError): void {
    const underWay = this.#underWay;
    this.#finish();
    underWay?.controller.abort(reason);
  }

  #startResting(isLong: boolean): void {
    const { clock, random } = this.#options;
    const next = this.#backoff.next(random);
    const delayMs = isLong ? this.#backoff.options.capMs : next.delayMs;
    this.#backoff = next.backoff;
    this.#restsUntilMs = clock.monotonicMs() + delayMs;
    this.#rest = clock.setTimer(delayMs, () => this.#put({ type: 'rested' }));
  }

  #stopResting(): void {
    this.#rest?.cancel();
    this.#rest = undefined;
    this.#restsUntilMs = undefined;
  }
}

/** Whether a waiting event says nothing any more once `next` is said. */
function isOverruled(earlier: PumpEvent, next: PumpEvent): boolean {
  if ('reason' in earlier && 'reason' in next) return earlier.reason === next.reason;
  return !('op' in next) && !('reason' in next) && earlier.type === next.type;
}

function failureOf(error: unknown, isExchange: boolean): { code: FiscalErrorCode; detail: string } {
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof FiscalError) return { code: error.code, detail };
  return { code: isExchange ? 'OFD_CONNECT_FAILED' : 'FN_LINE_FAILED', detail };
}
