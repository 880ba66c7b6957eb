export type { BenchCase, BenchContext, BenchSettings } from './bench-case.ts';
export { BenchError, type BenchErrorCode } from './errors.ts';
export { benchCases } from './registry.ts';
export type { CaseReport, Machine, Ratio, RunReport, Series } from './report.ts';
export { type BenchOptions, type BenchResult, OUT_DIR_DEFAULT, runBench, SEED_DEFAULT } from './run-bench.ts';
export { type Summary, summarize } from './statistics.ts';
export { formatReport } from './table.ts';
