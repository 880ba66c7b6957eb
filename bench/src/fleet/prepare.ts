/**
 * A fleet after eight hours without a network, made once and kept: the folders of relay, head office and every branch, and what
 * each of them has to receive.
 *
 *     init, enrol ─> everybody has the catalog ─> (cut off) ─> a day at every branch and at head office ─> closed, kept
 *
 * Guarantees: every entry is made by the node's own commit path, with its fsync, at the virtual time it would have had; a fleet that
 * was left half made is made again. Not timed.
 */
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import type { ForkedProgram } from '../system/forked.ts';
import { fleetCatalog } from './day.ts';
import { branchesOf, DAY_MS, type FleetBranch, type FleetPlan, fleetKey, HQ, TENANT } from './plan.ts';
import { openHost, openRelay } from './programs.ts';
import type { Vector } from './words.ts';

/** Room at the end of the virtual day for the real clock to be ahead of it. */
const MARGIN_MS = 60 * 60_000;
/** Nodes worked on at once in one process: their waits for the disk overlap. */
const AT_ONCE = 6;

export interface PreparedFleet {
  readonly plan: FleetPlan;
  readonly dir: string;
  /** Everything each of them holds when the network comes back. */
  readonly vectors: Readonly<Record<string, Vector>>;
  /** What the relay held when the network went. */
  readonly before: Vector;
  /** Everything there is. */
  readonly target: Vector;
  readonly preparedInMs: number;
}

export async function preparedFleet(
  context: BenchContext,
  plan: FleetPlan,
  dataDir: string,
): Promise<PreparedFleet> {
  const dir = join(dataDir, fleetKey(plan));
  const known = await readFile(join(dir, 'fleet.json'), 'utf8').catch(() => undefined);
  if (known !== undefined) return { ...(JSON.parse(known) as PreparedFleet), dir };
  const making = `${dir}.part`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  const fromMs = context.clock.monotonicMs();
  const made = await make(context, plan, making);
  const fleet = { plan, dir, ...made, preparedInMs: context.clock.monotonicMs() - fromMs };
  await writeFile(join(making, 'fleet.json'), JSON.stringify(fleet));
  await rename(making, dir);
  return fleet;
}

type Made = Pick<PreparedFleet, 'vectors' | 'before' | 'target'>;

async function make(context: BenchContext, plan: FleetPlan, dir: string): Promise<Made> {
  const { clock, progress } = context;
  const dayMs = clock.nowMs() - DAY_MS - MARGIN_MS;
  const relay = openRelay(context);
  const hosts = Array.from({ length: Math.min(availableParallelism(), plan.branches) }, () =>
    openHost(context),
  );
  const hq = hosts[0]!;
  try {
    const data = join(dir, 'relay');
    const { adminToken } = await relay.call<{ adminToken: string }>('init', {
      data,
      tenant: TENANT,
      nowMs: dayMs,
    });
    const { url } = await relay.call<{ url: string }>('open', { data, listen: '127.0.0.1:0', nowMs: dayMs });
    const branches = branchesOf(plan);
    const tokens = await invite(url, adminToken, branches);
    await shareBallast(join(dir, HQ), data);
    await hq.call('open', { code: HQ, data: join(dir, HQ), relay: url, token: tokens.get(HQ), nowMs: dayMs });
    await hq.call('load', { code: HQ, rows: plan.products, seed: plan.seed });
    if (fleetCatalog(plan).length !== plan.products) throw new Error('the catalog is not as long as planned');
    const catalog = onlyShared(await hq.call<Vector>('vector', { code: HQ }));
    await relay.call('reach', { target: catalog, timeoutMs: 60_000 });
    let done = 0;
    const say = (): void => progress(`preparing ${plan.branches} branches: ${done}`);
    await each(hosts, branches, async (host, branch) => {
      const { code } = branch;
      await shareBallast(join(dir, code), data);
      await host.call('open', {
        code,
        data: join(dir, code),
        relay: url,
        token: tokens.get(code),
        nowMs: dayMs,
        register: true,
      });
      await host.call('reach', [{ code, target: withoutRegistry(catalog) }]);
      await host.call('settle', { code });
      await host.call('close', { code });
      done += 1;
      say();
    });
    // Cut off: everybody has the whole registry and the catalog first.
    const before = await relay.call<Vector>('vector');
    await relay.call('close');
    await hq.call('day', { plan, branch: undefined, fromMs: dayMs });
    const vectors: Record<string, Vector> = { [HQ]: await hq.call<Vector>('vector', { code: HQ }) };
    await hq.call('settle', { code: HQ });
    await hq.call('close', { code: HQ });
    done = 0;
    await each(hosts, branches, async (host, branch) => {
      const { code } = branch;
      const at = { code, data: join(dir, code), relay: url, mode: 'offline', nowMs: dayMs, register: true };
      await host.call('open', at);
      await host.call('day', { plan, branch, fromMs: dayMs });
      vectors[code] = await host.call<Vector>('vector', { code });
      await host.call('settle', { code });
      await host.call('close', { code });
      done += 1;
      progress(`eight hours at ${plan.branches} branches: ${done}`);
    });
    const target: Record<string, number> = { ...before };
    for (const vector of Object.values(vectors)) {
      for (const [feed, seq] of Object.entries(onlyShared(vector))) {
        target[feed] = Math.max(target[feed] ?? 0, seq);
      }
    }
    return { vectors, before, target };
  } finally {
    await Promise.all([relay, ...hosts].map((program) => program.close()));
  }
}

async function each(
  hosts: readonly ForkedProgram[],
  branches: readonly FleetBranch[],
  act: (host: ForkedProgram, branch: FleetBranch) => Promise<void>,
): Promise<void> {
  const queue = [...branches];
  const worker = async (host: ForkedProgram): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await act(host, next);
  };
  await Promise.all(hosts.flatMap((host) => Array.from({ length: AT_ONCE }, () => worker(host))));
}

export async function invite(
  url: string,
  adminToken: string,
  branches: readonly FleetBranch[],
): Promise<Map<string, string>> {
  const response = await fetch(`${url}/v1/branches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({
      branches: [
        { code: HQ, role: 'hq' },
        ...branches.map(({ code, region }) => ({ code, role: 'branch', region })),
      ],
    }),
  });
  if (!response.ok) throw new Error(`the relay refused the branches: ${await response.text()}`);
  const { tokens } = (await response.json()) as { tokens: { code: string; token: string }[] };
  return new Map(tokens.map(({ code, token }) => [code, token]));
}

/** One ballast file on the disk for the whole fleet: two hundred of them are gigabytes of nothing. */
async function shareBallast(node: string, relay: string): Promise<void> {
  await mkdir(join(node, 'journal'), { recursive: true });
  await link(join(relay, 'journal', 'ballast'), join(node, 'journal', 'ballast'));
}

export function onlyShared(vector: Vector): Vector {
  return Object.fromEntries(Object.entries(vector).filter(([feed]) => !feed.startsWith('local/')));
}

function withoutRegistry(vector: Vector): Vector {
  return Object.fromEntries(Object.entries(vector).filter(([feed]) => feed.startsWith('catalog/')));
}
