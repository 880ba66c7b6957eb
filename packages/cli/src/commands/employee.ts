/** Employees of the chain, at the running node of head office. A PIN made here is printed once and kept nowhere but as a hash. */
import { randomInt } from 'node:crypto';
import { employeeList } from '@branchline/model';
import { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { table } from '../output.ts';
import { RunningProgram } from '../running-program.ts';

const PIN_BELOW = 1_000_000;
const PIN_DIGITS = 6;

interface SetOptions {
  readonly data: string;
  readonly name: string;
  readonly role: string;
  readonly branches?: string;
  readonly pin: boolean;
  readonly leaves?: true;
}

export function employeeCommand(context: CommandContext): Command {
  const set = dataCommand('set', 'write an employee, with a new PIN that is printed this once', context)
    .argument('<id>', 'e.g. ann')
    .requiredOption('--name <name>', 'as it stands on receipts')
    .option('--role <role>', 'cashier, manager, accountant or admin', 'cashier')
    .option('--branches <codes>', 'B001,B002; all when left out')
    .option('--no-pin', 'the PIN there is stays')
    .option('--leaves', 'may not sign in any more')
    .action(async (id: string, options: SetOptions, command: Command) => {
      const pin = options.pin ? String(randomInt(PIN_BELOW)).padStart(PIN_DIGITS, '0') : undefined;
      const body = {
        name: options.name,
        role: options.role,
        active: options.leaves !== true,
        ...(options.branches === undefined ? {} : { branches: options.branches.split(',') }),
        ...(pin === undefined ? {} : { pin }),
      };
      const written = await (await nodeOf(options.data)).put(`/v1/employees/${encodeURIComponent(id)}`, body);
      context
        .output(command)
        .result({ ...(written as object), ...(pin === undefined ? {} : { pin }) }, () =>
          pin === undefined ? `${id} is written` : `${id} (${options.role}): PIN ${pin}`,
        );
    });
  const list = dataCommand('list', 'who may sign in; at head office everybody', context).action(
    async ({ data }: { data: string }, command: Command) => {
      const { employees } = employeeList.parse(await (await nodeOf(data)).get('/v1/employees'));
      context.output(command).result({ employees }, () =>
        table(
          ['id', 'name', 'role', 'branches', 'state'],
          employees.map(({ id, name, role, branches, active }) => [
            id,
            name,
            role,
            branches?.join(' ') ?? 'all',
            active ? 'active' : 'left',
          ]),
        ),
      );
    },
  );
  return new Command('employee').description('employees of the chain').addCommand(set).addCommand(list);
}

async function nodeOf(data: string): Promise<RunningProgram> {
  const program = await RunningProgram.require(data);
  if (program.kind !== 'node') {
    throw new CliError('DATA_MISSING', `a ${program.kind} runs on ${data}, and it has no employees`, {
      hint: 'Name the folder of the node of head office with --data DIR.',
    });
  }
  return program;
}
