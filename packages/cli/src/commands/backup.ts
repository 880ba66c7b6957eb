/** S-12: a copy of a node's or relay's data, also while it runs. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isoTime } from 'hlc-ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { copyData, markFolder } from '../data-backup.ts';
import { readDataFolder } from '../data-folder.ts';
import { bytesWords } from '../output.ts';

export function backupCommand(context: CommandContext): Command {
  return dataCommand('backup', 'copy the data, also while the program runs', context)
    .requiredOption('--to <dir>', 'new or empty folder')
    .action(async ({ data, to }: { data: string; to: string }, command: Command) => {
      const { kind, tenant } = await readDataFolder(data);
      const output = context.output(command);
      const copied = await copyData(data, to, (done, of) => output.progress(`file ${done} of ${of}`));
      const at = isoTime(context.ports.clock.nowMs());
      await markFolder(data, 'last-backup', { at, to: resolve(to), ...copied });
      output.result(
        { kind, tenant, to, ...copied },
        () =>
          `Backed up the ${kind} of ${tenant} to ${to}: ${copied.files} files, ${bytesWords(copied.bytes)}.\n` +
          `It holds private keys: keep it as safe as ${data}.`,
      );
    });
}
