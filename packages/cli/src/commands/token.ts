/** Tokens of a relay's operators: made, listed, ended by the running relay. A token is printed once and kept nowhere. */
import { Command } from 'commander';
import { z } from 'zod';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { table } from '../output.ts';
import { RunningProgram } from '../running-program.ts';

const added = z.object({ name: z.string(), role: z.string(), token: z.string() });
const list = z.object({
  operators: z.array(z.object({ name: z.string(), role: z.string(), addedAt: z.string() })),
});

export function tokenCommand(context: CommandContext): Command {
  const add = dataCommand('add', 'make a token of an operator; it is printed this once', context)
    .argument('<name>', 'whose it is, e.g. Vera')
    .option('--role <role>', 'view or operate', 'view')
    .action(async (name: string, { data, role }: { data: string; role: string }, command: Command) => {
      const relay = await requireRelay(data);
      const made = added.parse(await relay.post('/v1/operators', { name, role }));
      // Behind the #: a token in a link never travels in a request.
      const link = `${relay.url}/#token=${encodeURIComponent(made.token)}`;
      context
        .output(command)
        .result(
          { ...made, url: relay.url, link },
          () => `${made.name} (${made.role}): ${made.token}\n${link}`,
        );
    });
  const revoke = dataCommand('revoke', 'the token stops working at once', context)
    .argument('<name>', 'e.g. Vera')
    .action(async (name: string, { data }: { data: string }, command: Command) => {
      await (await requireRelay(data)).post(`/v1/operators/${encodeURIComponent(name)}/revoke`);
      context.output(command).result({ name, revoked: true }, () => `the token of ${name} is revoked`);
    });
  const show = dataCommand('list', 'operators with a token', context).action(
    async ({ data }: { data: string }, command: Command) => {
      const { operators } = list.parse(await (await requireRelay(data)).get('/v1/operators'));
      context.output(command).result({ operators }, () =>
        table(
          ['name', 'role', 'added'],
          operators.map(({ name, role, addedAt }) => [name, role, addedAt]),
        ),
      );
    },
  );
  return new Command('token')
    .description('tokens of the operators of a relay')
    .addCommand(add)
    .addCommand(revoke)
    .addCommand(show);
}

async function requireRelay(data: string): Promise<RunningProgram> {
  const program = await RunningProgram.require(data);
  if (program.kind !== 'relay') {
    throw new CliError('DATA_MISSING', `a ${program.kind} runs on ${data}, and it has no operators`, {
      hint: 'Name the folder of a relay with --data DIR.',
    });
  }
  return program;
}
