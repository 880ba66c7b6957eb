/**
 * How often somebody may try a PIN. Pure: counts per name (an employee, a till), time handed in.
 *
 *     open ──wrong, fewer than the limit──▶ open ──wrong──▶ locked(1 min, then twice as long, up to 15 min) ──time──▶ open
 *       ▲                                                                                                            │
 *       └──────────────────────────────────────────── right ─────────────────────────────────────────────────────────┘
 *
 * A try counts when it begins, so many at once count as many. Once locked, each further wrong one locks again, longer. Only the right
 * PIN sets it back. Invariant: while locked nothing is tried.
 */
export const LOCK_FIRST_MS = 60_000;
export const LOCK_MAX_MS = 900_000;

export interface Attempts {
  readonly wrong: number;
  /** Locked until then; monotonic. */
  readonly lockedUntilMs: number;
}

export const NO_ATTEMPTS: Attempts = { wrong: 0, lockedUntilMs: 0 };

/** How long to wait; 0 when a try is allowed. */
export function waitMs({ lockedUntilMs }: Attempts, nowMs: number): number {
  return Math.max(0, lockedUntilMs - nowMs);
}

/** A try begins; `limit` wrong ones lock. */
export function stepTried({ wrong }: Attempts, limit: number, nowMs: number): Attempts {
  const tries = wrong + 1;
  const beyond = tries - limit;
  return {
    wrong: tries,
    lockedUntilMs: beyond < 0 ? 0 : nowMs + Math.min(LOCK_MAX_MS, LOCK_FIRST_MS * 2 ** Math.min(beyond, 10)),
  };
}
