/** S-1 to S-3: a whole small chain on this machine, to sell through or to be told as a story. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type CommandContext, DATA_DEFAULT } from '../command-context.ts';
import type { Topology } from '../demo/chain.ts';

const PORT_MAX = 65_000;

interface DemoFlags {
  readonly data?: string;
  readonly portBase: number;
  readonly topology: Topology;
  readonly scenario?: 'outage';
  readonly exit?: boolean;
}

export function demoCommand(context: CommandContext): Command {
  return new Command('demo')
    .description('a relay, a head office and two shops on this machine')
    .option('--data <dir>', `where the programs keep their data (${DATA_DEFAULT}; a passing one for --exit)`)
    .option('--port-base <n>', 'first of the ports used; 0 takes free ones', port, 0)
    .addOption(
      new Option('--topology <t>', 'through a relay, or shop to shop to head office')
        .choices(['relay', 'peers'])
        .default('relay'),
    )
    .addOption(new Option('--scenario <s>', 'play a story and check what came of it').choices(['outage']))
    .option('--exit', 'stop when everything was shown, and fail unless every check held')
    .action(async ({ data, ...flags }: DemoFlags, command: Command) => {
      const { runDemo } = await import('../demo/run-demo.ts');
      const { clock, random, signal, stdout } = context.ports;
      const passing = data === undefined && flags.exit === true;
      const folder = passing ? await mkdtemp(join(tmpdir(), 'branchline-demo-')) : (data ?? DATA_DEFAULT);
      await runDemo({
        ...flags,
        exit: flags.exit ?? false,
        data: folder,
        json: context.output(command).json,
        terminal: stdout.isTerminal,
        clock,
        random,
        signal,
        write: (text) => stdout.write(text),
      });
      // Reached only when every check held: the data of a failed story is kept for a look.
      if (passing) {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > PORT_MAX) {
    throw new InvalidArgumentError(`It must be a port number up to ${PORT_MAX}.`);
  }
  return value;
}
