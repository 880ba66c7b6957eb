/** The command line as a process of its own, from source: for programs that run until they are told to stop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from '../../../../test/support/within.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 30_000;

interface Listening {
  readonly [field: string]: unknown;
  readonly event: string;
  readonly url: string;
}

export class Started {
  readonly url: string;
  readonly child: ChildProcess;
  /** The line it printed when it listened. */
  readonly said: Readonly<Record<string, unknown>>;

  private constructor(said: Listening, child: ChildProcess) {
    this.url = said.url;
    this.said = said;
    this.child = child;
  }

  static async open(...args: string[]): Promise<Started> {
    const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', MAIN, ...args], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words += text;
    });
    const listening = new Promise<Listening>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line) as Listening;
        if (said.event === 'listening') {
          resolve(said);
        }
      });
      child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}: ${words}`)));
    });
    listening.catch(() => {});
    return new Started(await within(START_WITHIN_MS, args.join(' '), listening), child);
  }

  /** The exit code. */
  async stop(how: 'SIGTERM' | 'SIGINT' | 'stdin' = 'SIGTERM'): Promise<number | null> {
    const exited = this.exited();
    if (how === 'stdin') {
      this.child.stdin!.end();
    } else {
      this.child.kill(how);
    }
    return await within(STOP_WITHIN_MS, 'the end', exited);
  }

  exited(): Promise<number | null> {
    const { exitCode, signalCode } = this.child;
    return exitCode === null && signalCode === null
      ? new Promise((resolve) => this.child.once('exit', resolve))
      : Promise.resolve(exitCode);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await this.exited();
    }
  }
}
