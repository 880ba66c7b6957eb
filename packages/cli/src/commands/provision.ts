/** A whole fleet in one call: tokens, config files and codes to scan, from a CSV. All of it or nothing. */
import { type Command, InvalidArgumentError } from 'commander';
import { openBranchKeeper } from '../branch-keeper.ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';

interface ProvisionOptions {
  readonly data: string;
  readonly csv: string;
  readonly out: string;
  readonly relay?: string;
  readonly nodeData: string;
  readonly qr?: boolean;
  readonly ttlHours?: number;
}

export function provisionCommand(context: CommandContext): Command {
  return dataCommand(
    'provision',
    'enrol a fleet from a CSV: a config file and a code to scan per branch',
    context,
  )
    .requiredOption('--csv <file>', 'heading code,role,region,listen,kkt,ofd,taxSystem; only code is needed')
    .requiredOption('--out <dir>', 'where the files go; they hold tokens')
    .option('--relay <url>', "the relay's address as branches see it", address)
    .option(
      '--node-data <dir>',
      'where nodes keep their data; {code} is the branch',
      '/var/lib/branchline/node',
    )
    .option('--qr', 'write a sheet of QR codes as well')
    .option('--ttl-hours <n>', 'how long the tokens can be used (a week)', hours)
    .action(async (options: ProvisionOptions, command: Command) => {
      const [{ readProvisionList }, { checkRoom, writeProvision }] = await Promise.all([
        import('../provision/list.ts'),
        import('../provision/files.ts'),
      ]);
      const { data, csv, out, nodeData, qr = false, ttlHours } = options;
      const rows = await readProvisionList(csv);
      const keeper = await openBranchKeeper(context, data);
      try {
        const relay = options.relay ?? keeper.url;
        if (relay === undefined) {
          throw new CliError('CONFIG_INVALID', 'the address of the relay is not known', {
            hint: 'Name it as branches see it: --relay https://relay.example. No token was made.',
          });
        }
        const plan = { out, relay, data: nodeData, isSheetWanted: qr };
        await checkRoom(plan, rows);
        const tokens = await keeper.add(
          rows.map(({ code, role, region }) => ({ code, role, ...(region === undefined ? {} : { region }) })),
          ttlHours,
        );
        const { files, sheet } = await writeProvision(plan, rows, tokens);
        const expiresAt = tokens[0]?.expiresAt;
        context
          .output(command)
          .result(
            { relay, files, ...(sheet === undefined ? {} : { sheet }), expiresAt },
            () =>
              `${files.length} config files in ${out}${sheet === undefined ? '' : ', and codes to scan in codes.html'}.\n` +
              `Each holds a token that can be used once, until ${expiresAt}. At the branch: branchline node --config FILE`,
          );
      } finally {
        await keeper.close();
      }
    });
}

function address(text: string): string {
  if (!/^(https?|wss?):\/\/[^\s/]+(\/\S*)?$/.test(text)) {
    throw new InvalidArgumentError('It must be an address like https://relay.example.');
  }
  return text;
}

function hours(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number above 0.');
  }
  return value;
}
