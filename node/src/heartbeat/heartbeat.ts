/**
 * A word to the ERP every 30 seconds that this node lives, with what waits and how the way to the operator is; as the replaced adapter
 * sent it. Nothing depends on the answer but what is shown: an alarm stands while nobody hears us.
 *
 * The shell around `heartbeat-state.ts`: one request at a time, each with its own limit, the next counted from the last one's start.
 */
import { type Clock, isoTime, linkAborts } from 'hlc-ts';
import { z } from 'zod';
import type { Alarms } from '../alarms.ts';
import type { Post } from '../delivery/webhooks.ts';
import type { BufferFacts } from '../fiscal/register-service.ts';
import { HEARTBEAT_UNKNOWN, type HeartbeatState, stepHeartbeat } from './heartbeat-state.ts';

export const HEARTBEAT_ALARM = 'ERP_UNREACHABLE';

export const heartbeatConfig = z.strictObject({
  url: z
    .string()
    .regex(
      /^https?:\/\/[^\s/]+(\/\S*)?$/,
      'must be an address like http://erp.example:8069/api/v1/kkt/heartbeat',
    ),
  everySeconds: z.int().min(1).max(3_600).default(30),
  timeoutSeconds: z.int().min(1).max(60).default(5),
  /** Who speaks; left out, the branch. */
  adapterId: z.string().min(1).max(64).optional(),
});
export type HeartbeatConfig = z.output<typeof heartbeatConfig>;

export interface HeartbeatOptions extends HeartbeatConfig {
  readonly branch: string;
  readonly clock: Clock;
  readonly post: Post;
  readonly buffer: () => Promise<BufferFacts>;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
}

/** As programs read it. */
export interface HeartbeatView extends HeartbeatState {
  readonly isRunning: boolean;
  /** Since the start. */
  readonly failures: number;
}

export const NO_HEARTBEAT: HeartbeatView = { ...HEARTBEAT_UNKNOWN, isRunning: false, failures: 0 };

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #state: HeartbeatState = HEARTBEAT_UNKNOWN;
  #isRunning = false;
  #failures = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  view(): HeartbeatView {
    return { ...this.#state, isRunning: this.#isRunning, failures: this.#failures };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, everySeconds } = this.#options;
    this.#isRunning = true;
    while (!signal.aborted) {
      const fromMs = clock.monotonicMs();
      const isHeard = await this.#beat(signal);
      if (signal.aborted) {
        break;
      }
      this.#take(isHeard);
      const restMs = Math.max(0, everySeconds * 1_000 - (clock.monotonicMs() - fromMs));
      await clock.sleep(restMs, { signal }).catch(() => undefined);
    }
    this.#isRunning = false;
  }

  #take(isHeard: boolean): void {
    const { clock, alarms, url } = this.#options;
    const { phase } = this.#state;
    this.#failures += isHeard ? 0 : 1;
    this.#state = stepHeartbeat(this.#state, {
      type: isHeard ? 'heard' : 'unheard',
      atMs: clock.monotonicMs(),
    });
    if (this.#state.phase === phase) {
      return;
    }
    alarms.clear(HEARTBEAT_ALARM);
    if (this.#state.phase === 'offline') {
      alarms.raise(HEARTBEAT_ALARM, `${url} does not answer the heartbeat; selling does not depend on it.`);
    }
  }

  /** True when the answer is 200, within the limit. */
  async #beat(signal: AbortSignal): Promise<boolean> {
    const { clock, post, url, timeoutSeconds } = this.#options;
    const limit = new AbortController();
    const either = linkAborts(signal, limit.signal);
    const timer = clock.setTimer(timeoutSeconds * 1_000, () => limit.abort(new Error('too slow')));
    try {
      const response = await post(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(await this.#body()),
        signal: either.signal,
      });
      await response.body?.cancel();
      return response.status === 200;
    } catch {
      // Counted, shown and tried again: that is all there is to an answer that did not come.
      return false;
    } finally {
      timer.cancel();
      either.unlink();
    }
  }

  async #body(): Promise<object> {
    const { clock, branch, adapterId = branch, buffer } = this.#options;
    const { capacity, pending, delivered, undecided, breaker, failures, successes } = await buffer();
    return {
      timestamp: isoTime(clock.nowMs()),
      adapter_id: adapterId,
      buffer_status: {
        total_capacity: capacity,
        current_queued: pending,
        percent_full: percentOf(pending, capacity),
        pending,
        synced: delivered,
        failed: undecided,
        dlq_size: undecided,
      },
      circuit_breaker: {
        state: breakerName(breaker),
        failure_count: failures,
        success_count: successes,
      },
    };
  }
}

/** Two decimals. */
export function percentOf(pending: number, capacity: number): number {
  return Math.round((pending / capacity) * 10_000) / 100;
}

const BREAKER_NAMES = { closed: 'CLOSED', open: 'OPEN', 'half-open': 'HALF_OPEN' } as const;

export function breakerName(phase: BufferFacts['breaker']): (typeof BREAKER_NAMES)[typeof phase] {
  return BREAKER_NAMES[phase];
}
