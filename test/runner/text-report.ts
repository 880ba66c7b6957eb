/**
 * What the runner prints: a line per file as it ends, the output of files that failed, and the final line
 * `N passed, N failed`, which is the last thing printed whatever happened.
 */
import type { Verdict } from './verdict.ts';

export class TextReport {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  file(verdict: Verdict): void {
    const seconds = `${(verdict.durationMs / 1000).toFixed(1)} s`;
    if (verdict.reasons.length === 0) {
      const skipped = verdict.skipped > 0 ? `, ${verdict.skipped} SKIPPED` : '';
      this.#write(`ok    ${verdict.file}  ${verdict.passed} tests${skipped}, ${seconds}\n`);
      return;
    }
    this.#write(`FAIL  ${verdict.file}  ${verdict.reasons.join('; ')}, ${seconds}\n`);
    this.#write(`${indent(verdict.output.trim())}\n`);
  }

  /** Prints the totals; true if something ran and nothing failed. */
  end(verdicts: readonly Verdict[]): boolean {
    const passed = sum(verdicts.map((verdict) => verdict.passed));
    const failed = sum(verdicts.map((verdict) => verdict.failed));
    const failing = verdicts.filter((verdict) => verdict.failed > 0);
    this.#write('\n');
    for (const verdict of failing) {
      this.#write(`failed: ${verdict.file}: ${verdict.reasons.join('; ')}\n`);
    }
    this.#write(`${passed} passed, ${failed} failed\n`);
    return failed === 0 && passed > 0;
  }
}

function indent(text: string): string {
  return text.replace(/^/gm, '      | ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
