/** `branchline config check`: would it start with these settings, and what would it meet? Exit 1 when it would not. */
import { Command, Option } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { DATA_DEFAULT } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { readJsonFile } from '../json-file.ts';

/** Shown as whether there is one. */
const SECRETS = new Set(['token', 'webhooks', 'password']);

export function configCommand(context: CommandContext): Command {
  const check = new Command('check')
    .description('read the settings as the program would, and look at what they name; changes nothing')
    .option('--config <file>', 'JSON file of the node or relay; BRANCHLINE_* is read as well')
    .addOption(
      new Option('--program <program>', 'whose settings these are')
        .choices(['node', 'relay'])
        .default('node'),
    )
    .action(
      async ({ config: file, program }: { config?: string; program: 'node' | 'relay' }, command: Command) => {
        const { environment } = context.ports;
        const sources = {
          ...(file === undefined ? {} : { file: { name: file, content: await readJsonFile(file) } }),
          environment,
        };
        const { checkNodeConfig, checkRelayConfig } = await import('../config-check.ts');
        const { config, findings } = await (async () => {
          if (program === 'node') {
            const { readConfig } = await import('@branchline/node');
            const read = readConfig(sources);
            return { config: read as object, findings: await checkNodeConfig(read) };
          }
          const { readRelayConfig } = await import('@branchline/relay');
          const read = readRelayConfig({ ...sources, flags: {}, defaults: { data: DATA_DEFAULT } });
          return { config: read as object, findings: await checkRelayConfig(read) };
        })();
        const acts = findings.filter(({ level }) => level === 'act');
        const settings = masked(config);
        context
          .output(command)
          .result({ ok: acts.length === 0, settings, findings }, () =>
            [
              JSON.stringify(settings),
              ...findings.map(
                ({ level, what, advice }) =>
                  `${level.padEnd(5)} ${what}${advice === undefined ? '' : `\n      ${advice}`}`,
              ),
            ].join('\n'),
          );
        if (acts.length > 0) {
          throw new CliError('DOCTOR_FINDINGS', `it would not start, or not do its work: ${acts[0]!.what}`, {
            hint: acts[0]!.advice ?? '',
          });
        }
      },
    );
  return new Command('config').description('settings').addCommand(check);
}

function masked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      SECRETS.has(name) && inner !== undefined && !(Array.isArray(inner) && inner.length === 0)
        ? '(set)'
        : masked(inner),
    ]),
  );
}
