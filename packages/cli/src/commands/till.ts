/** S-18: till tokens of the running node. A token is printed once and kept nowhere. */
import { Command } from 'commander';
import { z } from 'zod';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { table } from '../output.ts';
import { RunningProgram } from '../running-program.ts';

const added = z.object({ till: z.string(), role: z.string(), token: z.string() });
const list = z.object({
  tills: z.array(z.object({ till: z.string(), role: z.string(), addedAt: z.string(), revoked: z.boolean() })),
});

export function tillCommand(context: CommandContext): Command {
  const add = dataCommand('add', 'make a till token; it is printed this once', context)
    .argument('<name>', 'e.g. T1')
    .option('--role <role>', 'cashier, manager or admin', 'cashier')
    .action(async (till: string, { data, role }: { data: string; role: string }, command: Command) => {
      const node = await requireNode(data);
      const made = added.parse(await node.post('/v1/tills', { till, role }));
      context
        .output(command)
        .result({ ...made, url: node.url }, () => `${made.till} (${made.role}): ${made.token}`);
    });
  const revoke = dataCommand('revoke', 'the token stops working at once', context)
    .argument('<name>', 'e.g. T1')
    .action(async (till: string, { data }: { data: string }, command: Command) => {
      await (await requireNode(data)).post(`/v1/tills/${encodeURIComponent(till)}/revoke`);
      context.output(command).result({ till, revoked: true }, () => `${till} is revoked`);
    });
  const show = dataCommand('list', 'tills of this node, revoked ones included', context).action(
    async ({ data }: { data: string }, command: Command) => {
      const { tills } = list.parse(await (await requireNode(data)).get('/v1/tills'));
      context.output(command).result({ tills }, () =>
        table(
          ['till', 'role', 'added', 'state'],
          tills.map(({ till, role, addedAt, revoked }) => [
            till,
            role,
            addedAt,
            revoked ? 'revoked' : 'active',
          ]),
        ),
      );
    },
  );
  return new Command('till')
    .description('till tokens of a node')
    .addCommand(add)
    .addCommand(revoke)
    .addCommand(show);
}

async function requireNode(data: string): Promise<RunningProgram> {
  const program = await RunningProgram.require(data);
  if (program.kind !== 'node') {
    throw new CliError('DATA_MISSING', `a ${program.kind} runs on ${data}, and it has no tills`, {
      hint: 'Name the folder of a node with --data DIR.',
    });
  }
  return program;
}
