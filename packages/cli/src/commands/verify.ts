/**
 * S-10: re-checks every byte, hash and signature of the journal from its first record, and names the first broken entry.
 * Reads files only, so it works on a stopped, a running and a broken program's data alike.
 */
import { NodeDisk, verifyStore } from '@branchline/feed';
import type { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { readDataFolder } from '../data-folder.ts';
import { CliError } from '../errors.ts';

export function verifyCommand(context: CommandContext): Command {
  return dataCommand(
    'verify',
    're-check every hash and signature; exit 1 with the first broken entry',
    context,
  )
    .option('--feed <name>', 'ask about one feed')
    .action(async ({ data, feed }: { data: string; feed?: string }, command: Command) => {
      const { journal, tenant } = await readDataFolder(data);
      const output = context.output(command);
      const onProgress = (done: number): void => output.progress(`verified ${Math.round(done * 100)} %`);
      const verified = await verifyStore({ disk: new NodeDisk(), dir: journal, tenant, onProgress });
      const { broken } = verified;
      if (broken !== undefined) {
        const entry = broken.feed === undefined ? 'an entry' : `entry ${broken.seq} of ${broken.feed}`;
        throw new CliError(
          'VERIFY_FAILED',
          `${entry} is not as it was written: ${broken.what} (${broken.segment}, offset ${broken.offset})`,
          { hint: 'Stop the program, keep this folder as evidence, and restore a backup.' },
        );
      }
      const heads = [...verified.feeds].filter(([name]) => feed === undefined || name === feed);
      if (feed !== undefined && heads.length === 0) {
        throw new CliError('VERIFY_FAILED', `there is no feed ${feed} here`, {
          hint: 'Leave --feed out to check all.',
        });
      }
      const { entries, tornBytes } = verified;
      const report = {
        ok: true,
        feeds: heads.map(([name, head]) => ({ feed: name, seq: head.seq, hash: hex(head.hash) })),
        entries,
        tornBytes,
      };
      output.result(report, () => words(report));
    });
}

function words({
  feeds,
  entries,
  tornBytes,
}: {
  feeds: unknown[];
  entries: number;
  tornBytes: number;
}): string {
  const torn =
    tornBytes === 0 ? '' : ` ${tornBytes} bytes of a commit that was never acknowledged stand at the end.`;
  return `${entries} entries in ${feeds.length} feeds are as they were written.${torn}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
