/** Has a running relay make way for a successor: no more devices, what it has to everybody connected, goodbye, the end. */
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { RunningProgram } from '../running-program.ts';

const DRAIN_WAIT_SECONDS = 10;
const DRAIN_WAIT_SECONDS_MAX = 600;
/** How long a drained relay may take to close its store. */
const END_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 100;

const drained = z.object({
  devices: z.number(),
  behind: z.array(z.object({ branch: z.string(), writer: z.string(), entries: z.number() })),
});

export function drainCommand(context: CommandContext): Command {
  return dataCommand('drain', 'have the running relay make way for a successor, and end', context)
    .option('--wait <seconds>', 'how long devices that are behind may take', seconds, DRAIN_WAIT_SECONDS)
    .action(async ({ data, wait }: { data: string; wait: number }, command: Command) => {
      const program = await RunningProgram.require(data);
      if (program.kind !== 'relay') {
        throw new CliError('WRONG_PROGRAM', `${data} is the folder of a node; only a relay is drained`, {
          hint: 'A node is stopped with Ctrl-C or by its service; its tills see it come back.',
        });
      }
      const outcome = drained.parse(await program.post('/v1/control/drain', { waitMs: wait * 1000 }));
      const { clock } = context.ports;
      const endsAt = clock.monotonicMs() + END_WITHIN_MS;
      while ((await RunningProgram.find(data)) !== undefined) {
        if (clock.monotonicMs() > endsAt) {
          throw new CliError(
            'PROGRAM_UNREACHABLE',
            `the relay is drained, but process ${program.pid} has not ended`,
            {
              hint: 'Look at its log, then end it: what it acknowledged is on its disk.',
            },
          );
        }
        await clock.sleep(LOOK_EVERY_MS);
      }
      context.output(command).result(outcome, () => drainWords(outcome, data));
    });
}

function drainWords({ devices, behind }: z.output<typeof drained>, data: string): string {
  const late = behind.map(({ branch, entries }) => `${branch} lacks ${entries}`).join(', ');
  return [
    `The relay has ended. ${devices} devices were connected; ${behind.length === 0 ? 'all have what was here' : `not yet with everything: ${late}`}.`,
    `Its successor needs a copy of ${data} (branchline backup), and the same address. Never start both.`,
  ].join('\n');
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > DRAIN_WAIT_SECONDS_MAX) {
    throw new InvalidArgumentError(`must be whole seconds, at most ${DRAIN_WAIT_SECONDS_MAX}`);
  }
  return value;
}
