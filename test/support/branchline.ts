/** `branchline` commands from source, as processes of their own: run to the end, or started and listened to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './within.ts';

const MAIN = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Kept of what a program says beside its events. */
const LAST_WORDS_CHARS_MAX = 2_000;

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function branchline(limitMs: number, ...args: string[]): Promise<Ended> {
  const child = spawnCommand(args);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  try {
    return { code: await within(limitMs, `branchline ${args[0]}`, ended), ...said };
  } finally {
    child.kill('SIGKILL');
  }
}

/** A program that goes on, and the JSON lines it says. */
export class Running {
  readonly #child: ChildProcess;
  readonly #heard: { readonly event: string }[] = [];
  readonly #waiting = new Map<string, (happening: never) => void>();
  #lastWords = '';

  constructor(...args: string[]) {
    const child = spawnCommand(args);
    this.#child = child;
    child.stderr.on('data', (chunk) => {
      this.#lastWords = (this.#lastWords + chunk).slice(-LAST_WORDS_CHARS_MAX);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const happening = JSON.parse(line) as { readonly event: string };
      this.#heard.push(happening);
      this.#waiting.get(happening.event)?.(happening as never);
    });
  }

  /** The first line with this event, said already or yet to come. */
  async said<Happening>(limitMs: number, event: string): Promise<Happening> {
    const heard = this.#heard.find((happening) => happening.event === event);
    const happening =
      heard === undefined
        ? new Promise<Happening>((resolve) => this.#waiting.set(event, resolve))
        : Promise.resolve(heard as Happening);
    const ended = new Promise<never>((_, reject) => {
      this.#child.once('exit', () => reject(new Error(`it ended before it said "${event}"`)));
    });
    try {
      return await within(limitMs, `"${event}" from branchline`, Promise.race([happening, ended]));
    } catch (error) {
      const { exitCode } = this.#child;
      throw new Error(`${(error as Error).message}; exit code ${exitCode}; ${this.#lastWords}`, {
        cause: error,
      });
    }
  }

  /** It stands still until `thaw`, and restarts nothing that dies meanwhile: an outage lasts as long as it is looked at. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** As a power cut would; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGKILL');
      await ended;
    }
  }

  /** Ctrl-C; the exit code. */
  async stop(limitMs: number): Promise<number | null> {
    const child = this.#child;
    if (child.exitCode !== null) {
      return child.exitCode;
    }
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    try {
      return await within(limitMs, 'branchline stopping', ended);
    } finally {
      child.kill('SIGKILL');
    }
  }
}

function spawnCommand(args: readonly string[]) {
  return spawn(process.execPath, ['--conditions=source', '--import', 'tsx', MAIN, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
