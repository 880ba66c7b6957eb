/**
 * Cutting runs: entry numbers in and out of a run, in one place so that nobody counts by hand.
 */
import type { Run } from './types.ts';

export function lastSeq(run: Run): number {
  return run.from + run.entries.length - 1;
}

/** The part of a run above `base`, as none or one run. */
export function aboveBase(run: Run, base: number): Run[] {
  if (lastSeq(run) <= base) return [];
  if (run.from > base) return [run];
  return [{ ...run, from: base + 1, entries: run.entries.slice(base + 1 - run.from) }];
}
