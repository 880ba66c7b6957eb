/**
 * The line of one key as a pure function: `(state, event) -> { state, effects }`.
 *
 *             added, loaded            granted               answered
 *   idle ────────────────────▶ ready ──────────▶ delivering ───────────▶ recording ──┐
 *    ▲ ▲                       ▲   ▲                │ deadline, stop,       ▲        │ recorded
 *    │ │ (none left)           │   │ due            ▼ settled elsewhere     │        │
 *    │ └── loading ────────────┘   │             aborting ──────────────────┘        │
 *    │        ▲  loaded            │                │ answered, or ABORT_GRACE_MS    │
 *    │        │                 waiting ◀───────────┼───────── attempted ────────────┤
 *    │        └─────────────────────────────────────┴─── delivered, quarantined ─────┤
 *    └── held ◀──────────── quarantined, where a quarantined job holds its key ──────┘
 *
 * idle: nothing to deliver. loading: jobs are on disk, none in memory. ready: the first may go when a slot and the breaker allow. waiting:
 * backoff. delivering: a lease is out. aborting: its call was told to stop and has not ended. recording: the outcome is known and being
 * made durable. held: a job in quarantine keeps its place, and the key waits for a person.
 *
 * Invariants, checked by `assertInvariants` after every step of every test
 *   I1  at most one job is out, and it is not in the window
 *   I2  the window ascends in position and holds at most LANE_WINDOW_JOBS
 *   I3  window and the job out are among the pending: their number never exceeds `pending`
 *   I4  where quarantine holds the key, nothing is ready, waiting or newly out while something is quarantined
 *   I5  each phase has what it needs: ready and waiting a first job, loading something to load, idle nothing
 *   I6  an answer counts only under the lease that is out; an older one changes nothing
 *   I7  `pending` and `quarantined` change only by what became durable
 *
 * Does not: touch rows, the journal, the breaker or the clock. Effects say what the shell (delivery-loop.ts) does.
 */
import { assert } from './assert.ts';
import type { Verdict } from './breaker.ts';
import { DELIVERY_CODES } from './errors.ts';

/** Jobs of one key in memory; the rest stays on disk. */
export const LANE_WINDOW_JOBS = 8;
/** How long a call has to end after it was told to. Beyond it the lease is taken back and the call counted as abandoned. */
export const ABORT_GRACE_MS = 10_000;

export interface LaneJob {
  readonly id: string;
  readonly position: number;
  readonly ref: string;
  readonly addedMs: number;
  readonly attempts: number;
  readonly step: number;
}

interface Line {
  readonly key: string;
  /** A job in quarantine holds up the later jobs of its key. */
  readonly holds: boolean;
  /** The first jobs in line, without the one that is out. */
  readonly window: readonly LaneJob[];
  /** Undelivered and not in quarantine, in memory or on disk, the one that is out included. */
  readonly pending: number;
  readonly quarantined: number;
}

/** Why a call was told to end. `settled`: the host says the job is done. */
export type AbortReason = 'deadline' | 'stop' | 'settled';

export type LaneState = Line &
  (
    | { readonly phase: 'idle' | 'held' | 'loading' | 'ready' }
    | { readonly phase: 'waiting'; readonly untilMs: number }
    | {
        readonly phase: 'delivering';
        readonly job: LaneJob;
        readonly lease: number;
        readonly deadlineMs: number;
      }
    | {
        readonly phase: 'aborting';
        readonly job: LaneJob;
        readonly lease: number;
        readonly reason: AbortReason;
        readonly giveUpMs: number;
      }
    | {
        readonly phase: 'recording';
        readonly job: LaneJob;
        readonly draft: Draft;
        /** Became final by other means meanwhile. */
        readonly settled: boolean;
      }
  );

/** An answer as the line understands it; every failure has a code by now. */
export type LaneAnswer =
  | { readonly type: 'delivered'; readonly proof: string }
  | { readonly type: 'refused'; readonly permanent: boolean; readonly code: string; readonly words: string }
  | {
      readonly type: 'failed';
      readonly retryable: boolean;
      readonly ours?: boolean;
      readonly code: string;
      readonly words: string;
    };

