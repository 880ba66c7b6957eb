/**
 * S-8, S-17: runs a node until it is told to stop, or until its disk fails.
 *
 * Settings come from the config file, the environment (`BRANCHLINE_*`, and the replaced system's `POS_OFFLINE_SYNC_*`) and
 * the flags, in this order; the node's own `readConfig` merges and checks them.
 */
import { Command, Option } from 'commander';
import { linkAborts } from 'hlc-ts';
import type { CommandContext } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { readJsonFile } from '../json-file.ts';
import { programLog } from '../log.ts';
import { readInvitation } from '../provision/invitation.ts';
import { runUntilStopped } from '../run-until-stopped.ts';

interface NodeOptions {
  readonly config?: string;
  readonly untilStdinEnds?: boolean;
  readonly data?: string;
  readonly listen?: string;
  readonly branch?: string;
  readonly relay?: string;
  readonly enrol?: string;
  readonly token?: string;
  readonly invitation?: string;
  readonly peer?: string[];
  readonly allowHost?: string[];
  readonly kkt?: string;
  readonly ofd?: string;
  readonly mode?: 'hybrid' | 'offline' | 'sync_on_demand';
  readonly log?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export function nodeCommand(context: CommandContext): Command {
  return new Command('node')
    .description('run a node')
    .option('--config <file>', 'JSON file with the settings below')
    .option('--data <dir>', 'folder of everything it keeps; made at the first start')
    .option('--listen <host:port>', 'where tills reach it (127.0.0.1:8080)')
    .option('--branch <code>', 'the branch it is meant for; refused when enrolled for another')
    .option('--relay <url>', 'relay to replicate with')
    .option('--invitation <text>', 'what a code of provision says, instead of --relay and --token')
    .option('--token <token>', 'one-time enrolment token, for the first start')
    .option('--enrol <url>', 'who enrols it, when that is not the relay')
    .option('--peer <url>', 'another node to replicate with; may be repeated', collect)
    .option('--allow-host <name>', 'a name tills call it by; may be repeated', collect)
    .addOption(
      new Option('--mode <mode>', 'when it exchanges with others (hybrid)').choices([
        'hybrid',
        'offline',
        'sync_on_demand',
      ]),
    )
    .option('--kkt <pty|host:port>', 'cash register; more about it goes into the file')
    .option('--ofd <host:port>', 'operator of fiscal data, when the node carries documents to it')
    .option('--log <level>', 'debug, info, warn, error or silent (info)')
    .addOption(new Option('--until-stdin-ends', 'stop when whoever started this is gone').hideHelp())
    .action(async (options: NodeOptions, command: Command) => {
      const { NodeProgram, readConfig } = await import('@branchline/node');
      const {
        config: file,
        untilStdinEnds = false,
        peer,
        allowHost,
        kkt,
        ofd,
        invitation,
        ...flags
      } = options;
      const invited = invitation === undefined ? {} : readInvitation(invitation);
      const { clock, random, environment, stderr, stdinEnded } = context.ports;
      const orphaned = new AbortController();
      if (untilStdinEnds) {
        void stdinEnded().then(() => orphaned.abort());
      }
      const { signal } = linkAborts(context.ports.signal, orphaned.signal);
      const config = readConfig({
        ...(file === undefined ? {} : { file: { name: file, content: await readJsonFile(file) } }),
        environment,
        flags: {
          ...invited,
          ...flags,
          ...(peer === undefined ? {} : { peers: peer }),
          ...(allowHost === undefined ? {} : { allowedHosts: allowHost }),
          ...registerFlags(kkt, ofd),
        },
      });
      const log = programLog({ stderr }, config.log, 'node');
      const node = await NodeProgram.open({ clock, random, log, signal }, config).catch((error: unknown) => {
        // Asked to stop while it waited to be enrolled: nothing had begun.
        if (signal.aborted) {
          return undefined;
        }
        throw error;
      });
      if (node === undefined) {
        return;
      }
      const { url, branch, tenant } = node;
      context.output(command).event({ event: 'listening', url, branch, tenant });
      await runUntilStopped(node, { context, log, untilStdinEnds, data: config.data });
    });
}

/** As the file has them: the flags stand for the whole of its `kkt`. */
function registerFlags(address: string | undefined, ofd: string | undefined) {
  if (address === undefined) {
    if (ofd !== undefined) {
      throw new CliError('CONFIG_INVALID', '--ofd needs a cash register', { hint: 'Name it with --kkt.' });
    }
    return {};
  }
  return { kkt: { address, ...(ofd === undefined ? {} : { ofd }) } };
}

function collect(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}
