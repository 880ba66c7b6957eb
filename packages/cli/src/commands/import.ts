/** S-11: takes in a bundle, as if its entries had come from a peer. Done by the running program, which holds the store. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { RunningProgram } from '../running-program.ts';

export function importCommand(context: CommandContext): Command {
  return dataCommand('import', 'take in a bundle', context)
    .argument('<file>', 'written by export')
    .action(async (file: string, { data }: { data: string }, command: Command) => {
      const program = await RunningProgram.require(data);
      const taken = (await program.post('/v1/control/import', { from: resolve(file) })) as {
        entries: number;
      };
      context.output(command).result({ file, ...taken }, () => `${taken.entries} new entries from ${file}`);
    });
}
