/**
 * The printer of the emulated device: what it still has to print, whether it can, and when it will be done.
 *
 * Time passes by asking: `settle(nowMs)` prints what would have been printed since. Without paper the rest waits; new paper
 * does not go on by itself when something stopped in the middle: `continue` does. A loss of power stops nothing for good.
 */
import type { PrintState } from '../driver.ts';

/** Strips waiting; a device with more would be broken. */
export const STRIPS_MAX = 64;

export class PrintQueue {
  hasPaper = true;
  isCoverOpen = false;
  /** How long one strip takes. */
  stripMs: number;
  /** Every strip that came out, newest last. */
  readonly printed: string[] = [];
  #pending: string[] = [];
  #isStopped = false;
  #busyUntilMs = 0;
  #runsOutAfter: number | undefined;

  constructor(stripMs: number) {
    this.stripMs = stripMs;
  }

  /** Paper for so many more strips, then none. */
  runOutAfter(strips: number): void {
    this.#runsOutAfter = strips;
  }

  add(strip: string, nowMs: number): void {
    this.settle(nowMs);
    if (this.#pending.length >= STRIPS_MAX) this.#pending.shift();
    if (this.#pending.length === 0) this.#busyUntilMs = nowMs + this.stripMs;
    this.#pending.push(strip);
    this.settle(nowMs);
  }

  state(nowMs: number): PrintState {
    this.settle(nowMs);
    if (this.#pending.length === 0) return 'idle';
    if (!this.hasPaper || this.isCoverOpen) return 'no-paper';
    return this.#isStopped ? 'stopped' : 'printing';
  }

  insertPaper(): void {
    this.hasPaper = true;
    this.#runsOutAfter = undefined;
  }

  /** Goes on after a stop. */
  continue(nowMs: number): void {
    this.#isStopped = false;
    this.#busyUntilMs = nowMs + this.stripMs;
    this.settle(nowMs);
  }

  settle(nowMs: number): void {
    while (this.#pending.length > 0) {
      if (!this.hasPaper || this.isCoverOpen || this.#runsOutAfter === 0) {
        if (this.#runsOutAfter === 0) this.hasPaper = false;
        this.#isStopped = true;
        return;
      }
      if (this.#isStopped || nowMs < this.#busyUntilMs) return;
      this.printed.push(this.#pending.shift()!);
      if (this.#runsOutAfter !== undefined) this.#runsOutAfter -= 1;
      this.#busyUntilMs += this.stripMs;
    }
  }
}
