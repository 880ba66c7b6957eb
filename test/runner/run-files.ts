/**
 * Runs test files, each in a process of its own, a few at a time, none longer than its limit.
 *
 * A file that needs more time than the default asks for it in its first line: `// limit: 180 s`. At the limit the
 * whole process group is killed, so programs that a test started do not outlive it. Output is kept up to a size and
 * not interpreted here (see `verdict.ts`).
 *
 * Files that draw examples with fast-check draw the same ones in every run (`fixed-seed.ts`).
 *
 * `CORE_COVERAGE` names a folder: V8 then writes there what ran of the packages whose coverage is checked (`core-coverage.ts`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isCore } from './core-packages.ts';
import { type Ending, judge, type Verdict } from './verdict.ts';

const FIXED_SEED = new URL('./fixed-seed.ts', import.meta.url).href;
/** Files running at once. Two: the machines this runs on have two cores, and timing checks want one each. */
const PARALLEL_MAX = 2;
const DEFAULT_LIMIT_MS = 120_000;
/** Output kept per file; the rest of a flood is dropped, its end is kept because the totals are there. */
const OUTPUT_CHARS_MAX = 400_000;

export interface RunOptions {
  readonly root: string;
  readonly signal: AbortSignal;
  /** Called once per file, as each one ends. */
  readonly ended: (verdict: Verdict) => void;
}

export async function runTestFiles(files: readonly string[], options: RunOptions): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const waiting = [...files];
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      if (options.signal.aborted) {
        return;
      }
      const verdict = await runTestFile(file, options);
      verdicts.push(verdict);
      options.ended(verdict);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_MAX }, lane));
  return verdicts;
}

async function runTestFile(file: string, { root, signal }: RunOptions): Promise<Verdict> {
  const source = await readFile(join(root, file), 'utf8');
  const limitMs = readLimitMs(source);
  const startedNs = process.hrtime.bigint();
  const seeded = source.includes("from 'fast-check'") ? ['--import', FIXED_SEED] : [];
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', ...seeded, file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...coverage(file), FORCE_COLOR: '0' },
  });
  let output = '';
  const collect = (chunk: string) => {
    output = (output + chunk).slice(-OUTPUT_CHARS_MAX);
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);

  const ending = await waitForEnd(child, limitMs, signal);
  const durationMs = Number((process.hrtime.bigint() - startedNs) / 1_000_000n);
  return judge({ file, output, durationMs, ending });
}

function coverage(file: string): Record<string, string> {
  const folder = process.env.CORE_COVERAGE;
  return folder && isCore(file) ? { NODE_V8_COVERAGE: folder } : {};
}

/** Exported for its test. The first line only: a limit is a property of the file, said where everybody looks. */
export function readLimitMs(source: string): number {
  const asked = /^\/\/ limit: (\d+) s(?:\r?\n|$)/.exec(source);
  return asked ? Number(asked[1]) * 1000 : DEFAULT_LIMIT_MS;
}

async function waitForEnd(child: ChildProcess, limitMs: number, interrupted: AbortSignal): Promise<Ending> {
  const limit = AbortSignal.timeout(limitMs);
  const either = AbortSignal.any([limit, interrupted]);
  const killGroup = () => killProcessGroup(child);
  either.addEventListener('abort', killGroup, { once: true });
  try {
    return await new Promise<Ending>((settle, fail) => {
      child.once('error', fail);
      child.once('close', (code, signal) => {
        if (limit.aborted) {
          settle({ kind: 'timed out', limitMs });
        } else if (interrupted.aborted) {
          settle({ kind: 'interrupted' });
        } else if (code !== null) {
          settle({ kind: 'exited', code });
        } else {
          settle({ kind: 'killed', signal: String(signal) });
        }
      });
    });
  } finally {
    either.removeEventListener('abort', killGroup);
    killGroup();
  }
}

/** What a test started and forgot goes with it. Nothing left to kill is the ordinary case. */
function killProcessGroup(child: ChildProcess): void {
  if (child.pid === undefined) {
    return;
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error;
    }
  }
}
