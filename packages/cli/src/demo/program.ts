/**
 * One Branchline program as a child process: started, watched, restarted when it dies, stopped cleanly.
 *
 * A program counts as started when it prints its `{"event":"listening","url":…}` line. A child that dies unasked is
 * started again with the same arguments (data on disk, so nothing acknowledged is lost) after a short growing pause;
 * one that dies `RESTARTS_MAX` times in a row without ever listening makes the demo fail, with its last words.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Backoff, type Clock, type Random } from 'hlc-ts';
import { CliError } from '../errors.ts';

const RESTARTS_MAX = 5;
const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 8_000;
const COMMAND_TIMEOUT_MS = 60_000;
/** Kept of a child's standard error, to say why it died. */
const LAST_WORDS_LINES_MAX = 12;

export interface ProgramOptions {
  readonly name: string;
  readonly args: readonly string[];
  /** What runs with `args`; this same program, started the same way, unless told otherwise. */
  readonly command?: readonly [program: string, ...args: string[]];
  readonly clock: Clock;
  readonly random: Random;
  /** Called after an unasked restart. */
  readonly onRestart?: (program: Program) => void;
}

/** What a program says of itself: emulators name where devices reach them, and where they are broken on order. */
export interface Listening {
  readonly url: string;
  readonly address?: string;
  readonly controlUrl?: string;
}

export class Program {
  readonly name: string;
  readonly #options: ProgramOptions;
  readonly #lastWords: string[] = [];
  #child: ChildProcess | undefined;
  #said: Listening = { url: '' };
  #stopping = false;
  #restarts = 0;
  #backoff = new Backoff({ baseMs: 200, capMs: 5_000 });

  private constructor(options: ProgramOptions) {
    this.name = options.name;
    this.#options = options;
  }

  static async start(options: ProgramOptions): Promise<Program> {
    const program = new Program(options);
    await program.#spawn();
    return program;
  }

  /** Runs a command to its end and returns what it printed. */
  static async run(args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [...thisProgram().slice(1), ...args], {
      timeout: COMMAND_TIMEOUT_MS,
    });
    return stdout;
  }

  get url(): string {
    return this.#said.url;
  }

  /** The line it printed when it listened. */
  get said(): Listening {
    return this.#said;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Asks it to stop (SIGTERM, as Ctrl-C does) and kills it only when it does not within the deadline. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = this.#options.clock.setTimer(STOP_DEADLINE_MS, () => child.kill('SIGKILL'));
    await exited;
    timer.cancel();
  }

  async #spawn(): Promise<void> {
    const { args, command = thisProgram() } = this.#options;
    const child = spawn(command[0], [...command.slice(1), ...args, '--until-stdin-ends'], {
      // Standard input stays open as long as the demo lives: its end tells the child that the demo is gone.
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.#remember(line));
    const listening = new Promise<Listening>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = listeningLine(line);
        if (said !== undefined) {
          resolve(said);
        }
      });
      // Not at its exit: its last words may still be in the pipe.
      child.once('close', (code, signal) => reject(this.#died(code, signal)));
      child.once('error', reject);
    });
    const timer = this.#options.clock.setTimer(START_DEADLINE_MS, () => child.kill('SIGKILL'));
    try {
      this.#said = await listening;
    } finally {
      timer.cancel();
    }
    this.#restarts = 0;
    this.#backoff = this.#backoff.reset();
    child.once('exit', () => this.#restart());
  }

  #restart(): void {
    if (this.#stopping) {
      return;
    }
    const { delayMs, backoff } = this.#backoff.next(this.#options.random);
    this.#backoff = backoff;
    this.#options.clock.setTimer(delayMs, () => {
      if (this.#stopping) {
        return;
      }
      this.#spawn().then(
        () => this.#options.onRestart?.(this),
        (error: unknown) => {
          this.#restarts += 1;
          if (this.#restarts >= RESTARTS_MAX) {
            throw error;
          }
          this.#restart();
        },
      );
    });
  }

  #remember(line: string): void {
    this.#lastWords.push(line);
    if (this.#lastWords.length > LAST_WORDS_LINES_MAX) {
      this.#lastWords.shift();
    }
  }

  #died(code: number | null, signal: string | null): CliError {
    return new CliError('DEMO_CHILD_DIED', `${this.name} ended with ${signal ?? `exit code ${code}`}`, {
      hint: this.#lastWords.join('\n') || 'It said nothing. Start it by hand to see why.',
    });
  }
}

function thisProgram(): readonly [program: string, ...args: string[]] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
}

function listeningLine(line: string): Listening | undefined {
  if (!line.startsWith('{')) {
    return undefined;
  }
  const message = JSON.parse(line) as Partial<Listening> & { event?: unknown };
  return message.event === 'listening' && typeof message.url === 'string'
    ? (message as Listening)
    : undefined;
}
