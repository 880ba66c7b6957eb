/**
 * Whoever keeps the tenant's branches, reached in one of two ways: the running program over HTTP, or a stopped relay's data
 * opened by the command itself.
 */
import { NodeDisk } from '@branchline/feed';
import { z } from 'zod';
import type { RequestedBranch } from './branch-list.ts';
import type { CommandContext } from './command-context.ts';
import { CliError } from './errors.ts';
import { silentLog } from './log.ts';
import { RunningProgram } from './running-program.ts';

const token = z.object({ code: z.string(), role: z.string(), token: z.string(), expiresAt: z.string() });
const tokensAnswer = z.object({ tokens: z.array(token) });
export type Token = z.infer<typeof token>;

const row = z.object({
  branch: z.string(),
  role: z.string(),
  nodeLetter: z.string(),
  writer: z.string().nullable(),
  state: z.string(),
  lastContact: z.string().nullable(),
  lag: z.looseObject({ entriesThere: z.number(), seconds: z.number() }),
});
export type BranchRow = z.infer<typeof row>;

export interface BranchKeeper {
  /** Its address, when it is running. */
  readonly url: string | undefined;
  add(branches: readonly RequestedBranch[], ttlHours: number | undefined): Promise<Token[]>;
  list(): Promise<BranchRow[]>;
  revoke(code: string, reason: string): Promise<number>;
  rotate(code: string): Promise<Token[]>;
  close(): Promise<void>;
}

export async function openBranchKeeper(context: CommandContext, data: string): Promise<BranchKeeper> {
  const running = await RunningProgram.find(data);
  if (running === undefined) {
    return await stoppedRelay(context, data);
  }
  if (running.kind === 'node') {
    throw new CliError(
      'STILL_RUNNING',
      `a node runs on ${data}, and changes branches only while it is stopped`,
      {
        hint: 'Stop it, repeat the command, start it again; or name the folder of the relay.',
      },
    );
  }
  return overHttp(running);
}

function overHttp(program: RunningProgram): BranchKeeper {
  const post = (path: string, body?: object) => program.post(path, body);
  const below = (code: string) => `/v1/branches/${encodeURIComponent(code)}`;
  return {
    url: program.url,
    add: async (branches, ttlHours) =>
      tokensAnswer.parse(
        await post('/v1/branches', { branches, ...(ttlHours === undefined ? {} : { ttlHours }) }),
      ).tokens,
    list: async () => z.object({ branches: z.array(row) }).parse(await program.get('/v1/branches')).branches,
    revoke: async (code, reason) =>
      z.object({ revoked: z.number() }).parse(await post(`${below(code)}/revoke`, { reason })).revoked,
    rotate: async (code) => tokensAnswer.parse(await post(`${below(code)}/rotate`)).tokens,
    close: async () => {},
  };
}

async function stoppedRelay(context: CommandContext, data: string): Promise<BranchKeeper> {
  const { RelayCore, parseBranchRequests } = await import('@branchline/relay');
  const { clock, random } = context.ports;
  const core = await RelayCore.open({ clock, random, disk: new NodeDisk(), log: silentLog() }, data).catch(
    (error: unknown) => {
      if ((error as { code?: unknown }).code === 'RELAY_DATA') {
        throw new CliError('DATA_MISSING', (error as Error).message, {
          cause: error,
          hint: 'Name the folder of a relay with --data DIR, or start the program that keeps the branches.',
        });
      }
      throw error;
    },
  );
  return {
    url: undefined,
    add: (branches, ttlHours) =>
      core.branches.add(parseBranchRequests({ branches, ...(ttlHours === undefined ? {} : { ttlHours }) })),
    list: async () => (await core.rows()).map((each) => row.parse(each)),
    revoke: (code, reason) => core.branches.revoke(code, reason),
    rotate: (code) => core.branches.rotate(code),
    close: () => core.close(),
  };
}
