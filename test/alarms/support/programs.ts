/** Programs of an installation, as built, as processes that are killed, stopped and started again at the same place; and its commands. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from '../../support/within.ts';

/** As shops run it: `npm run test:alarms` builds it first. */
const MAIN = fileURLToPath(new URL('../../../packages/cli/bin/branchline.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const START_WITHIN_MS = 120_000;
const END_WITHIN_MS = 90_000;

/** A command to its end. */
export async function branchline(
  limitMs: number,
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const child = execFile(process.execPath, [MAIN, ...args], { cwd: ROOT });
  const said = { out: '', err: '' };
  child.stdout!.on('data', (text: string) => {
    said.out += text;
  });
  child.stderr!.on('data', (text: string) => {
    said.err += text;
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  try {
    return { code: await within(limitMs, `branchline ${args.join(' ')}`, ended), ...said };
  } finally {
    child.kill('SIGKILL');
  }
}

export interface Said {
  readonly event: string;
  readonly url: string;
  readonly address?: string;
  readonly controlUrl?: string;
}

export class Program {
  readonly #args: readonly string[];
  readonly #preload: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #said: Said | undefined;

  private constructor(
    args: readonly string[],
    preload: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) {
    this.#args = args;
    this.#preload = preload;
    this.#environment = environment;
  }

  static async start(
    args: readonly string[],
    { preload = [], environment = {} }: { preload?: string[]; environment?: Record<string, string> } = {},
  ): Promise<Program> {
    const program = new Program(args, preload, environment);
    await program.start();
    return program;
  }

  get said(): Said {
    return this.#said!;
  }

  get url(): string {
    return this.said.url;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** At the same place; with more in its environment, if asked. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const imports = this.#preload.flatMap((each) => ['--import', each]);
    const child = spawn(process.execPath, [...imports, MAIN, ...this.#args], {
      cwd: ROOT,
      env: { ...process.env, ...this.#environment, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = `${words}${text}`.slice(-2_000);
    });
    const listening = new Promise<Said>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line) as Said;
        if (said.event === 'listening') {
          resolve(said);
        }
      });
      child.once('exit', (code) => reject(new Error(`${this.#args.join(' ')} ended with ${code}: ${words}`)));
    });
    listening.catch(() => {});
    this.#said = await within(START_WITHIN_MS, this.#args.join(' '), listening);
  }

  /** The exit code or the signal; undefined while it runs. */
  get end(): number | string | undefined {
    const { exitCode, signalCode } = this.#child!;
    return exitCode ?? signalCode ?? undefined;
  }

  /** The exit code, null after a signal. */
  async ended(): Promise<number | null> {
    const child = this.#child!;
    if (child.exitCode !== null || child.signalCode !== null) {
      return child.exitCode;
    }
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return await within(END_WITHIN_MS, `the end of ${this.#args[0]}`, exit);
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#child!.kill(signal);
    await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      await this.kill();
    }
  }
}
