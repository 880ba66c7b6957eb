/** The packages that money, receipts and replication stand on: how much of each its own tests must reach, and what of it counts. */

export interface CorePackage {
  readonly name: string;
  /** Tests whose runs are counted. */
  readonly tests: string;
  readonly counted: RegExp;
}

/** Branches, in percent: what is wanted, and below what a run fails. Runs differ by some branches, as what waits for what differs. */
export const BRANCHES_WANTED = 95;
export const BRANCHES_MIN = 94;

export const CORE_PACKAGES: readonly CorePackage[] = [
  // Suites that are exported, and a disk that fails on demand, are tests themselves.
  { name: 'feed', tests: 'packages/feed/test/', counted: /^packages\/feed\/src\/(?!acceptance|sim-disk)/ },
  { name: 'wire', tests: 'packages/wire/test/', counted: /^packages\/wire\/src\// },
  { name: 'outbox', tests: 'packages/outbox/test/', counted: /^packages\/outbox\/src\// },
  { name: 'docs/rights', tests: 'packages/docs/test/', counted: /^packages\/docs\/src\/rights/ },
  {
    name: 'fiscal/kkt',
    tests: 'packages/fiscal/test/',
    counted: /^packages\/fiscal\/src\/kkt\/(?!emulator\/|driver-suite)/,
  },
];

export function isCore(testFile: string): boolean {
  return CORE_PACKAGES.some(({ tests }) => testFile.startsWith(tests));
}
