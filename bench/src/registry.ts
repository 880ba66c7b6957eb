/** The cases there are, in the order they run when none is named. */
import type { BenchCase } from './bench-case.ts';
import { bootstrap } from './cases/bootstrap.ts';
import { importCase, search } from './cases/catalog.ts';
import { fleet } from './cases/fleet.ts';
import { floors } from './cases/floors.ts';
import { growth } from './cases/growth.ts';
import { idle } from './cases/idle.ts';
import { ofdDrain } from './cases/ofd-drain.ts';
import { peers } from './cases/peers.ts';
import { propagate } from './cases/propagate.ts';
import { restart } from './cases/restart.ts';
import { sale } from './cases/sale.ts';
import { BenchError } from './errors.ts';

export const benchCases: readonly BenchCase[] = [
  floors,
  sale,
  propagate,
  search,
  importCase,
  bootstrap,
  restart,
  growth,
  ofdDrain,
  fleet,
  idle,
  peers,
];

/** The cases of these names, in the order given; all when there are none. */
export function chooseCases(names: readonly string[], cases: readonly BenchCase[] = benchCases): BenchCase[] {
  if (names.length === 0) return [...cases];
  return names.map((name) => {
    const found = cases.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new BenchError('BENCH_CASE_UNKNOWN', `there is no case ${JSON.stringify(name)}`, {
      hint: `Choose among ${cases.map((one) => one.name).join(', ')}.`,
    });
  });
}
