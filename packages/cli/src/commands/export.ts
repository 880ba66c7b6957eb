/** S-11: replication by file: writes what a peer may lack into a bundle. Done by the running program, which holds the store. */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { readJsonFile } from '../json-file.ts';
import { RunningProgram } from '../running-program.ts';

export function exportCommand(context: CommandContext): Command {
  return dataCommand('export', 'write a bundle: replication by file', context)
    .requiredOption('--to <file>', 'bundle to write')
    .option('--since <vector>', 'JSON file of what the other side has: {"feed": number, …}')
    .action(async ({ data, to, since }: { data: string; to: string; since?: string }, command: Command) => {
      const program = await RunningProgram.require(data);
      const body = { to: resolve(to), ...(since === undefined ? {} : { since: await readJsonFile(since) }) };
      const written = (await program.post('/v1/control/export', body)) as { entries: number; bytes: number };
      context
        .output(command)
        .result({ to, ...written }, () => `${written.entries} entries, ${written.bytes} bytes in ${to}`);
    });
}
