/** S-5: runs a relay until it is told to stop, makes way for a successor, or its disk fails. */
import { NodeDisk } from '@branchline/feed';
import { Command, Option } from 'commander';
import { type CommandContext, DATA_DEFAULT } from '../command-context.ts';
import { readJsonFile } from '../json-file.ts';
import { programLog } from '../log.ts';
import { runUntilStopped } from '../run-until-stopped.ts';

interface RelayOptions {
  readonly config?: string;
  readonly data?: string;
  readonly listen?: string;
  readonly publicUrl?: string;
  readonly untilStdinEnds?: boolean;
  readonly log?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export function relayCommand(context: CommandContext): Command {
  return new Command('relay')
    .description('run a relay')
    .option('--config <file>', 'JSON file with the settings below')
    .option('--data <dir>', `folder made by init (${DATA_DEFAULT})`)
    .option('--listen <host:port>', 'where devices and operators reach it (127.0.0.1:8090)')
    .option('--public-url <url>', 'address written into the config files of branches')
    .option('--log <level>', 'debug, info, warn, error or silent (info)')
    .addOption(new Option('--until-stdin-ends', 'stop when whoever started this is gone').hideHelp())
    .action(async ({ config: file, untilStdinEnds = false, ...flags }: RelayOptions, command: Command) => {
      const { readRelayConfig, Relay } = await import('@branchline/relay');
      const { clock, random, environment, stderr } = context.ports;
      const config = readRelayConfig({
        ...(file === undefined ? {} : { file: { name: file, content: await readJsonFile(file) } }),
        environment,
        flags,
        defaults: { data: DATA_DEFAULT },
      });
      const log = programLog({ stderr }, config.log, 'relay');
      const relay = await Relay.open({ clock, random, disk: new NodeDisk(), log }, config);
      context.output(command).event({ event: 'listening', url: relay.url, tenant: relay.tenant });
      await runUntilStopped(relay, { context, log, untilStdinEnds, data: config.data });
    });
}
