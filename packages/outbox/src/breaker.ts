/**
 * The breaker of one destination: a pure value that says whether a request may start.
 *
 *            FAILURES in a row                interval over, one request
 *   closed ────────────────────▶ open ──────────────────────────────────▶ half-open
 *     ▲ ▲                        │  ▲          failed, or no verdict          │
 *     │ └── reached (a late one) ┘  └─────────────────────────────────────────┤
 *     └──────────────────────── reached ──────────────────────────────────────┘
 *
 * `reached` means the destination answered, be it yes or no: a refused document says nothing about the line. That is
 * why a poison document can neither open the breaker nor use up its probes.
 *
 * Invariants, held by the tests over random sequences
 *   B1  open: no request until `probeAtMs`
 *   B2  half-open: no request beside the probe
 *   B3  two probes start at least `intervalMs` apart
 *   B4  closed: fewer than `failuresMax` failures in a row
 *
 * Does not: keep time, or count anything but failures in a row. `saveBreaker` and `restoreBreaker` carry an open breaker
 * over a restart, so that a program that restarts often does not hammer a dead destination.
 */
export const BREAKER_DEFAULT: BreakerOptions = { failuresMax: 5, intervalMs: 30_000 };

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  /** From opening, or a failed probe, to the next probe. */
  readonly intervalMs: number;
}

export type BreakerState =
  | { readonly phase: 'closed'; readonly failures: number }
  | { readonly phase: 'open'; readonly probeAtMs: number }
  | { readonly phase: 'half-open' };

/** How a request ended, for the breaker: `none` is no verdict on the destination. */
export type Verdict = 'reached' | 'failed' | 'none';
export type BreakerEvent = 'started' | Verdict;

export const CLOSED: BreakerState = { phase: 'closed', failures: 0 };

export function mayStart(state: BreakerState, nowMs: number): boolean {
  return state.phase === 'closed' || (state.phase === 'open' && nowMs >= state.probeAtMs);
}

export function stepBreaker(
  state: BreakerState,
  event: BreakerEvent,
  nowMs: number,
  options: BreakerOptions,
): BreakerState {
  const open: BreakerState = { phase: 'open', probeAtMs: nowMs + options.intervalMs };
  if (event === 'reached') return CLOSED;
  switch (state.phase) {
    case 'closed': {
      if (event !== 'failed') return state;
      const failures = state.failures + 1;
      return failures >= options.failuresMax ? open : { phase: 'closed', failures };
    }
    case 'open':
      // Requests that were under way when it opened add nothing to what is known.
      return event === 'started' ? { phase: 'half-open' } : state;
    case 'half-open':
      return event === 'started' ? state : open;
    default:
      return state satisfies never;
  }
}

export interface SavedBreaker {
  readonly probeAtWallMs: number;
}

/** What to keep; undefined when there is nothing worth keeping. Monotonic time does not survive, the wall clock does. */
export function saveBreaker(state: BreakerState, nowMs: number, wallMs: number): SavedBreaker | undefined {
  if (state.phase === 'closed') return undefined;
  return { probeAtWallMs: wallMs + (state.phase === 'open' ? Math.max(0, state.probeAtMs - nowMs) : 0) };
}

/** Waits what is left, and never more than one interval: the wall clock may have jumped. */
export function restoreBreaker(
  saved: SavedBreaker,
  nowMs: number,
  wallMs: number,
  options: BreakerOptions,
): BreakerState {
  const leftMs = Math.min(options.intervalMs, Math.max(0, saved.probeAtWallMs - wallMs));
  return { phase: 'open', probeAtMs: nowMs + leftMs };
}
