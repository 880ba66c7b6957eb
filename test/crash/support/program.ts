/** A `branchline` program, as built, as a process of its own: started, killed, stopped; with a failpoint, or under strace, if asked. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type CliPorts, runProgram } from '@branchline/cli';
import { seededRandom, systemClock } from 'hlc-ts';
import { within } from '../../support/within.ts';
import type { Failpoint } from './failpoint.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The built program, as shops run it: `npm run crash` builds it first. */
export const MAIN = fileURLToPath(new URL('../../../packages/cli/bin/branchline.js', import.meta.url));
const PRELOAD = new URL('./failpoint-preload.mjs', import.meta.url).href;
const START_WITHIN_MS = 60_000;
const END_WITHIN_MS = 30_000;

export interface ProgramOptions {
  readonly failpoint?: Failpoint;
  /** A line is written here when the failpoint is reached. */
  readonly seen?: string;
  /** What stands before `node` on the command line, e.g. strace or `ip netns exec`. */
  readonly under?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Another program of the tests instead of the command line. */
  readonly main?: string;
}

export interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly err: string;
}

export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<End>;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #listeners = new Set<() => void>();
  #err = '';

  constructor(args: readonly string[], options: ProgramOptions = {}) {
    const { failpoint, seen = '/dev/null', under = [], environment = {}, main = MAIN } = options;
    const node = [process.execPath, '--no-turbo-inline-js-wasm-calls'];
    const preload = failpoint === undefined ? [] : ['--import', PRELOAD];
    const [command, ...rest] = [...under, ...node, ...preload, main, ...args];
    this.child = spawn(command!, rest, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(failpoint === undefined ? {} : { FAILPOINT: JSON.stringify(failpoint), FAILPOINT_SEEN: seen }),
        ...environment,
      },
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#err = (this.#err + text).slice(-20_000);
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      try {
        this.#lines.push(JSON.parse(line) as Record<string, unknown>);
      } catch {
        this.#lines.push({ line });
      }
      for (const listener of this.#listeners) listener();
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => resolve({ code, signal, err: this.#err }));
    });
    this.ended.catch(() => {});
  }

  get lines(): readonly Record<string, unknown>[] {
    return this.#lines;
  }

  /** The line it says when it serves; undefined when it ended before. */
  async listening(): Promise<Record<string, unknown> | undefined> {
    const said = new Promise<Record<string, unknown>>((resolve) => {
      const look = () => {
        const found = this.#lines.find(({ event }) => event === 'listening');
        if (found !== undefined) resolve(found);
      };
      this.#listeners.add(look);
      look();
    });
    return await within(
      START_WITHIN_MS,
      'a program serving',
      Promise.race([said, this.ended.then(() => undefined)]),
    );
  }

  /** Serving, or an error with its last words. */
  async url(): Promise<string> {
    const said = await this.listening();
    if (said === undefined) {
      throw new Error(`ended instead of serving: ${JSON.stringify(await this.ended)}`);
    }
    return said.url as string;
  }

  async stop(): Promise<End> {
    this.child.kill('SIGTERM');
    return await within(END_WITHIN_MS, 'a program stopping', this.ended);
  }

  async kill(): Promise<End> {
    this.child.kill('SIGKILL');
    return await within(END_WITHIN_MS, 'a killed program', this.ended);
  }

  async end(): Promise<End> {
    return await within(END_WITHIN_MS, 'the end of a program', this.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended.catch(() => {});
  }
}

/** A command to its end: in this process where nothing is to happen to it, as a program of its own otherwise. */
export async function command(
  args: readonly string[],
  options?: ProgramOptions,
): Promise<Omit<End, 'signal'> & { out: string }> {
  if (options === undefined) {
    return await commandHere(args);
  }
  const program = new Program(args, options);
  const { code, err } = await program.end();
  return {
    code,
    err,
    out: program.lines.map((line) => String(line.line ?? JSON.stringify(line))).join('\n'),
  };
}

async function commandHere(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    write: (text: string) => {
      printed[name] += text;
    },
    isTerminal: false,
  });
  const ports: CliPorts = {
    clock: systemClock(),
    random: seededRandom(1),
    environment: {},
    stdout: sink('out'),
    stderr: sink('err'),
    stdinEnded: () => new Promise(() => {}),
    readInput: async () => '',
    signal: new AbortController().signal,
  };
  const code = await runProgram(args, ports, '0.0.0-test');
  return { code, ...printed };
}

export async function json<T = Record<string, never>>(...args: string[]): Promise<T> {
  const { code, out, err } = await command([...args, '--json']);
  if (code !== 0) {
    throw new Error(`${args.join(' ')}: ${code} ${err}`);
  }
  return JSON.parse(out) as T;
}
