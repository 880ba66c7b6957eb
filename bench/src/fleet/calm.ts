/** A prepared fleet, returned and level; then what everybody uses while nothing happens. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import type { ForkedProgram } from '../system/forked.ts';
import { copyFolder } from './copy-folder.ts';
import { branchesOf, HQ } from './plan.ts';
import type { PreparedFleet } from './prepare.ts';
import { openHost, openRelay } from './programs.ts';
import { targetsOf, type UsedBy, usageOf, used } from './storm.ts';

/** For what follows a return: snapshots, a last report, a checkpoint. */
const REST_MS = 20_000;

export async function calmFleet(
  context: BenchContext,
  fleet: PreparedFleet,
  seconds: number,
): Promise<{ relay: UsedBy; nodes: UsedBy }> {
  const { clock, progress, signal, workDir } = context;
  const dir = join(workDir, 'fleet');
  await copyFolder(fleet.dir, dir);
  const relay = openRelay(context);
  const hosts = Array.from({ length: 2 * availableParallelism() }, () => openHost(context));
  try {
    const { url } = await relay.call<{ url: string }>('open', {
      data: join(dir, 'relay'),
      listen: '127.0.0.1:0',
    });
    const codes = [HQ, ...branchesOf(fleet.plan).map(({ code }) => code)];
    const targets = targetsOf(fleet);
    await Promise.all(
      hosts.map((host, at) =>
        openAll(
          host,
          codes.filter((_, index) => index % hosts.length === at),
        ),
      ),
    );
    progress('waiting until everybody rests');
    for (const code of codes) await hostOf(code).call('settle', { code });
    await clock.sleep(context.scale < 1 ? 500 : REST_MS, { signal });
    const before = { relay: await usageOf([relay]), nodes: await usageOf(hosts) };
    progress('doing nothing');
    await clock.sleep(seconds * 1_000, { signal });
    const after = { relay: await usageOf([relay]), nodes: await usageOf(hosts) };
    return { relay: used(before.relay, after.relay), nodes: used(before.nodes, after.nodes) };

    function hostOf(code: string): ForkedProgram {
      return hosts[codes.indexOf(code) % hosts.length]!;
    }
    async function openAll(host: ForkedProgram, mine: readonly string[]): Promise<void> {
      for (const code of mine) {
        await host.call('open', { code, data: join(dir, code), relay: url });
      }
      await host.call(
        'reach',
        mine.map((code) => ({ code, target: targets.get(code)! })),
      );
    }
  } finally {
    await Promise.all([relay, ...hosts].map((program) => program.close()));
  }
}
