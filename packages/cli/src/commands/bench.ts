/** S-16: the benchmark harness. */
import type { BenchSettings } from '@branchline/bench';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../command-context.ts';

interface BenchFlags {
  readonly seed?: number;
  readonly scale?: number;
  readonly out?: string;
  readonly list?: boolean;
  readonly branches?: number;
  readonly regions?: number;
  readonly data?: string;
  readonly peers?: string;
  readonly profile?: string;
  readonly ofd?: 'hang';
  readonly kkt?: 'hang';
}

export function benchCommand(context: CommandContext): Command {
  return new Command('bench')
    .description('measure; without names every case')
    .argument('[case...]', 'cases to run (--list names them)')
    .option('--list', 'name the cases and stop')
    .option('--seed <n>', 'the same seed makes the same load', number)
    .option('--scale <x>', 'share of the full load', number)
    .option('--out <dir>', 'where the report is written')
    .option('--branches <n>', 'size of the fleet', number)
    .option('--regions <n>', 'loyalty regions of the fleet', number)
    .option('--data <dir>', 'where prepared fleets are kept for the next run')
    .option('--peers <names>', 'other systems to measure, separated by commas')
    .addOption(new Option('--ofd <how>', 'sales beside an operator that hangs').choices(['hang']))
    .addOption(
      new Option('--kkt <how>', 'sales beside a register that hangs').choices(['hang']).conflicts('ofd'),
    )
    .option('--profile <dir>', 'write processor profiles of relay, head office and branches there')
    .action(async (cases: string[], flags: BenchFlags, command: Command) => {
      const { list, out, seed, scale } = flags;
      const { benchCases, formatReport, runBench } = await import('@branchline/bench');
      const output = context.output(command);
      if (list) {
        const named = benchCases.map(({ name, about }) => ({ name, about }));
        output.result({ cases: named }, () => named.map(({ name, about }) => `${name}: ${about}`).join('\n'));
        return;
      }
      const { clock, signal } = context.ports;
      const { report, path, page } = await runBench({
        clock,
        signal,
        cases,
        ...(seed === undefined ? {} : { seed }),
        ...(scale === undefined ? {} : { scale }),
        ...(out === undefined ? {} : { outDir: out }),
        settings: settingsOf(flags),
        progress: (words) => output.progress(words),
      });
      output.result({ path, page, ...report }, () => `${formatReport(report)}\n${path}\n${page}`);
    });
}

function settingsOf({ branches, regions, data, peers, profile, ofd, kkt }: BenchFlags): BenchSettings {
  return {
    ...(branches === undefined ? {} : { branches }),
    ...(regions === undefined ? {} : { regions }),
    ...(data === undefined ? {} : { dataDir: data }),
    ...(peers === undefined ? {} : { peers: peers.split(',').map((name) => name.trim()) }),
    ...(ofd === undefined ? {} : { hangingLine: 'ofd' }),
    ...(kkt === undefined ? {} : { hangingLine: 'kkt' }),
    ...(profile === undefined ? {} : { profileDir: profile }),
  };
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('It must be a number above 0.');
  }
  return value;
}
