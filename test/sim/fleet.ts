/** Processes that run seeds, each one at a time; a process that dies is a failed seed and is replaced. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunOptions } from './run.ts';

/** An outcome as it comes from a process. */
export interface Told {
  readonly seed: number;
  readonly sales: number;
  readonly simulatedMs: number;
  readonly digest: string;
  readonly counts: readonly (readonly [string, number])[];
  /** What was found, or undefined. */
  readonly words?: string;
}

/** The tree this file stands in. */
export const HERE = fileURLToPath(new URL('../..', import.meta.url));
/** Real time for one seed, also with the priority of the idle; a run that hangs is a finding. */
const SEED_LIMIT_MS = 900_000;

export interface FleetOptions {
  readonly workers: number;
  /** Of each seed, but for the seed itself. */
  readonly of: Omit<RunOptions, 'seed'>;
  /** Asked before each seed: whether the rest may be left. */
  readonly isEnough?: () => boolean;
}

export class Fleet {
  readonly #options: FleetOptions;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async run(seeds: readonly number[], each: (outcome: Told) => void): Promise<void> {
    const queue = [...seeds];
    const one = async (): Promise<void> => {
      let child: ChildProcess | undefined;
      for (let seed = queue.shift(); seed !== undefined; seed = queue.shift()) {
        if (this.#options.isEnough?.() === true) {
          break;
        }
        child ??= startWorker(HERE);
        const told = await ask(child, { ...this.#options.of, seed });
        each(told);
        if (!child.connected) {
          child = undefined;
        }
      }
      child?.kill();
    };
    await Promise.all(Array.from({ length: this.#options.workers }, one));
  }
}

/** A process that runs seeds, of the tree that stands in `folder`; ends when told to. */
export function startWorker(folder: string): ChildProcess {
  return fork(join(folder, 'test/sim/main.ts'), ['--worker'], {
    cwd: folder,
    // As the programs are started: V8 aborts now and then without the first. What a seed leaves behind is collected seldom, and by
    // the thread it runs on: the other core has seeds of its own.
    execArgv: [
      ...['--no-turbo-inline-js-wasm-calls', '--max-semi-space-size=64', '--single-threaded-gc'],
      ...['--conditions=source', '--import', 'tsx'],
    ],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

export function ask(child: ChildProcess, options: RunOptions): Promise<Told> {
  const { seed } = options;
  return new Promise((resolve) => {
    const nothing = { seed, sales: 0, simulatedMs: 0, digest: '', counts: [] };
    const over = (told: Told): void => {
      limit.removeEventListener('abort', hangs);
      child.off('message', heard);
      child.off('exit', died);
      resolve(told);
    };
    const heard = (told: unknown): void => over(told as Told);
    const died = (code: number | null, signal: string | null): void =>
      over({ ...nothing, words: `the process ended with ${code ?? signal}` });
    const hangs = (): void => {
      child.disconnect();
      child.kill('SIGKILL');
      over({ ...nothing, words: `no end within ${SEED_LIMIT_MS / 1000} s` });
    };
    const limit = AbortSignal.timeout(SEED_LIMIT_MS);
    limit.addEventListener('abort', hangs, { once: true });
    child.once('message', heard);
    child.once('exit', died);
    child.send(options);
  });
}
