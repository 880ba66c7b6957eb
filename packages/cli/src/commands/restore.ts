/**
 * S-12: puts a backup into a new data folder. Whatever was written after the backup is known to the peers only, so the restored
 * program must not go on numbering as if it had not happened: a marker file tells it, at its next start, to begin a new
 * incarnation.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { isoTime } from 'hlc-ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { copyData } from '../data-backup.ts';
import { readDataFolder } from '../data-folder.ts';
import { bytesWords } from '../output.ts';

export const RESTORED_MARK = 'restored.json';

export function restoreCommand(context: CommandContext): Command {
  return dataCommand(
    'restore',
    'put a backup into a new data folder; it goes on as a new incarnation',
    context,
  )
    .requiredOption('--from <dir>', 'folder written by backup')
    .action(async ({ data, from }: { data: string; from: string }, command: Command) => {
      const { kind, tenant } = await readDataFolder(from);
      const output = context.output(command);
      const copied = await copyData(from, data, (done, of) => output.progress(`file ${done} of ${of}`));
      const mark = { restoredAt: isoTime(context.ports.clock.nowMs()), from };
      await writeFile(join(data, RESTORED_MARK), `${JSON.stringify(mark)}\n`, { mode: 0o600 });
      output.result(
        { kind, tenant, data, ...copied },
        () =>
          `Restored the ${kind} of ${tenant} into ${data}: ${copied.files} files, ${bytesWords(copied.bytes)}.\n` +
          'Start it as before; it learns from its peers what happened after the backup. Never run the original beside it.',
      );
    });
}
