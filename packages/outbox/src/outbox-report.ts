/**
 * The outbox as a person and a metric see it: how many where, how old the oldest is, what was said last, when it is tried again.
 */
import type { BreakerState } from './breaker.ts';
import type { LaneState } from './delivery-state.ts';
import type { JobRow, Remark } from './job-history.ts';

export interface OutboxReport {
  /** Over all keys, also those with nothing left. Their sum is the number of jobs ever added. */
  readonly totals: { pending: number; quarantined: number; delivered: number; resolved: number };
  /** Since the start: calls made, calls that never ended, answers that came after the lease was taken back. */
  readonly attempts: number;
  readonly abandonedCalls: number;
  readonly lateAnswers: number;
  /** Keys with unfinished jobs. */
  readonly keys: readonly KeyReport[];
  readonly destinations: readonly {
    destination: string;
    breaker: BreakerState['phase'];
    inFlight: number;
    /** While the breaker is open: how long until it lets a probe through. */
    probeInMs?: number;
  }[];
}

export interface KeyReport {
  readonly key: string;
  readonly destination: string;
  readonly phase: LaneState['phase'];
  readonly pending: number;
  readonly quarantined: number;
  /** While waiting: how long until the next try. */
  readonly retryInMs?: number;
  /** The first unfinished job in line, in quarantine or not. */
  readonly oldest?: OldestJob;
}

export interface OldestJob {
  readonly id: string;
  readonly status: 'pending' | 'quarantined';
  readonly addedMs: number;
  readonly ageMs: number;
  readonly attempts: number;
  readonly last?: Remark;
}

export function keyReport(
  { destination, state }: { readonly destination: string; readonly state: LaneState },
  oldest: JobRow | undefined,
  time: { readonly monotonicMs: number; readonly ageNowMs: number },
): KeyReport {
  const { key, phase, pending, quarantined } = state;
  return {
    key,
    destination,
    phase,
    pending,
    quarantined,
    ...(state.phase === 'waiting' && { retryInMs: Math.max(0, state.untilMs - time.monotonicMs) }),
    ...(oldest !== undefined && { oldest: oldestJob(oldest, time.ageNowMs) }),
  };
}

function oldestJob(job: JobRow, ageNowMs: number): OldestJob {
  const { id, addedMs, attempts } = job;
  const last = 'last' in job ? job.last : undefined;
  return {
    id,
    status: job.status === 'quarantined' ? 'quarantined' : 'pending',
    addedMs,
    ageMs: Math.max(0, ageNowMs - addedMs),
    attempts,
    ...(last && { last }),
  };
}