/** What is to be made durable about the job that is out. */
export type Draft =
  | { readonly type: 'delivered'; readonly proof: string }
  | { readonly type: 'attempted' | 'quarantined'; readonly code: string; readonly words: string };

export type LaneEvent =
  /** New jobs at the end of the line, durable and on disk. */
  | { readonly type: 'added'; readonly jobs: readonly LaneJob[]; readonly pending: number }
  /** Anything else became durable about jobs of this key; `settled` are final now. */
  | {
      readonly type: 'changed';
      readonly pending: number;
      readonly quarantined: number;
      readonly settled: readonly string[];
    }
  /** The first pending jobs on disk. */
  | { readonly type: 'loaded'; readonly jobs: readonly LaneJob[] }
  | { readonly type: 'granted'; readonly lease: number; readonly deadlineMs: number }
  | { readonly type: 'answered'; readonly lease: number; readonly answer: LaneAnswer; readonly nowMs: number }
  /** The draft is durable and on disk. `stale`: so is more about this key, and the window is to be read again. */
  | {
      readonly type: 'recorded';
      readonly pending: number;
      readonly quarantined: number;
      readonly stale: boolean;
      readonly settled: boolean;
      readonly retryAtMs: number;
    }
  | { readonly type: 'tick'; readonly nowMs: number }
  /** The program stops: what is out is called back. */
  | { readonly type: 'stop'; readonly nowMs: number };

export type LaneEffect =
  | { readonly type: 'load' }
  | { readonly type: 'deliver'; readonly job: LaneJob; readonly lease: number }
  | { readonly type: 'abort'; readonly lease: number; readonly reason: AbortReason }
  /** The lease is back: its slot is free, and this is what the breaker learns. */
  | { readonly type: 'release'; readonly lease: number; readonly verdict: Verdict }
  /** The call never ended; the lease was taken back. */
  | { readonly type: 'abandon'; readonly lease: number }
  | { readonly type: 'record'; readonly job: LaneJob; readonly draft: Draft }
  /** An answer came after its lease had been taken back. */
  | { readonly type: 'late' };

export interface LaneStep {
  readonly state: LaneState;
  readonly effects: readonly LaneEffect[];
}

type Phase<Name extends LaneState['phase']> = Extract<LaneState, { phase: Name }>;

/** A line as its rows say it is, after a restart or with its first job. */
export function openLane(line: {
  key: string;
  holds: boolean;
  pending: number;
  quarantined: number;
}): LaneStep {
  return rest({ ...line, window: [] });
}

/** When the next `tick` is due; undefined when none is. */
export function nextTickMs(state: LaneState): number | undefined {
  switch (state.phase) {
    case 'waiting':
      return state.untilMs;
    case 'delivering':
      return state.deadlineMs;
    case 'aborting':
      return state.giveUpMs;
    default:
      return undefined;
  }
}

export function stepLane(state: LaneState, event: LaneEvent): LaneStep {
  switch (event.type) {
    case 'added':
      return added(state, event.jobs, event.pending);
    case 'changed':
      return changed(state, event);
    case 'loaded':
      if (state.phase !== 'loading') return stay(state);
      assert(event.jobs.length > 0, `${state.pending} jobs of ${state.key} are pending and none is on disk`);
      return rest({ ...lineOf(state), window: event.jobs.slice(0, LANE_WINDOW_JOBS) });
    case 'granted': {
      assert(state.phase === 'ready', `lease granted while ${state.phase}`);
      const job = state.window[0]!;
      const { lease, deadlineMs } = event;
      const line = { ...lineOf(state), window: state.window.slice(1) };
      return {
        state: { ...line, phase: 'delivering', job, lease, deadlineMs },
        effects: [{ type: 'deliver', job, lease }],
      };
    }
    case 'answered':
      if ((state.phase !== 'delivering' && state.phase !== 'aborting') || state.lease !== event.lease) {
        return { state, effects: [{ type: 'late' }] };
      }
      return answered(state, event.answer);
    case 'recorded':
      return recorded(state, event);
    case 'tick':
      return tick(state, event.nowMs);
    case 'stop':
      return state.phase === 'delivering' ? abort(state, 'stop', event.nowMs) : stay(state);
    default:
      return event satisfies never;
  }
}

