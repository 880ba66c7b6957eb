/** `branchline kkt storage`: the guided replacement of the fiscal storage of the running node. Each step says what is missing. */
import { type StorageReplacement, type StorageReplacementAct, storageReplacement } from '@branchline/model';
import { Command } from 'commander';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { RunningProgram } from '../running-program.ts';

const PATH = '/v1/storage-replacement';
const MARKS = { done: '[x]', now: '[>]', later: '[ ]' } as const;

export function kktStorageCommand(context: CommandContext): Command {
  const say = (command: Command, answer: unknown): void => {
    const view = storageReplacement.parse(answer);
    context.output(command).result(view, () => wordsOf(view));
  };
  const act = async (command: Command, data: string, body: StorageReplacementAct): Promise<void> =>
    say(command, await (await nodeOf(data)).write(PATH, body));
  const show = dataCommand('show', 'how far it is, and what to do now', context).action(
    async ({ data }: { data: string }, command: Command) =>
      say(command, await (await nodeOf(data)).get(PATH)),
  );
  const start = dataCommand('start', 'begin: nothing is sold from here on', context)
    .requiredOption('--reason <text>', 'why, as tills show it')
    .option('--minutes <n>', 'how long it will take', '120')
    .action(
      async ({ data, reason, minutes }: Record<'data' | 'reason' | 'minutes', string>, command: Command) =>
        act(command, data, { act: 'start', reason, minutes: Number(minutes) }),
    );
  const closed = dataCommand('closed', 'the old storage is closed', context)
    .argument('<number>', 'its number, typed')
    .option('--broken <why>', 'it cannot be closed any more')
    .action(async (fn: string, { data, broken }: { data: string; broken?: string }, command: Command) =>
      act(command, data, { act: 'closed', fn, ...(broken === undefined ? {} : { broken }) }),
    );
  const adopt = dataCommand('adopt', 'the new storage is in the register, and registered', context)
    .argument('<number>', 'its number, typed')
    .action(async (fn: string, { data }: { data: string }, command: Command) =>
      act(command, data, { act: 'adopt', fn }),
    );
  const tests = dataCommand('test', 'sell 1.00 and give it back, once', context).action(
    async ({ data }: { data: string }, command: Command) => act(command, data, { act: 'test' }),
  );
  const finish = dataCommand('finish', 'selling goes on', context).action(
    async ({ data }: { data: string }, command: Command) => act(command, data, { act: 'finish' }),
  );
  const cancel = dataCommand('cancel', 'the old storage stays', context)
    .requiredOption('--reason <text>', 'why')
    .action(async ({ data, reason }: { data: string; reason: string }, command: Command) =>
      act(command, data, { act: 'cancel', reason }),
    );
  const commands = [show, start, closed, adopt, tests, finish, cancel];
  const storage = new Command('storage').description('replace the fiscal storage, step by step');
  for (const command of commands) {
    storage.addCommand(command);
  }
  return storage;
}

async function nodeOf(data: string): Promise<RunningProgram> {
  const program = await RunningProgram.require(data);
  if (program.kind !== 'node') {
    throw new CliError('DATA_MISSING', `a ${program.kind} runs on ${data}, and it has no register`, {
      hint: 'Name the folder of the node of the register with --data DIR.',
    });
  }
  return program;
}

function wordsOf({ words, steps }: StorageReplacement): string {
  const lines = steps.flatMap((step) => [
    `${MARKS[step.state]} ${step.name}: ${step.words}`,
    ...step.checks.map((check) => `      ${check.holds ? 'yes' : 'NO '}  ${check.words}`),
  ]);
  return [...lines, words].join('\n');
}
