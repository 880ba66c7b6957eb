/**
 * Whether the other side hears us: online, offline, or not known yet. Pure.
 *
 *                 2 in a row heard                     3 in a row not heard, 90 s after the last change
 *     unknown ───────────────────▶ online ──────────────────────────────────────────▶ offline
 *        │                           ▲                                                   │
 *        │ 3 in a row not heard      └── 2 in a row heard, 90 s after the last change ───┘
 *        └────────────────────────────────────────────────────────────────────────────▶ offline
 *
 * A line that flaps changes nothing: a state is kept for at least `DWELL_MS`, and a run that was broken counts from the beginning. A run
 * that is long enough before the time is over counts when it is.
 *
 * Invariants (`checkHeartbeat`): H1 one of the two runs is 0. H2 `online` and `offline` are at least DWELL_MS apart. H3 unknown is
 * never come back to.
 */
export const HEARD_TO_ONLINE = 2;
export const UNHEARD_TO_OFFLINE = 3;
export const DWELL_MS = 90_000;

export interface HeartbeatState {
  readonly phase: 'unknown' | 'online' | 'offline';
  /** In a row, up to now. */
  readonly heard: number;
  readonly unheard: number;
  /** When the phase began; monotonic. Absent while unknown. */
  readonly sinceMs?: number;
}

export type HeartbeatEvent = { readonly type: 'heard' | 'unheard'; readonly atMs: number };

export const HEARTBEAT_UNKNOWN: HeartbeatState = { phase: 'unknown', heard: 0, unheard: 0 };

export function stepHeartbeat(state: HeartbeatState, { type, atMs }: HeartbeatEvent): HeartbeatState {
  const heard = type === 'heard' ? state.heard + 1 : 0;
  const unheard = type === 'unheard' ? state.unheard + 1 : 0;
  const runs = { ...state, heard, unheard };
  const wanted = heard >= HEARD_TO_ONLINE ? 'online' : unheard >= UNHEARD_TO_OFFLINE ? 'offline' : undefined;
  const mayChange = state.sinceMs === undefined || atMs - state.sinceMs >= DWELL_MS;
  return wanted === undefined || wanted === state.phase || !mayChange
    ? runs
    : { phase: wanted, heard, unheard, sinceMs: atMs };
}

/** Throws where a step broke an invariant. */
export function checkHeartbeat(before: HeartbeatState, after: HeartbeatState): void {
  if (after.heard > 0 && after.unheard > 0) {
    throw new Error('H1: heard and unheard at once');
  }
  const isChange = before.phase !== after.phase;
  if (isChange && before.sinceMs !== undefined && after.sinceMs! - before.sinceMs < DWELL_MS) {
    throw new Error('H2: changed too soon');
  }
  if (isChange && after.phase === 'unknown') {
    throw new Error('H3: forgotten');
  }
}
