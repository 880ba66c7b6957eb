/**
 * Runs cases one after another and writes one report.
 *
 * Guarantees: each case has an empty folder of its own, removed afterwards; the report names commit, seed and machine
 * and holds every raw sample; a case that fails fails the run, so no half-measured report is written.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, isoTime } from 'hlc-ts';
import type { BenchCase, BenchSettings } from './bench-case.ts';
import { drawCharts } from './charts.ts';
import { formatMarkdown } from './markdown.ts';
import { benchCases, chooseCases } from './registry.ts';
import type { CaseReport, Machine, RunReport } from './report.ts';

export const SEED_DEFAULT = 1;
/** Where results go unless told otherwise, below the current folder. */
export const OUT_DIR_DEFAULT = '.branchline/bench';

export interface BenchOptions {
  readonly clock: Clock;
  /** Names of cases; all when empty. */
  readonly cases?: readonly string[];
  readonly seed?: number;
  readonly scale?: number;
  readonly outDir?: string;
  readonly settings?: BenchSettings;
  readonly signal?: AbortSignal;
  readonly progress?: (words: string) => void;
  /** The cases to choose from. */
  readonly registry?: readonly BenchCase[];
}

export interface BenchResult {
  readonly report: RunReport;
  /** Where the report was written, as JSON with raw samples. */
  readonly path: string;
  /** The same for people, with charts beside it where they could be drawn. */
  readonly page: string;
}

export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const { clock, seed = SEED_DEFAULT, scale = 1, outDir = OUT_DIR_DEFAULT, progress = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;
  const chosen = chooseCases(options.cases ?? [], options.registry ?? benchCases);
  const startedAt = isoTime(clock.nowMs());
  const loadBefore = Math.round(loadavg()[0]! * 100) / 100;
  await mkdir(outDir, { recursive: true });
  const cases: CaseReport[] = [];
  for (const one of chosen) {
    signal.throwIfAborted();
    progress(`${one.name}: ${one.about}`);
    const workDir = resolve(await mkdtemp(join(outDir, `work-${one.name}-`)));
    try {
      const say = (words: string): void => progress(`${one.name}: ${words}`);
      cases.push(
        await one.run({
          clock,
          seed,
          scale,
          workDir,
          signal,
          settings: options.settings ?? {},
          progress: say,
        }),
      );
    } finally {
      await rm(workDir, { recursive: true, force: true, maxRetries: 3 });
    }
  }
  const report: RunReport = {
    format: 1,
    commit: commitHere(),
    seed,
    startedAt,
    machine: machineHere(),
    loadBefore,
    cases,
  };
  const name = startedAt.replaceAll(/[:.]/g, '-');
  const path = join(outDir, `${name}.json`);
  const charts = await drawCharts(report, { dir: outDir, name, clock, signal });
  await writeFile(path, `${JSON.stringify(report)}\n`);
  const page = join(outDir, `${name}.md`);
  await writeFile(page, formatMarkdown(report, charts));
  return { report, path, page };
}

function machineHere(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: `${type()} ${release()} ${arch()}`,
    runtime: `Node.js ${process.version}`,
  };
}

/** The commit measured, with `+` when the tree has changes; `unknown` outside a checkout. */
function commitHere(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
      stdio: 'pipe',
    });
  try {
    const commit = git('rev-parse', 'HEAD').trim();
    return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`;
  } catch {
    return 'unknown';
  }
}