function added(state: LaneState, jobs: readonly LaneJob[], pending: number): LaneStep {
  // Only a window that holds the whole line may grow at its end: otherwise those on disk come first.
  const isWhole = state.phase !== 'loading' && state.window.length + outOf(state) === state.pending;
  const window = isWhole ? [...state.window, ...jobs].slice(0, LANE_WINDOW_JOBS) : state.window;
  if (state.phase === 'idle') return rest({ ...lineOf(state), window, pending });
  if (state.phase === 'held') return stay({ ...state, pending });
  return stay({ ...state, window, pending });
}

function changed(state: LaneState, event: Extract<LaneEvent, { type: 'changed' }>): LaneStep {
  const { pending, quarantined } = event;
  const line = { ...lineOf(state), window: [], pending, quarantined };
  const isSettled = 'job' in state && event.settled.includes(state.job.id);
  switch (state.phase) {
    case 'delivering': {
      const next: Phase<'delivering'> = { ...state, ...line };
      // The call may still be in the middle of something: it is told to end, and waited for.
      return isSettled ? abort(next, 'settled', state.deadlineMs) : stay(next);
    }
    case 'aborting':
      return stay({ ...state, ...line, reason: isSettled ? 'settled' : state.reason });
    case 'recording':
      return stay({ ...state, ...line, settled: state.settled || isSettled });
    default:
      return rest(line);
  }
}

function answered(state: Phase<'delivering' | 'aborting'>, answer: LaneAnswer): LaneStep {
  const reason = state.phase === 'aborting' ? state.reason : undefined;
  const verdict = verdictOf(answer);
  if (reason === 'settled') return release(state, verdict, rest(lineOf(state)));
  if (answer.type === 'failed') {
    // A call that ends because the program stops has not failed.
    if (reason === 'stop') return release(state, 'none', rest(back(state)));
    if (reason === 'deadline') return release(state, 'failed', record(state, MISSED));
  }
  return release(state, verdict, record(state, draftOf(answer)));
}

const MISSED: Draft = {
  type: 'attempted',
  code: DELIVERY_CODES.deadline,
  words: 'no answer within the deadline',
};

/** The destination answered, or it did not, or the fault is ours and says nothing about it. */
function verdictOf(answer: LaneAnswer): Verdict {
  if (answer.type !== 'failed') return 'reached';
  return answer.retryable && answer.ours !== true ? 'failed' : 'none';
}

function draftOf(answer: LaneAnswer): Draft {
  if (answer.type === 'delivered') return { type: 'delivered', proof: answer.proof };
  const { code, words } = answer;
  const isFinal = answer.type === 'refused' ? answer.permanent : !answer.retryable;
  return { type: isFinal ? 'quarantined' : 'attempted', code, words };
}

function recorded(state: LaneState, event: Extract<LaneEvent, { type: 'recorded' }>): LaneStep {
  assert(state.phase === 'recording', `recorded while ${state.phase}`);
  const window = event.stale ? [] : state.window;
  const line = { ...lineOf(state), window, pending: event.pending, quarantined: event.quarantined };
  if (state.draft.type !== 'attempted' || state.settled || event.settled) return rest(line);
  const job = { ...state.job, attempts: state.job.attempts + 1, step: state.job.step + 1 };
  const rested = rest({ ...line, window: [job, ...line.window].slice(0, LANE_WINDOW_JOBS) });
  if (rested.state.phase !== 'ready') return rested;
  return stay({ ...rested.state, phase: 'waiting', untilMs: event.retryAtMs });
}

