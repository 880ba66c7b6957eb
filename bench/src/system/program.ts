/**
 * A program started for a measurement, in a process of its own: floors, the load generator, and Branchline itself through
 * its public command.
 *
 * Guarantees: the caller gets the first JSON line with an `event`, or an error with the last of what the program said;
 * `stop` ends the process (TERM, then KILL) and resolves when it is gone; an aborted signal stops it too.
 *
 * Programs run the way this one runs: from source with the same loader, or built.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from 'hlc-ts';
import { BenchError } from '../errors.ts';

/** Characters of a program's stderr kept for an error message. */
const SAID_CHARS_MAX = 4_000;
/** A program that says nothing for this long at its start is broken. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
/** One line of output: results with raw samples are the longest. */
const LINE_CHARS_MAX = 16 * 2 ** 20;

export interface ProgramOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly args?: readonly string[];
  /** Written to its standard input, which is then closed. */
  readonly input?: unknown;
  readonly timeoutMs?: number;
}

export interface Program {
  readonly pid: number;
  /** Its first line of JSON. */
  readonly first: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** One of the harness's own programs, by its built name seen from here: `../programs/http-floor.js`. */
export function benchProgram(name: string): string {
  const path = fileURLToPath(new URL(name, import.meta.url));
  return import.meta.url.endsWith('.ts') ? path.replace(/\.js$/, '.ts') : path;
}

/** The `branchline` command: its source when this runs from source. */
export function branchlineProgram(): string {
  const entry = import.meta.url.endsWith('.ts') ? 'src/main.ts' : 'bin/branchline.js';
  return fileURLToPath(new URL(`../../../packages/cli/${entry}`, import.meta.url));
}

/** Starts a program and waits for its first line. */
export async function startProgram(path: string, options: ProgramOptions): Promise<Program> {
  options.signal.throwIfAborted();
  const child = launch(path, options);
  const said = new Said(child.stderr);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = (): void => {
    child.kill('SIGTERM');
  };
  options.signal.addEventListener('abort', kill, { once: true });
  const stop = async (): Promise<void> => {
    options.signal.removeEventListener('abort', kill);
    if (child.exitCode === null && child.signalCode === null) {
      kill();
      const harder = options.clock.setTimer(STOP_TIMEOUT_MS, () => child.kill('SIGKILL'), {
        keepAlive: true,
      });
      await ended;
      harder.cancel();
    }
  };
  try {
    const first = await firstLine(child.stdout, ended, path, said, options);
    child.stdout.resume();
    return { pid: child.pid ?? 0, first, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs a program to its end and gives its one line. */
export async function runProgram(path: string, options: ProgramOptions): Promise<Record<string, unknown>> {
  const program = await startProgram(path, options);
  await program.stop();
  return program.first;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function launch(path: string, options: ProgramOptions): Child {
  // V8's inlining of JS-to-WASM calls can abort Node 20 under Automerge load; the launcher of the command says so too.
  const nodeArgs = [...process.execArgv, '--no-turbo-inline-js-wasm-calls'];
  const child = spawn(process.execPath, [...nodeArgs, path, ...(options.args ?? [])], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A program that died early closes the pipe; its exit says so better than an EPIPE.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input === undefined ? '' : JSON.stringify(options.input));
  return child;
}

function firstLine(
  stdout: Readable,
  ended: Promise<void>,
  path: string,
  said: Said,
  { clock, timeoutMs = START_TIMEOUT_MS }: ProgramOptions,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (code: 'BENCH_PROGRAM_FAILED' | 'BENCH_TIMEOUT', what: string): void => {
      reject(
        new BenchError(code, `${path} ${what}: ${said.last() || 'it said nothing'}`, { retryable: true }),
      );
    };
    const timer = clock.setTimer(
      timeoutMs,
      () => fail('BENCH_TIMEOUT', `gave no answer in ${timeoutMs} ms`),
      {
        keepAlive: true,
      },
    );
    stdout.setEncoding('utf8').on('data', function read(chunk: string) {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= LINE_CHARS_MAX) return;
      stdout.off('data', read);
      timer.cancel();
      try {
        resolve(JSON.parse(text.slice(0, end)) as Record<string, unknown>);
      } catch {
        fail('BENCH_PROGRAM_FAILED', `answered ${JSON.stringify(text.slice(0, 200))}`);
      }
    });
    void ended.then(() => {
      timer.cancel();
      fail('BENCH_PROGRAM_FAILED', 'ended early');
    });
  });
}

/** The end of what a program wrote to stderr. */
class Said {
  #text = '';

  constructor(stderr: Readable) {
    stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text = (this.#text + chunk).slice(-SAID_CHARS_MAX);
    });
  }

  last(): string {
    return this.#text.trim();
  }
}
