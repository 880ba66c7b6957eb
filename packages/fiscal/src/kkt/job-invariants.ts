/** The invariants J1 to J6 of job-state.ts, checked after every step of every test and every run. */
import { assert } from '../assert.ts';
import { ATTEMPTS_MAX, CANCELS_MAX } from './job-state.ts';
import type { JobEvent, JobState, JobStep } from './job-types.ts';

/** Phases in which nothing is under way. */
export const RESTING_PHASES: readonly JobState['phase'][] = ['printed', 'review', 'failed'];

/** Throws when a step breaks an invariant. */
export function assertJobStep(before: JobState, event: JobEvent, { state, effects }: JobStep): void {
  const registers = effects.some(({ type }) => type === 'close');
  const isDirect = before.phase === 'intent' && state.phase === 'closing';
  const isAfterBegin = before.phase === 'opening' && event.type === 'begun' && state.phase === 'closing';
  assert(!registers || isDirect || isAfterBegin, 'J1: a close without a fresh intent');
  if (state.phase === 'intent' && before.phase !== 'intent') {
    assert(before.phase === 'checking', 'J2: an intent out of nowhere');
    assert(state.intent.attempt === before.attempts + 1, 'J2: attempts do not follow');
  }
  if (before.phase === 'uncertain' && state.phase === 'waiting') {
    assert(before.asking.step === 'clear' && event.type === 'recorded', 'J2: nothing proved yet');
  }
  if (state.phase === 'fiscal' && 'intent' in before) {
    assert(state.outcome.fn === before.intent.fn, 'J3: another storage');
    assert(state.outcome.fd > before.intent.lastFd, 'J3: an older document');
  }
  if (before.phase === 'fiscal') {
    assert(state.phase === 'fiscal' || state.phase === 'printed', 'J4: a registered document forgotten');
  }
  if (before.phase === 'printed') assert(state.phase === 'printed', 'J4: a printed document forgotten');
  assert(effects.length <= 1, 'J5: two things at once');
  const attempts = 'intent' in state ? state.intent.attempt : 'attempts' in state ? state.attempts : 0;
  assert(attempts <= ATTEMPTS_MAX, 'J6: attempts');
  if (state.phase === 'uncertain') assert(state.cancels <= CANCELS_MAX, 'J6: cancels');
}
