/**
 * S-6, S-7: the branches of a tenant: add (one-time tokens, or one config file each), list, revoke, rotate.
 *
 * Speaks to the running relay (or to the node that keeps the authority); on a relay that is not running it opens the data
 * itself.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type BranchKeeper, openBranchKeeper, type Token } from '../branch-keeper.ts';
import { branchCodes, type RequestedBranch, readBranchCsv } from '../branch-list.ts';
import { type CommandContext, DATA_DEFAULT, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { ageWords, table } from '../output.ts';

export function branchCommand(context: CommandContext): Command {
  return new Command('branch')
    .description('the branches of the tenant and their keys')
    .addCommand(addCommand(context))
    .addCommand(listCommand(context))
    .addCommand(revokeCommand(context))
    .addCommand(rotateCommand(context));
}

interface AddOptions {
  readonly data: string;
  readonly csv?: string;
  readonly count?: number;
  readonly prefix: string;
  readonly role: string;
  readonly region?: string;
  readonly ttlHours?: number;
  readonly out?: string;
  readonly relay?: string;
}

function addCommand(context: CommandContext): Command {
  return dataCommand('add', 'enrol branches: a one-time token each', context)
    .argument('[code...]', 'branch codes, e.g. B001')
    .option('--csv <file>', 'a branch per line: code[,role[,region]]')
    .option('--count <n>', 'as many branches, numbered from 001', wholeNumber)
    .option('--prefix <text>', 'what --count puts before the number', 'B')
    .option('--role <role>', 'branch, hq, carrier or relay', 'branch')
    .option('--region <name>', 'loyalty region')
    .option('--ttl-hours <n>', 'how long the tokens can be used (a week)', wholeNumber)
    .option('--out <dir>', 'write one config file per branch instead of printing tokens')
    .option('--relay <url>', "the relay's address as branches see it, for the config files", address)
    .action(async (codes: string[], options: AddOptions, command: Command) => {
      const requested = await requestedBranches(codes, options, command);
      if (options.out !== undefined) {
        await checkRoom(options.out, requested);
      }
      const { tokens, url } = await withKeeper(context, options.data, async (keeper) => ({
        tokens: await keeper.add(requested, options.ttlHours),
        url: keeper.url,
      }));
      const relay = options.relay ?? url;
      const output = context.output(command);
      if (options.out !== undefined) {
        const files = await writeConfigFiles(options.out, tokens, relay);
        output.result({ files }, () => `${files.length} config files in ${options.out}`);
        return;
      }
      output.result({ relay, tokens }, () => tokenTable(tokens));
    });
}

function listCommand(context: CommandContext): Command {
  return dataCommand('list', 'every device: branch, state, last contact, lag', context).action(
    async ({ data }: { data: string }, command: Command) => {
      const branches = await withKeeper(context, data, (keeper) => keeper.list());
      context.output(command).result({ branches }, () =>
        table(
          ['branch', 'role', 'writer', 'state', 'last contact', 'lag'],
          branches.map((row) => [
            `${row.branch}${row.nodeLetter}`,
            row.role,
            row.writer ?? '-',
            row.state,
            row.lastContact ?? '-',
            row.lag.entriesThere === 0
              ? '-'
              : `${row.lag.entriesThere} entries, ${ageWords(row.lag.seconds)}`,
          ]),
        ),
      );
    },
  );
}

function revokeCommand(context: CommandContext): Command {
  return dataCommand('revoke', 'end every key of a branch, everywhere, now', context)
    .argument('<code>', 'branch code')
    .option('--reason <text>', 'kept in the registry', 'revoked')
    .action(async (code: string, { data, reason }: { data: string; reason: string }, command: Command) => {
      const revoked = await withKeeper(context, data, (keeper) => keeper.revoke(code, reason));
      context.output(command).result({ branch: code, revoked }, () => `${code}: ${revoked} keys revoked`);
    });
}

function rotateCommand(context: CommandContext): Command {
  return dataCommand('rotate', 'a token for a new key; the old one counts until the overlap is over', context)
    .argument('<code>', 'branch code')
    .action(async (code: string, { data }: { data: string }, command: Command) => {
      const tokens = await withKeeper(context, data, (keeper) => keeper.rotate(code));
      context.output(command).result({ tokens }, () => tokenTable(tokens));
    });
}

async function withKeeper<T>(
  context: CommandContext,
  data: string,
  use: (keeper: BranchKeeper) => Promise<T>,
): Promise<T> {
  const keeper = await openBranchKeeper(context, data);
  try {
    return await use(keeper);
  } finally {
    await keeper.close();
  }
}

async function requestedBranches(
  codes: readonly string[],
  { csv, count, prefix, role, region }: AddOptions,
  command: Command,
): Promise<RequestedBranch[]> {
  const ways = [codes.length > 0, csv !== undefined, count !== undefined].filter(Boolean).length;
  if (ways !== 1) {
    command.error('error: name the branches in one way: CODE…, --csv FILE or --count N', { exitCode: 2 });
  }
  const place = { role, ...(region === undefined ? {} : { region }) };
  if (csv !== undefined) {
    return await readBranchCsv(csv, place);
  }
  const named = count === undefined ? codes : branchCodes(prefix, count);
  return named.map((code) => ({ code, ...place }));
}

/** Before tokens are made that nobody would ever see. */
async function checkRoom(folder: string, requested: readonly RequestedBranch[]): Promise<void> {
  const there = new Set(await readdir(folder).catch(() => []));
  const taken = requested.find(({ code }) => there.has(`${code}.json`));
  if (taken !== undefined) {
    throw new CliError('FILE_UNWRITABLE', `${join(folder, `${taken.code}.json`)} is there already`, {
      hint: 'Name another folder with --out DIR; no token was made.',
    });
  }
}

async function writeConfigFiles(
  folder: string,
  tokens: readonly Token[],
  relay: string | undefined,
): Promise<string[]> {
  const files: string[] = [];
  try {
    await mkdir(folder, { recursive: true });
    for (const { code, token } of tokens) {
      const file = join(folder, `${code}.json`);
      const content = { data: join(DATA_DEFAULT, code), ...(relay === undefined ? {} : { relay }), token };
      // Never over a file that is there: it may hold a token that is not used yet.
      await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 });
      files.push(file);
    }
  } catch (cause) {
    throw new CliError('FILE_UNWRITABLE', `cannot write config files: ${(cause as Error).message}`, {
      cause,
      hint: `${files.length} of ${tokens.length} were written; choose an empty folder and add the branches again.`,
    });
  }
  return files;
}

function tokenTable(tokens: readonly Token[]): string {
  const rows = tokens.map(({ code, role, token, expiresAt }) => [code, role, token, expiresAt]);
  return `${table(['branch', 'role', 'token (shown once)', 'use before'], rows)}`;
}

function address(text: string): string {
  if (!/^(https?|wss?):\/\/[^\s/]+(\/\S*)?$/.test(text)) {
    throw new InvalidArgumentError('It must be an address like https://relay.example.');
  }
  return text;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new InvalidArgumentError('It must be a whole number above 0.');
  }
  return number;
}
