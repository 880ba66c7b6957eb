/**
 * Erasure of personal data from the command line of head office, and its act as a file.
 *
 * `customers erase` orders it and waits a moment for devices that are connected; `customers act` reads the act again, when those that were
 * away have been back. The act is JSON: who, when, why, what, and which devices have destroyed the keys and when.
 */
import { writeFile } from 'node:fs/promises';
import { type ErasureAct, erasureAct } from '@branchline/model';
import { Command } from 'commander';
import type { Clock } from 'hlc-ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { table } from '../output.ts';
import { RunningProgram } from '../running-program.ts';

/** How long `erase` waits for connected devices, in seconds. */
const WAIT_SECONDS_DEFAULT = 10;
const LOOK_MS = 250;

interface Options {
  readonly data: string;
  readonly reason: string;
  readonly act?: string;
  readonly wait: string;
}

export function customersCommand(context: CommandContext): Command {
  const { clock } = context.ports;
  const erase = dataCommand('erase', 'erase the personal data of a customer, on every device', context)
    .argument('<id>', 'id of the customer')
    .requiredOption('--reason <text>', 'why: stands in the act; name nobody in it')
    .option('--act <file>', 'write the act as JSON')
    .option('--wait <seconds>', 'how long to wait for connected devices', String(WAIT_SECONDS_DEFAULT))
    .action(async (id: string, options: Options, command: Command) => {
      const output = context.output(command);
      const node = await nodeOf(options.data);
      output.progress(`ordering the erasure of ${id} …`);
      await node.remove(`${pathOf(id)}/personal-data`, { reason: options.reason });
      const act = await actOf(clock, node, id, Number(options.wait));
      await keep(act, options.act);
      output.result(act, () => actWords(act));
    });
  const act = dataCommand('act', 'the act of an erasure, as far as devices have confirmed it', context)
    .argument('<id>', 'id of the customer')
    .option('--act <file>', 'write it as JSON')
    .action(async (id: string, options: Options, command: Command) => {
      const output = context.output(command);
      const found = await actOf(clock, await nodeOf(options.data), id, 0);
      await keep(found, options.act);
      output.result(found, () => actWords(found));
    });
  return new Command('customers')
    .description('customers and their personal data')
    .addCommand(erase)
    .addCommand(act);
}

async function nodeOf(data: string): Promise<RunningProgram> {
  const node = await RunningProgram.require(data);
  if (node.kind !== 'node') {
    throw new CliError('DATA_MISSING', `a ${node.kind} runs on ${data}, and it knows no customers`, {
      hint: 'Name the folder of the node of head office with --data DIR.',
    });
  }
  return node;
}

/** The act once every device is done, or as it is when the time is over. */
async function actOf(
  clock: Clock,
  node: RunningProgram,
  id: string,
  waitSeconds: number,
): Promise<ErasureAct> {
  const endMs = clock.monotonicMs() + waitSeconds * 1_000;
  for (;;) {
    const act = erasureAct.parse(await node.get(`${pathOf(id)}/erasure`));
    if (act.complete || !(clock.monotonicMs() < endMs)) {
      return act;
    }
    await clock.sleep(LOOK_MS);
  }
}

async function keep(act: ErasureAct, file: string | undefined): Promise<void> {
  if (file !== undefined) {
    await writeFile(file, `${JSON.stringify(act, undefined, 2)}\n`);
  }
}

function pathOf(id: string): string {
  return `/v1/customers/${encodeURIComponent(id)}`;
}

function actWords(act: ErasureAct): string {
  const rows = act.devices.map(({ device, branch, role, state, at }) => [
    device,
    branch,
    role,
    state,
    at ?? '',
  ]);
  const waiting = act.devices.filter(({ state }) => state === 'waiting').length;
  return [
    `${act.customers.join(', ')}: erased ${act.at} by ${act.by.till} at ${act.by.branch}. Reason: ${act.reason}`,
    table(['device', 'branch', 'role', 'state', 'when'], rows),
    waiting === 0
      ? 'Every device has done it.'
      : `${waiting} devices have not been heard of yet; ask again with: branchline customers act ${act.customer}`,
    ...act.notes,
  ].join('\n');
}
