/**
 * What the outbox needs from its host: somebody who delivers, and a journal that keeps what must survive.
 */
import type { OutboxRecord } from './facts.ts';

export interface DeliverableJob {
  readonly id: string;
  readonly key: string;
  readonly ref: string;
  readonly addedMs: number;
  /** This try, from 1; counts through restarts. */
  readonly attempt: number;
}

export type DeliverAnswer =
  /** The destination has it. The deliverer has checked that the proof is about this job. */
  | { readonly type: 'delivered'; readonly proof: string }
  /** The destination is there and says no. Permanent: the same bytes will never be accepted. */
  | { readonly type: 'refused'; readonly permanent: boolean; readonly code: string; readonly words: string }
  /**
   * No answer to speak of. Not retryable: the fault is on this side and stays. `ours`: the fault is on this side and may pass, so
   * it says nothing about the destination.
   */
  | {
      readonly type: 'failed';
      readonly retryable: boolean;
      readonly ours?: boolean;
      readonly cause: unknown;
    };

/**
 * Called when a job's turn has come, never twice at a time for one key. It must end soon after `signal` aborts (the deadline
 * has passed, or the program stops); a `delivered` given even then is taken. May be called again for a job that was
 * delivered and whose record was lost with the power: the destination must take the same job twice as once.
 * Throwing is a retryable failure.
 */
export type Deliver = (
  job: DeliverableJob,
  options: { readonly signal: AbortSignal },
) => Promise<DeliverAnswer>;

export interface OutboxJournal {
  /**
   * Called with each change of a job before anything depends on it. Resolves when the records are durable. Rejecting means
   * "unknown": the outbox stops, and what was durable is fed back after the restart.
   */
  append(records: readonly OutboxRecord[]): Promise<void>;
}
