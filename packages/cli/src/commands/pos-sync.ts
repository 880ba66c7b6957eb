/** S-61: keys of branches that sell with `pos_offline_sync` and name this head office as their cloud. A key is printed once and kept nowhere. */
import { Command } from 'commander';
import { z } from 'zod';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { table } from '../output.ts';
import { RunningProgram } from '../running-program.ts';

const added = z.object({ id: z.string(), branch: z.string(), key: z.string() });
const list = z.object({
  branches: z.array(
    z.object({
      branch: z.string(),
      keys: z.array(
        z.object({
          id: z.string(),
          warehouse: z.object({ name: z.string(), id: z.int().optional(), locationId: z.int().optional() }),
          addedAt: z.string(),
          revoked: z.boolean(),
        }),
      ),
      lastPush: z.string().nullable(),
      lastPull: z.string().nullable(),
      toDecide: z.int(),
    }),
  ),
});

interface AddOptions {
  readonly data: string;
  readonly warehouse: string;
  readonly warehouseId?: string;
  readonly locationId?: string;
}

export function posSyncCommand(context: CommandContext): Command {
  const add = dataCommand('add', 'make the API key of a branch; it is printed this once', context)
    .argument('<branch>', 'code of the branch, e.g. B017')
    .requiredOption('--warehouse <name>', 'its warehouse, by the name it has in the branch')
    .option('--warehouse-id <n>', "id of that warehouse in the branch's own database")
    .option('--location-id <n>', 'id of its stock location there; without it no quantities go down')
    .action(async (branch: string, options: AddOptions, command: Command) => {
      const node = await requireHeadOffice(options.data);
      const warehouse = {
        name: options.warehouse,
        ...(options.warehouseId === undefined ? {} : { id: Number(options.warehouseId) }),
        ...(options.locationId === undefined ? {} : { locationId: Number(options.locationId) }),
      };
      const made = added.parse(await node.post('/v1/pos-offline-sync/keys', { branch, warehouse }));
      const cloudUrl = node.url;
      context
        .output(command)
        .result(
          { ...made, cloudUrl },
          () => `${made.branch} (key ${made.id}), cloud_url ${cloudUrl}, api_key: ${made.key}`,
        );
    });
  const revoke = dataCommand('revoke', 'the key stops working at once', context)
    .argument('<key-id>', 'as `pos-sync list` shows it')
    .action(async (id: string, { data }: { data: string }, command: Command) => {
      await (await requireHeadOffice(data)).post(
        `/v1/pos-offline-sync/keys/${encodeURIComponent(id)}/revoke`,
      );
      context.output(command).result({ id, revoked: true }, () => `key ${id} is revoked`);
    });
  const show = dataCommand('list', 'branches, their keys, and when they were last heard of', context).action(
    async ({ data }: { data: string }, command: Command) => {
      const { branches } = list.parse(
        await (await requireHeadOffice(data)).get('/v1/pos-offline-sync/branches'),
      );
      context.output(command).result({ branches }, () =>
        table(
          ['branch', 'warehouse', 'key', 'state', 'last push', 'last pull', 'to decide'],
          branches.flatMap(({ branch, keys, lastPush, lastPull, toDecide }) =>
            keys.map(({ id, warehouse, revoked }) => [
              branch,
              warehouse.name,
              id,
              revoked ? 'revoked' : 'active',
              lastPush ?? '-',
              lastPull ?? '-',
              String(toDecide),
            ]),
          ),
        ),
      );
    },
  );
  return new Command('pos-sync')
    .description('branches that sell with pos_offline_sync and push to this head office')
    .addCommand(add)
    .addCommand(revoke)
    .addCommand(show);
}

async function requireHeadOffice(data: string): Promise<RunningProgram> {
  const program = await RunningProgram.require(data);
  if (program.kind !== 'node') {
    throw new CliError('DATA_MISSING', `a ${program.kind} runs on ${data}, and nobody pushes there`, {
      hint: 'Name the folder of the head office with --data DIR.',
    });
  }
  return program;
}
