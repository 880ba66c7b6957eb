/** The command line run in this process: what it printed, and its exit code. */
import { seededRandom, systemClock } from 'hlc-ts';
import { type CliPorts, runProgram } from '../../src/index.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly terminal?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Standard input. */
  readonly input?: string;
}

export async function branchline(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const printed = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    write: (text: string) => {
      printed[name] += text;
    },
    isTerminal: options.terminal ?? false,
  });
  const ports: CliPorts = {
    clock: systemClock(),
    random: seededRandom(1),
    environment: options.environment ?? {},
    stdout: sink('out'),
    stderr: sink('err'),
    stdinEnded: () => new Promise(() => {}),
    readInput: async () => options.input ?? '',
    signal: options.signal ?? new AbortController().signal,
  };
  const code = await runProgram(args, ports, '0.0.0-test');
  return { code, ...printed };
}
