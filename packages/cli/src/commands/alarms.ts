/** Files for a Prometheus that watches this installation: `branchline alarms write`. */
import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../command-context.ts';

interface WriteOptions {
  readonly to: string;
  readonly relay?: string;
  readonly tokenFile?: string;
  readonly node: readonly { readonly branch: string; readonly url: string }[];
  readonly scrape: number;
  readonly for?: number;
  readonly range?: number;
  readonly threshold: Readonly<Record<string, string>>;
  readonly runbooks?: string;
}

export function alarmsCommand(context: CommandContext): Command {
  const write = new Command('write')
    .description('prometheus.yml, alarm rules, runbooks and Grafana dashboards for this installation')
    .requiredOption('--to <dir>', 'folder to write to, e.g. /etc/prometheus/branchline')
    .option('--relay <url>', 'the relay, as Prometheus reaches it', address)
    .option('--token-file <file>', 'file with a token of role view: branches are watched through the relay')
    .option('--node <code=url>', 'a node Prometheus reaches itself; may be given often', node, [])
    .option('--scrape <seconds>', 'how often they are read and rules evaluated', number, 15)
    .option('--threshold <alarm=number>', 'another number for an alarm; may be given often', threshold, {})
    .option('--for <seconds>', 'how long every condition must hold, to try the rules', number)
    .option('--range <seconds>', 'how far back every rule looks, to try the rules', number)
    .option('--runbooks <url>', 'where the runbook pages are published')
    .action(async (options: WriteOptions, command: Command) => {
      const [{ writeAlarmFiles }, { operationsFolder }] = await Promise.all([
        import('../alarm-files.ts'),
        import('@branchline/relay'),
      ]);
      const { to, relay, tokenFile, node: nodes, scrape, threshold: thresholds, runbooks } = options;
      const written = await writeAlarmFiles(
        operationsFolder,
        to,
        {
          nodes,
          scrapeSeconds: scrape,
          ...(relay === undefined ? {} : { relay }),
          ...(tokenFile === undefined ? {} : { tokenFile }),
        },
        {
          thresholds,
          ...(options.for === undefined ? {} : { forSeconds: options.for }),
          ...(options.range === undefined ? {} : { rangeSeconds: options.range }),
          ...(runbooks === undefined ? {} : { runbooks }),
        },
      );
      context
        .output(command)
        .result(
          { to, ...written },
          () => `${written.rules} alarms in ${to}; start: prometheus --config.file=${to}/prometheus.yml`,
        );
    });
  return new Command('alarms')
    .description('what Prometheus watches, and what people do then')
    .addCommand(write);
}

function address(text: string): string {
  if (!/^https?:\/\/[^\s/]+$/.test(text)) {
    throw new InvalidArgumentError('It must be an address like https://relay.example.');
  }
  return text;
}

function node(text: string, before: WriteOptions['node']): WriteOptions['node'] {
  const [, branch, url] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (branch === undefined || url === undefined) {
    throw new InvalidArgumentError('It must be CODE=URL, e.g. B001=http://10.0.1.5:8080.');
  }
  return [...before, { branch, url: address(url) }];
}

function threshold(text: string, before: WriteOptions['threshold']): WriteOptions['threshold'] {
  const [, alarm, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (alarm === undefined || value === undefined) {
    throw new InvalidArgumentError('It must be ALARM=NUMBER.');
  }
  return { ...before, [alarm]: value };
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new InvalidArgumentError('It must be whole seconds.');
  }
  return value;
}
