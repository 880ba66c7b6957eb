/**
 * What has become of one job: a pure fold of its facts, `(row, fact) -> row`.
 *
 *                    attempted
 *                     ┌────┐
 *   added ──▶ pending ┴────┘ ── quarantined ──▶ quarantined ── resolved ──▶ resolved
 *                │  ▲                              │   │
 *                │  └────────── retried ───────────┘   │
 *                └───────────── delivered ─────────────┴──▶ delivered
 *
 * Guarantees: the same fact again, or a whole tail of facts again, changes nothing (`step` tells); delivered and resolved are
 * final; a proof of delivery is never lost, even when it is heard of before the job.
 *
 * Does not: order jobs, or know that there are others.
 */
import type { JobAdded, OutboxFact } from './facts.ts';

interface Known {
  readonly id: string;
  readonly key: string;
  readonly ref: string;
  readonly addedMs: number;
  /** Place in line: jobs of all keys, in the order they were added. */
  readonly position: number;
  readonly step: number;
  readonly attempts: number;
}

/** What was said at the last try. */
export interface Remark {
  readonly code: string;
  readonly words: string;
  readonly atMs: number;
}

export type PendingJob = Known & { readonly status: 'pending'; readonly last?: Remark };
export type QuarantinedJob = Known & { readonly status: 'quarantined'; readonly last: Remark };
export type DeliveredJob = Known & {
  readonly status: 'delivered';
  readonly proof: string;
  readonly atMs: number;
};
export type ResolvedJob = Known & {
  readonly status: 'resolved';
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
};
export type JobRow = PendingJob | QuarantinedJob | DeliveredJob | ResolvedJob;
/** Delivered, and not added yet as far as we know. */
export interface ForetoldJob {
  readonly status: 'foretold';
  readonly id: string;
  readonly proof: string;
  readonly atMs: number;
}
export type StoredJob = JobRow | ForetoldJob;

/** The row after the fact; the same object when the fact changes nothing. `position` is used when a job is new. */
export function foldFact(
  row: StoredJob | undefined,
  fact: OutboxFact,
  position: number,
): StoredJob | undefined {
  if (fact.type === 'added') return foldAdded(row, fact, position);
  if (row === undefined) {
    // A step of a job not heard of yet says nothing that its delivery would not find out again. A proof does.
    return fact.type === 'delivered'
      ? { status: 'foretold', id: fact.id, proof: fact.proof, atMs: fact.atMs }
      : undefined;
  }
  if (row.status === 'foretold' || row.status === 'delivered' || row.status === 'resolved') return row;
  const known = knownOf(row);
  if (fact.type === 'delivered') {
    const { proof, atMs } = fact;
    const step = Math.max(row.step, fact.step ?? 0);
    // One with a step came from a try of ours.
    const attempts = row.attempts + (fact.step === undefined ? 0 : 1);
    return { ...known, step, attempts, status: 'delivered', proof, atMs };
  }
  if (fact.step <= row.step) return row;
  const { step, atMs } = fact;
  switch (fact.type) {
    case 'attempted':
    case 'quarantined': {
      const { attempts, code, words } = fact;
      const last = { code, words, atMs };
      const status = fact.type === 'quarantined' || row.status === 'quarantined' ? 'quarantined' : 'pending';
      return { ...known, step, attempts, status, last };
    }
    case 'retried':
      return { ...known, step, status: 'pending', ...(row.last && { last: row.last }) };
    case 'resolved':
      return { ...known, step, status: 'resolved', by: fact.by, reason: fact.reason, atMs };
    default:
      return fact satisfies never;
  }
}

/** True when the same id came again with another content: the first one stands. */
export function isConflict(row: StoredJob | undefined, fact: JobAdded): boolean {
  if (row === undefined || row.status === 'foretold') return false;
  return row.key !== fact.key || row.ref !== fact.ref;
}

function foldAdded(row: StoredJob | undefined, fact: JobAdded, position: number): StoredJob {
  const { id, key, ref, addedMs } = fact;
  const known: Known = { id, key, ref, addedMs, position, step: 0, attempts: 0 };
  if (row === undefined) return { ...known, status: 'pending' };
  if (row.status !== 'foretold') return row;
  return { ...known, status: 'delivered', proof: row.proof, atMs: row.atMs };
}

function knownOf({ id, key, ref, addedMs, position, step, attempts }: JobRow): Known {
  return { id, key, ref, addedMs, position, step, attempts };
}
