/** Lets a manual clock run until some work is done; work that never ends is an error after an hour of it. */
import type { ManualClock } from 'hlc-ts';

const STEP_MS = 250;
const LIMIT_MS = 3_600_000;

export async function drive<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isDone = false;
  const watched = work.finally(() => {
    isDone = true;
  });
  watched.catch(() => undefined);
  const untilMs = clock.monotonicMs() + LIMIT_MS;
  await clock.yield();
  while (!isDone && clock.monotonicMs() < untilMs) await clock.advance(STEP_MS);
  if (!isDone) throw new Error('the work does not end');
  return watched;
}
