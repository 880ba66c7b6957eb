/**
 * What one finished test file is worth: a pure judgement over its output and how its process ended.
 *
 * uvu is quiet about four kinds of failure, so the exit code alone proves nothing and neither do the totals:
 *   - a file that forgets `.run()` reports nothing, or zero tests, and exits 0;
 *   - a `before` hook that throws leaves `Passed` below `Total` and exits 0;
 *   - a rejection nobody awaited prints full totals and exits 1;
 *   - a test that holds the event loop never ends at all.
 * A file passes only if it said how many tests it has, ran at least one, passed every one of them and exited 0.
 */

/** How the process of a test file ended. */
export type Ending =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'timed out'; readonly limitMs: number }
  | { readonly kind: 'interrupted' };

export interface FinishedFile {
  readonly file: string;
  readonly output: string;
  readonly durationMs: number;
  readonly ending: Ending;
}

export interface Verdict extends FinishedFile {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Why the file counts as failed, in words; empty for a file that passed. */
  readonly reasons: readonly string[];
}

export function judge(finished: FinishedFile): Verdict {
  const totals = parseTotals(finished.output);
  const reasons: string[] = [];
  const brokenEnding = describeBrokenEnding(finished.ending);
  if (brokenEnding !== undefined) {
    reasons.push(brokenEnding);
  }
  if (totals === undefined) {
    reasons.push('it printed no totals: does every suite end in `.run()`?');
  } else if (totals.total === 0) {
    reasons.push('it has no tests: does every suite end in `.run()`?');
  } else if (totals.passed < totals.total) {
    reasons.push(`${totals.total - totals.passed} of ${totals.total} tests did not pass`);
  }
  const passed = totals?.passed ?? 0;
  const notPassed = (totals?.total ?? 0) - passed;
  // A file that is broken beside its tests (a rejection, no totals) is one failure more than its failing tests.
  const failed = reasons.length > 0 ? Math.max(notPassed, 1) : 0;
  return { ...finished, passed, failed, skipped: totals?.skipped ?? 0, reasons };
}

function describeBrokenEnding(ending: Ending): string | undefined {
  switch (ending.kind) {
    case 'exited':
      return ending.code === 0 ? undefined : `its process exited with ${ending.code}`;
    case 'killed':
      return `its process was killed by ${ending.signal}`;
    case 'timed out':
      return `it did not end within ${ending.limitMs / 1000} s`;
    case 'interrupted':
      return 'the run was interrupted';
    default:
      throw new Error(`unknown ending ${JSON.stringify(ending satisfies never)}`);
  }
}

interface Totals {
  readonly total: number;
  readonly passed: number;
  readonly skipped: number;
}

// uvu colours the numbers when it thinks a terminal is there.
const ESCAPE = String.fromCharCode(27);
const COLOURS = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g');

/** The last totals block of the output: a test may print one of its own before. */
export function parseTotals(output: string): Totals | undefined {
  const plain = output.replace(COLOURS, '');
  const blocks = [...plain.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm)];
  const last = blocks.at(-1);
  return last && { total: Number(last[1]), passed: Number(last[2]), skipped: Number(last[3]) };
}
