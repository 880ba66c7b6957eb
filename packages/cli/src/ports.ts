/**
 * What the commands need from the world. `main.ts` hands in the real one; tests hand in buffers and a manual clock.
 */
import type { Clock, Random } from 'hlc-ts';

export interface TextSink {
  write(text: string): void;
  /** A person reads along: progress and colours make sense. */
  readonly isTerminal: boolean;
}

export interface CliPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Resolves when standard input ends: whoever started this program is gone. Reads nothing until it is called. */
  readonly stdinEnded: () => Promise<void>;
  /** Standard input to its end, as text; rejects with `INPUT_TOO_LARGE` above `charsMax`. */
  readonly readInput: (charsMax: number) => Promise<string>;
  /** Aborts on Ctrl-C and on a request to terminate. */
  readonly signal: AbortSignal;
}
