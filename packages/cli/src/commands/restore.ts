/**
 * S-12: puts a backup into a new data folder. Whatever was written after the backup is known to the peers only, so the restored
 * program must not go on numbering as if it had not happened: a marker file tells it, at its next start, to begin a new
 * incarnation.
 *
 * The backup keeps count of how often it was put back, because the program that comes out of it cannot know of the others: two of
 * them that were never online would give out the same numbers.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { isoTime } from 'hlc-ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { copyData, writeWhole } from '../data-backup.ts';
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
      const copied = await copyData(
        from,
        data,
        (done, of) => output.progress(`file ${done} of ${of}`),
        // Before anything else: a folder with a key in it and no mark would go on as if it had never been lost.
        async () => {
          const times = await countRestore(from);
          const mark = { restoredAt: isoTime(context.ports.clock.nowMs()), from, times };
          await writeWhole(join(data, RESTORED_MARK), `${JSON.stringify(mark)}\n`);
        },
      );
      output.result(
        { kind, tenant, data, ...copied },
        () =>
          `Restored the ${kind} of ${tenant} into ${data}: ${copied.files} files, ${bytesWords(copied.bytes)}.\n` +
          'Start it as before: it sells at once, under a new key and new order numbers, and learns from its peers what ' +
          'happened after the backup.',
      );
    });
}

const COUNT_FILE = 'restores.json';

/** Counted in the backup; where that cannot be written to, this is taken for the first time. */
async function countRestore(backup: string): Promise<number> {
  const file = join(backup, COUNT_FILE);
  const text = await readFile(file, 'utf8').catch(() => '{}');
  const times = timesIn(text) + 1;
  await writeWhole(file, `${JSON.stringify({ times })}\n`).catch(() => undefined);
  return times;
}

function timesIn(text: string): number {
  try {
    const { times } = JSON.parse(text) as { times?: unknown };
    return typeof times === 'number' && Number.isSafeInteger(times) && times > 0 ? times : 0;
  } catch {
    return 0;
  }
}
