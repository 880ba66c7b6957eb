/**
 * The same job with Branchline: N branches of one region each wrote M rows of customers while the relay was away.
 *
 * More than the others do is in it: a row counts when it was signed, verified, made durable by fsync at the relay and at every branch,
 * and applied to documents and rows everywhere.
 */
import { join } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import { TENANT } from '../fleet/plan.ts';
import { invite, onlyShared } from '../fleet/prepare.ts';
import { openHost, openRelay } from '../fleet/programs.ts';
import type { Reached, Usage, Vector } from '../fleet/words.ts';
import { freePort } from '../system/free-port.ts';
import type { Job, PeerResult } from './measure-peer.ts';

const HOSTS = 2;
const PREPARE_TIMEOUT_MS = 120_000;

export async function measureOurs(context: BenchContext, job: Job): Promise<PeerResult> {
  const { clock, progress } = context;
  const workDir = join(context.workDir, 'ours');
  const relay = openRelay(context);
  const hosts = Array.from({ length: HOSTS }, () => openHost(context));
  const codes = Array.from({ length: job.clients }, (_, at) => `B${String(at + 1).padStart(3, '0')}`);
  const hostOf = (at: number) => hosts[at % HOSTS]!;
  try {
    progress(`branchline: ${job.clients} branches write ${job.writes} rows each, offline`);
    const data = join(workDir, 'relay');
    const { adminToken } = await relay.call<{ adminToken: string }>('init', {
      data,
      tenant: TENANT,
      nowMs: clock.nowMs(),
    });
    const listen = `127.0.0.1:${await freePort()}`;
    const { url } = await relay.call<{ url: string }>('open', { data, listen });
    const tokens = await invite(
      url,
      adminToken,
      codes.map((code, index) => ({ code, region: 'R01', index })),
    );
    for (const [at, code] of codes.entries()) {
      await hostOf(at).call('open', { code, data: join(workDir, code), relay: url, token: tokens.get(code) });
    }
    await relay.call('close');
    const target: Record<string, number> = {};
    await Promise.all(
      codes.map(async (code, at) => {
        await hostOf(at).call('customers', { code, count: job.writes });
        for (const [feed, seq] of Object.entries(
          onlyShared(await hostOf(at).call<Vector>('vector', { code })),
        )) {
          target[feed] = Math.max(target[feed] ?? 0, seq);
        }
      }),
    );
    progress('branchline: all connect');
    const before = {
      relay: await relay.call<Usage>('usage'),
      hosts: await Promise.all(hosts.map((host) => host.call<Usage>('usage'))),
    };
    await relay.call('open', { data, listen });
    const fromMs = clock.nowMs();
    let reachedMs = 0;
    await Promise.all(hosts.map((host) => host.call('sync')));
    await Promise.all(
      hosts.map(async (host, at) => {
        const mine = codes.filter((_, index) => index % HOSTS === at);
        await host.call<Reached[]>(
          'reach',
          mine.map((code) => ({ code, target })),
        );
        reachedMs = Math.max(reachedMs, clock.nowMs() - fromMs);
        for (const code of mine) await host.call('settle', { code });
      }),
    );
    await relay.call('reach', { target, timeoutMs: PREPARE_TIMEOUT_MS });
    const convergedMs = clock.nowMs() - fromMs;
    const after = {
      relay: await relay.call<Usage>('usage'),
      hosts: await Promise.all(hosts.map((host) => host.call<Usage>('usage'))),
    };
    const sum = (what: 'cpuMs' | 'bytesIn' | 'bytesOut'): number =>
      after.hosts.reduce((total, usage, at) => total + usage[what] - before.hosts[at]![what], 0);
    return {
      name: 'branchline',
      convergedMs,
      durableMs: reachedMs,
      done: codes.length,
      serverCpuMs: after.relay.cpuMs - before.relay.cpuMs,
      clientsCpuMs: sum('cpuMs'),
      serverRssBytes: after.relay.rssBytes,
      bytesUp: sum('bytesOut'),
      bytesDown: sum('bytesIn'),
    };
  } finally {
    await Promise.all([relay, ...hosts].map((program) => program.close()));
  }
}
