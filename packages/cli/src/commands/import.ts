/**
 * S-11: takes in a bundle, as if its entries had come from a peer. By the running program, which holds the store, or by the command
 * itself when none runs; what it brought is then seen at the next start.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { openBundleKeeper } from '../bundle-keeper.ts';
import { type CommandContext, dataCommand } from '../command-context.ts';

export function importCommand(context: CommandContext): Command {
  return dataCommand('import', 'take in a bundle', context)
    .argument('<file>', 'written by export')
    .action(async (file: string, { data }: { data: string }, command: Command) => {
      const keeper = await openBundleKeeper(context, data);
      try {
        const taken = await keeper.importBundle(resolve(file));
        const { entries, fresh, refused } = taken;
        context
          .output(command)
          .result({ file, ...taken }, () =>
            [
              `${fresh} of ${entries} entries in ${file} were new`,
              ...refused.map(({ feed, code }) => `REFUSED ${feed}: ${code}`),
            ].join('\n'),
          );
      } finally {
        await keeper.close();
      }
    });
}
