/** A case: one question, answered with raw samples beside a floor measured in the same run. */
import type { Clock } from 'hlc-ts';
import type { CaseReport } from './report.ts';

/** What some cases can be told; each names what it takes in its own header. */
export interface BenchSettings {
  /** Size of a fleet. */
  readonly branches?: number;
  /** Loyalty regions of a fleet. */
  readonly regions?: number;
  /** Where prepared fleets are kept. */
  readonly dataDir?: string;
  /** Other systems measured beside ours, by name; all that are known when empty. */
  readonly peers?: readonly string[];
  /** Of `sale`: the line that hangs in every other round; left out, none does. */
  readonly hangingLine?: 'ofd' | 'kkt';
  /** Where processor profiles of relay, head office and branches are written. */
  readonly profileDir?: string;
}

export interface BenchContext {
  readonly settings: BenchSettings;
  readonly clock: Clock;
  readonly seed: number;
  /** An empty folder of this case alone, on the disk to be measured; removed afterwards. */
  readonly workDir: string;
  /** 1 is the published size; tests run a hundredth. Counts shrink, nothing else does. */
  readonly scale: number;
  readonly signal: AbortSignal;
  /** Called with a few words whenever something that takes long begins. */
  readonly progress: (words: string) => void;
}

export interface BenchCase {
  readonly name: string;
  readonly about: string;
  run(context: BenchContext): Promise<CaseReport>;
}

/** `count` at the scale of the run, at least `min`. */
export function scaled(context: Pick<BenchContext, 'scale'>, count: number, min = 1): number {
  return Math.max(min, Math.round(count * context.scale));
}
