/**
 * Enrolment by a device that may be there before its network: asked for again and again, with backoff, until the relay answers.
 *
 *     cannot be reached, busy, out of order ──> said in words, tried again
 *     token unknown, used, too old, meant for another branch ──> refused for good
 *
 * Does not: sell meanwhile. A device that nobody has admitted has no number series and no keys to trust.
 */
import { Backoff, type Clock, linkAborts, type Random } from 'hlc-ts';
import { NodeError } from '../errors.ts';
import type { NodeLog } from '../ports.ts';
import { ENROL_TIMEOUT_MS, type Enrolled, enrol } from './enrol.ts';

/** Upper end of the first pause; the longest is the node's `syncIntervalSeconds`. */
export const FIRST_PAUSE_MS = 500;

export interface Patience {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeLog;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly pauseMaxMs: number;
  /** Called before each pause, with why the node waits. */
  readonly onWaiting: (words: string) => Promise<void>;
}

export async function enrolPatiently(
  request: Omit<Parameters<typeof enrol>[0], 'signal'>,
  { clock, random, log, signal, pauseMaxMs, onWaiting }: Patience,
): Promise<Enrolled> {
  let backoff = new Backoff({ baseMs: Math.min(FIRST_PAUSE_MS, pauseMaxMs), capMs: pauseMaxMs });
  for (;;) {
    const deadline = linkAborts(signal, AbortSignal.timeout(ENROL_TIMEOUT_MS));
    try {
      return await enrol({ ...request, signal: deadline.signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof NodeError) || !error.retryable) {
        throw error;
      }
      const next = backoff.next(random);
      backoff = next.backoff;
      const words = `not enrolled yet: ${error.message}; the node tries again by itself`;
      log.warn({ attempt: backoff.attempts, nextAttemptInMs: next.delayMs }, words);
      await onWaiting(words);
      await clock.sleep(next.delayMs, { signal });
    } finally {
      deadline.unlink();
    }
  }
}
