/**
 * What a run of the benchmark says, as data: raw samples, so that any figure can be computed again, and what is needed
 * to repeat the run (commit, seed, machine).
 *
 * A time alone says as much about the machine as about the program; what is meant to be compared between machines and
 * versions is a ratio: a series over the floor measured in the same run.
 */

/** Raw samples of one thing measured. */
export interface Series {
  readonly name: string;
  /** Milliseconds each, in order of measurement. */
  readonly samplesMs: readonly number[];
  /** Operations per second over the whole series, where they ran side by side. */
  readonly perSecond?: number;
}

export interface Ratio {
  readonly name: string;
  readonly value: number;
  /** `higher` when a larger value is better. */
  readonly better: 'lower' | 'higher';
}

export interface CaseReport {
  readonly case: string;
  readonly series: readonly Series[];
  readonly ratios: readonly Ratio[];
  /** Single figures beside the series: bytes, CPU time, durations of the preparation. */
  readonly facts: Readonly<Record<string, number>>;
  /** What a reader must know to understand the figures. */
  readonly notes: readonly string[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly runtime: string;
}

export interface RunReport {
  readonly format: 1;
  readonly commit: string;
  readonly seed: number;
  readonly startedAt: string;
  readonly machine: Machine;
  /** Load average of the last minute when the run began: above 0.5, others were using the machine too. */
  readonly loadBefore: number;
  readonly cases: readonly CaseReport[];
}
