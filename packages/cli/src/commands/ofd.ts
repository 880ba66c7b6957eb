/** S-15: the operator of fiscal data that tests and demonstrations deliver to. Its signs are fake and mean nothing. */
import type { OfdRule } from '@branchline/fiscal';
import { Command, Option } from 'commander';
import { z } from 'zod';
import type { CommandContext } from '../command-context.ts';
import { openControl } from '../emulator-control.ts';
import { CliError } from '../errors.ts';
import { type ListenAddress, parseListenAddress } from '../listen-address.ts';
import { programLog } from '../log.ts';
import { runUntilStopped } from '../run-until-stopped.ts';

const behaviour = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['accept', 'hang', 'garbage', 'truncate', 'split', 'duplicate']) }),
  z.strictObject({ kind: z.enum(['wrong-fn', 'wrong-fd', 'wrong-crc']) }),
  z.strictObject({
    kind: z.literal('refuse'),
    code: z.int().min(0).max(255),
    messageBits: z.int().optional(),
  }),
  z.strictObject({ kind: z.literal('drop'), at: z.enum(['connect', 'message', 'answer']) }),
  z.strictObject({ kind: z.literal('slow'), delayMs: z.int().min(0) }),
]);
const rule = z.strictObject({
  behaviour,
  times: z.int().min(1).optional(),
  fn: z.string().optional(),
  fd: z.int().min(1).optional(),
});
const rules = z.union([z.array(rule), rule.transform((one) => [one])]);

interface MockOptions {
  readonly listen: ListenAddress;
  readonly untilStdinEnds?: boolean;
}

export function ofdCommand(context: CommandContext): Command {
  const mock = new Command('mock')
    .description('accept documents over the real protocol, with fake signs and faults on order')
    .requiredOption(
      '--listen <host:port>',
      'where storages deliver; port 0 takes a free one',
      parseListenAddress,
    )
    .addOption(new Option('--until-stdin-ends', 'stop when whoever started this is gone').hideHelp())
    .action(async ({ listen, untilStdinEnds = false }: MockOptions, command: Command) => {
      const { MockOfd } = await import('@branchline/fiscal');
      const { clock, stderr } = context.ports;
      const ofd = await MockOfd.open({ clock, ...listen }).catch((cause: Error) => {
        throw new CliError(
          'EMULATOR_LISTEN',
          `cannot listen on ${listen.host}:${listen.port}: ${cause.message}`,
          {
            cause,
            hint: 'Stop what is using the address, or choose another with --listen HOST:PORT.',
          },
        );
      });
      const control = await openControl({
        reads: { state: () => ofd.state, ledger: () => ofd.ledger },
        script: (faults) => {
          for (const each of readRules(faults)) {
            ofd.script(each);
          }
        },
        clear: () => ofd.clearRules(),
        deeds: {},
      });
      const { host, port } = ofd.address;
      context.output(command).event({
        event: 'listening',
        url: control.url,
        address: `${host}:${port}`,
        controlUrl: control.url,
        notice: ofd.state.notice,
      });
      const close = async (): Promise<void> => {
        await control.close();
        await ofd.close();
      };
      const log = programLog({ stderr }, 'info', 'ofd');
      await runUntilStopped({ failed: new Promise(() => {}), close }, { context, log, untilStdinEnds });
    });
  return new Command('ofd').description('the operator of fiscal data').addCommand(mock);
}

function readRules(faults: unknown): OfdRule[] {
  const parsed = rules.safeParse(faults);
  if (!parsed.success) {
    throw new CliError('CONFIG_INVALID', `no rule of the mock operator: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data as OfdRule[];
}
