/** S-16: the benchmark harness. */
import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../command-context.ts';

interface BenchFlags {
  readonly seed?: number;
  readonly scale?: number;
  readonly out?: string;
  readonly list?: boolean;
}

export function benchCommand(context: CommandContext): Command {
  return new Command('bench')
    .description('measure; without names every case')
    .argument('[case...]', 'cases to run (--list names them)')
    .option('--list', 'name the cases and stop')
    .option('--seed <n>', 'the same seed makes the same load', number)
    .option('--scale <x>', 'share of the full load', number)
    .option('--out <dir>', 'where the report is written')
    .action(async (cases: string[], { list, out, seed, scale }: BenchFlags, command: Command) => {
      const { benchCases, formatReport, runBench } = await import('@branchline/bench');
      const output = context.output(command);
      if (list) {
        const named = benchCases.map(({ name, about }) => ({ name, about }));
        output.result({ cases: named }, () => named.map(({ name, about }) => `${name}: ${about}`).join('\n'));
        return;
      }
      const { clock, signal } = context.ports;
      const { report, path } = await runBench({
        clock,
        signal,
        cases,
        ...(seed === undefined ? {} : { seed }),
        ...(scale === undefined ? {} : { scale }),
        ...(out === undefined ? {} : { outDir: out }),
        progress: (words) => output.progress(words),
      });
      output.result({ path, ...report }, () => `${formatReport(report)}\n${path}`);
    });
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('It must be a number above 0.');
  }
  return value;
}
