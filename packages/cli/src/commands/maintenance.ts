/** Maintenance of the running node: nothing is sold, for a reason, until an end. */
import { maintenance } from '@branchline/model';
import { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { RunningProgram } from '../running-program.ts';

export function maintenanceCommand(context: CommandContext): Command {
  const say = (command: Command, answer: unknown): void => {
    const view = maintenance.parse(answer);
    context.output(command).result(view, () => view.words);
  };
  const begin = dataCommand('begin', 'nothing is sold here from now on', context)
    .requiredOption('--reason <text>', 'why, as tills show it')
    .option('--minutes <n>', 'how long, at most a day', '60')
    .action(
      async (
        { data, reason, minutes }: { data: string; reason: string; minutes: string },
        command: Command,
      ) => {
        const body = { reason, minutes: Number(minutes) };
        say(command, await (await nodeOf(data)).write('/v1/maintenance/begin', body));
      },
    );
  const end = dataCommand('end', 'selling goes on', context).action(
    async ({ data }: { data: string }, command: Command) =>
      say(command, await (await nodeOf(data)).write('/v1/maintenance/end', {})),
  );
  const show = dataCommand('show', 'whether it is on, why, and until when', context).action(
    async ({ data }: { data: string }, command: Command) =>
      say(command, await (await nodeOf(data)).get('/v1/maintenance')),
  );
  return new Command('maintenance')
    .description('maintenance of a node')
    .addCommand(begin)
    .addCommand(end)
    .addCommand(show);
}

async function nodeOf(data: string): Promise<RunningProgram> {
  const program = await RunningProgram.require(data);
  if (program.kind !== 'node') {
    throw new CliError('DATA_MISSING', `a ${program.kind} runs on ${data}, and it sells nothing`, {
      hint: 'Name the folder of a node with --data DIR.',
    });
  }
  return program;
}