function tick(state: LaneState, nowMs: number): LaneStep {
  const dueMs = nextTickMs(state);
  if (dueMs === undefined || nowMs < dueMs) return stay(state);
  switch (state.phase) {
    case 'waiting':
      return rest(lineOf(state));
    case 'delivering':
      return abort(state, 'deadline', nowMs);
    case 'aborting': {
      const next =
        state.reason === 'deadline'
          ? record(state, MISSED)
          : rest(state.reason === 'stop' ? back(state) : lineOf(state));
      const verdict = state.reason === 'stop' ? 'none' : 'failed';
      const released = release(state, verdict, next);
      return {
        state: released.state,
        effects: [{ type: 'abandon', lease: state.lease }, ...released.effects],
      };
    }
    default:
      return stay(state);
  }
}

function abort(state: Phase<'delivering'>, reason: AbortReason, nowMs: number): LaneStep {
  const { job, lease } = state;
  return {
    state: { ...lineOf(state), phase: 'aborting', job, lease, reason, giveUpMs: nowMs + ABORT_GRACE_MS },
    effects: [{ type: 'abort', lease, reason }],
  };
}

function record(state: Phase<'delivering' | 'aborting'>, draft: Draft): LaneStep {
  const { job } = state;
  return {
    state: { ...lineOf(state), phase: 'recording', job, draft, settled: false },
    effects: [{ type: 'record', job, draft }],
  };
}

function release(state: Phase<'delivering' | 'aborting'>, verdict: Verdict, next: LaneStep): LaneStep {
  return {
    state: next.state,
    effects: [{ type: 'release', lease: state.lease, verdict }, ...next.effects],
  };
}

/** The job that was out is the first again. */
function back(state: Phase<'delivering' | 'aborting'>): Line {
  const line = lineOf(state);
  return { ...line, window: [state.job, ...line.window].slice(0, LANE_WINDOW_JOBS) };
}

/** Where a line comes to rest with nothing out. */
function rest(line: Line): LaneStep {
  if (line.holds && line.quarantined > 0) return stay({ ...line, window: [], phase: 'held' });
  if (line.pending === 0) return stay({ ...line, window: [], phase: 'idle' });
  if (line.window.length > 0) return stay({ ...line, phase: 'ready' });
  return { state: { ...line, phase: 'loading' }, effects: [{ type: 'load' }] };
}

function stay(state: LaneState): LaneStep {
  return { state, effects: [] };
}

function lineOf({ key, holds, window, pending, quarantined }: LaneState): Line {
  return { key, holds, window, pending, quarantined };
}

/** Pending jobs that are out. */
function outOf(state: LaneState): 0 | 1 {
  switch (state.phase) {
    case 'delivering':
      return 1;
    case 'aborting':
      return state.reason === 'settled' ? 0 : 1;
    case 'recording':
      return state.settled ? 0 : 1;
    default:
      return 0;
  }
}

/** Throws when a state breaks I1 to I5; I6 and I7 are about steps and are checked by whoever makes them. */
export function assertInvariants(state: LaneState): void {
  const { window, pending, quarantined } = state;
  if ('job' in state) {
    assert(!window.some((job) => job.id === state.job.id), `I1: ${state.job.id} is out and in the window`);
  }
  assert(window.length <= LANE_WINDOW_JOBS, `I2: ${window.length} jobs in the window`);
  window.forEach((job, at) => {
    assert(at === 0 || window[at - 1]!.position < job.position, `I2: ${job.id} out of order`);
  });
  assert(quarantined >= 0 && window.length + outOf(state) <= pending, `I3: ${pending} pending`);
  if (state.holds && quarantined > 0) {
    assert(!['ready', 'waiting', 'loading', 'idle'].includes(state.phase), `I4: ${state.phase}`);
  }
  if (state.phase === 'ready' || state.phase === 'waiting') assert(window.length > 0, 'I5: no first job');
  if (state.phase === 'loading') assert(window.length === 0 && pending > 0, 'I5: nothing to load');
  if (state.phase === 'idle') assert(pending === 0, `I5: idle with ${pending} pending`);
  if (state.phase === 'held') assert(state.holds && quarantined > 0, 'I5: held by nothing');
}
