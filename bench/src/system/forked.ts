/**
 * A program of the harness that is asked many things: a process of its own, calls and answers over the channel to its parent.
 *
 * Guarantees: a call resolves with the answer or rejects with what the program said; when the process ends, every call that waits
 * rejects; `close` asks it to end, then makes it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Clock } from 'hlc-ts';
import { BenchError } from '../errors.ts';
import { startProfile, stopProfile } from './cpu-profile.ts';

const CLOSE_TIMEOUT_MS = 30_000;
/** Characters of a program's stderr kept for an error message. */
const SAID_CHARS_MAX = 4_000;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Answer = { readonly id: number } & ({ readonly answer: unknown } | { readonly error: string });

export type Calls = Readonly<Record<string, (argument: never) => unknown>>;

/** The side of the program: answers calls, and those for a profile of itself, until the parent is gone. */
export function serveCalls(own: Calls): void {
  const calls: Calls = { startProfile, stopProfile, ...own };
  const send = (answer: Answer): void => {
    process.send?.(answer);
  };
  process.on('message', ({ id, name, argument }: Call) => {
    void (async () => {
      const call = calls[name];
      if (call === undefined) throw new Error(`there is no call ${name}`);
      return await call(argument as never);
    })().then(
      (answer) => send({ id, answer }),
      (error: unknown) =>
        send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.once('disconnect', () => process.exit());
}

export class ForkedProgram {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: unknown) => void; reject: (error: Error) => void }
  >();
  #calls = 0;
  #said = '';
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, clock: Clock, path: string) {
    this.#child = child;
    this.#clock = clock;
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said = (this.#said + chunk).slice(-SAID_CHARS_MAX);
    });
    child.stdout?.resume();
    child.on('message', (message: Answer) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('error' in message) {
        waiting?.reject(new BenchError('BENCH_PROGRAM_FAILED', `${path}: ${message.error}`));
      } else {
        waiting?.resolve(message.answer);
      }
    });
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        for (const { reject } of this.#waiting.values()) {
          reject(new BenchError('BENCH_PROGRAM_FAILED', `${path} ended early: ${this.#said.trim()}`));
        }
        this.#waiting.clear();
        resolve();
      });
    });
  }

  /** `path` as `benchProgram` gives it. */
  static open(
    path: string,
    { clock, signal, nodeArgs = [] }: { clock: Clock; signal: AbortSignal; nodeArgs?: readonly string[] },
  ): ForkedProgram {
    signal.throwIfAborted();
    const child = fork(path, [], {
      // V8's inlining of JS-to-WASM calls can abort Node 20 under Automerge load.
      execArgv: [...process.execArgv, '--no-turbo-inline-js-wasm-calls', ...nodeArgs],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const program = new ForkedProgram(child, clock, path);
    const abort = (): void => {
      child.kill('SIGTERM');
    };
    signal.addEventListener('abort', abort, { once: true });
    void program.#ended.then(() => signal.removeEventListener('abort', abort));
    return program;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call<T>(name: string, argument: unknown = {}): Promise<T> {
    this.#calls += 1;
    const id = this.#calls;
    return new Promise<T>((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new BenchError('BENCH_PROGRAM_FAILED', `a program is gone: ${this.#said.trim()}`));
        return;
      }
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.#child.send({ id, name, argument });
    });
  }

  /** For programs that may no longer listen. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const harder = this.#clock.setTimer(CLOSE_TIMEOUT_MS, () => this.#child.kill('SIGKILL'), {
      keepAlive: true,
    });
    await this.#ended;
    harder.cancel();
  }
}
