/** The programs of a fleet, started: a relay and any number of hosts of nodes. */
import type { BenchContext } from '../bench-case.ts';
import { ForkedProgram } from '../system/forked.ts';
import { benchProgram } from '../system/program.ts';

export function openHost(
  context: Pick<BenchContext, 'clock' | 'signal'>,
  nodeArgs: readonly string[] = [],
): ForkedProgram {
  return ForkedProgram.open(benchProgram('../programs/fleet-host.js'), { ...context, nodeArgs });
}

export function openRelay(
  context: Pick<BenchContext, 'clock' | 'signal'>,
  nodeArgs: readonly string[] = [],
): ForkedProgram {
  return ForkedProgram.open(benchProgram('../programs/fleet-relay.js'), { ...context, nodeArgs });
}
