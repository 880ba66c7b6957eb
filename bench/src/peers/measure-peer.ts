/**
 * One system and one job, the same for all: N clients each wrote M rows while they were offline, all connect at once; until every client
 * knows all N × M rows, or the time is over.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import { ForkedProgram } from '../system/forked.ts';
import { freePort } from '../system/free-port.ts';
import { PEER_PROGRAM } from './install.ts';

/** Processes the clients share. */
const CLIENT_PROCESSES = 2;
/** Before anybody connects, for the server to be there. */
const GRACE_MS = 5_000;

export interface Job {
  readonly clients: number;
  readonly writes: number;
  readonly timeoutMs: number;
}

export interface PeerResult {
  readonly name: string;
  /** Undefined: not all knew everything when the time was over, or it failed. */
  readonly convergedMs: number | undefined;
  /** On disk everywhere, where a system says so. */
  readonly durableMs?: number;
  readonly done: number;
  readonly serverCpuMs: number;
  readonly clientsCpuMs: number;
  readonly serverRssBytes: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly failure?: string;
}

interface PeerUsage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export async function measurePeer(context: BenchContext, peer: string, job: Job): Promise<PeerResult> {
  const { clock, progress, workDir } = context;
  const dir = join(workDir, peer);
  await mkdir(dir, { recursive: true });
  const port = await freePort();
  const url = `ws://127.0.0.1:${port}`;
  const server = ForkedProgram.open(PEER_PROGRAM, context);
  const clients = Array.from({ length: CLIENT_PROCESSES }, () => ForkedProgram.open(PEER_PROGRAM, context));
  const empty = { convergedMs: undefined, done: 0, serverCpuMs: 0, clientsCpuMs: 0, serverRssBytes: 0 };
  try {
    progress(`${peer}: ${job.clients} clients write ${job.writes} rows each, offline`);
    await within(clock, GRACE_MS * 6, 'its server did not start', server.call('server', { peer, port, dir }));
    const seed = await clients[0]!.call<string | undefined>('seed', { peer, dir });
    const ids = Array.from({ length: job.clients }, (_, id) => id);
    await Promise.all(
      clients.map((program, at) =>
        program.call('clients', {
          peer,
          url,
          writes: job.writes,
          seed,
          ids: ids.filter((id) => id % clients.length === at),
        }),
      ),
    );
    progress(`${peer}: all connect`);
    const before = await usages([server, ...clients]);
    const fromMs = clock.nowMs();
    const ask = { rows: job.clients * job.writes, timeoutMs: job.timeoutMs };
    await within(
      clock,
      job.timeoutMs,
      'connecting took too long',
      Promise.all(clients.map((each) => each.call('connect'))),
    );
    const ended = await within(
      clock,
      job.timeoutMs + GRACE_MS,
      `nothing was heard for ${job.timeoutMs} ms`,
      Promise.all(
        clients.map((each) => each.call<{ done: number; of: number; atMs: number }>('converge', ask)),
      ),
    );
    const after = await usages([server, ...clients]);
    const done = ended.reduce((sum, each) => sum + each.done, 0);
    const [serverUsed, ...clientsUsed] = after.map((usage, at) => ({
      cpuMs: usage.cpuMs - before[at]!.cpuMs,
      rssBytes: usage.rssBytes,
      bytesIn: usage.bytesIn - before[at]!.bytesIn,
      bytesOut: usage.bytesOut - before[at]!.bytesOut,
    }));
    return {
      name: peer,
      convergedMs: done === job.clients ? Math.max(...ended.map(({ atMs }) => atMs)) - fromMs : undefined,
      done,
      serverCpuMs: serverUsed!.cpuMs,
      clientsCpuMs: clientsUsed.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      serverRssBytes: serverUsed!.rssBytes,
      bytesUp: clientsUsed.reduce((sum, { bytesOut }) => sum + bytesOut, 0),
      bytesDown: clientsUsed.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
    };
  } catch (error) {
    const failure = error instanceof Error ? error.message.split('\n')[0]!.slice(0, 200) : String(error);
    return { name: peer, ...empty, bytesUp: 0, bytesDown: 0, failure };
  } finally {
    await Promise.all([server, ...clients].map((program) => program.kill()));
  }
}

async function usages(programs: readonly ForkedProgram[]): Promise<PeerUsage[]> {
  return await Promise.all(programs.map((program) => program.call<PeerUsage>('usage')));
}

async function within<T>(
  clock: BenchContext['clock'],
  ms: number,
  what: string,
  work: Promise<T>,
): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const timer = clock.setTimer(ms, () => reject(new Error(what)), { keepAlive: true });
    void work.then(resolve, reject).finally(() => timer.cancel());
  });
}
