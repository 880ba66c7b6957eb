/** S-4: makes a tenant and its authority's key. The admin token is printed this once. */
import { NodeDisk } from '@branchline/feed';
import type { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { silentLog } from '../log.ts';

export function initCommand(context: CommandContext): Command {
  return dataCommand('init', "create a tenant and the relay's authority key", context)
    .requiredOption('--tenant <name>', 'name of the company')
    .action(async (options: { data: string; tenant: string }, command: Command) => {
      const { initRelay } = await import('@branchline/relay');
      const { clock, random } = context.ports;
      const made = await initRelay({ clock, random, disk: new NodeDisk(), log: silentLog() }, options);
      context
        .output(command)
        .result({ data: options.data, ...made }, () =>
          [
            `Tenant ${made.tenant} is ready in ${options.data}.`,
            `Admin token (shown once, keep it): ${made.adminToken}`,
            `Authority ${made.authority}; back up ${options.data}/authority.key, or keep it offline.`,
            `Next: branchline relay --data ${options.data} --listen HOST:PORT`,
          ].join('\n'),
        );
    });
}
