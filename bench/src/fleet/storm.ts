/**
 * The return: everybody is running and selling without a network, then the relay is there again and all of them hear of it at once.
 *
 * Timed from that moment until the relay, head office and every branch hold, on disk, every entry of the outage they are to hold: each
 * compares its own feeds with the target vector every 10 ms. One branch, in a process of its own, goes on selling over HTTP.
 *
 * Afterwards, untimed: the selling stops, everybody materialises everything, and feeds with their hashes, heads of all documents, and
 * totals of the business are compared between all of them and the relay. A difference is an error, not a figure.
 */
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import type { ForkedProgram } from '../system/forked.ts';
import { freePort } from '../system/free-port.ts';
import { agreementOf, type Disagreement } from './agreement.ts';
import { copyFolder } from './copy-folder.ts';
import { branchesOf, customerOf, HQ, REGULARS } from './plan.ts';
import { onlyShared, type PreparedFleet } from './prepare.ts';
import { openHost, openRelay } from './programs.ts';
import { SalesWatch } from './sales-watch.ts';
import type { NodeState, Reached, Settled, Usage, Vector } from './words.ts';

const IDLE_SALES = 300;
const WARMUP_SALES = 100;
const STORM_TIMEOUT_MS = 300_000;
/** Opened at the same time in one process. */
const OPEN_AT_ONCE = 8;

export interface StormResult {
  readonly agreeMs: number;
  readonly relayAtMs: number;
  /** When each node held everything. */
  readonly nodesAtMs: readonly number[];
  readonly relay: UsedBy;
  readonly nodes: UsedBy;
  readonly nodeRssBytes: number;
  readonly idleSalesMs: readonly number[];
  readonly stormSalesMs: readonly number[];
  /** Requests of the till sent again because their connection broke. */
  readonly salesRepeated: number;
  /** One branch alone, from the return to level, and then everything it got applied. */
  readonly late: LateBranch | undefined;
  readonly disagreements: readonly Disagreement[];
  readonly checked: { readonly nodes: number; readonly documents: number };
}

export interface UsedBy {
  readonly cpuMs: number;
  readonly rssPeakBytes: number;
  readonly syncs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface LateBranch {
  readonly levelMs: number;
  readonly levelCpuMs: number;
  readonly materialiseMs: number;
  readonly materialiseCpuMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export async function storm(context: BenchContext, fleet: PreparedFleet): Promise<StormResult> {
  const { clock, progress, workDir } = context;
  const branches = branchesOf(fleet.plan);
  const seller = branches[0]!;
  progress('copying the fleet');
  await copyFolder(fleet.dir, join(workDir, 'fleet'));
  const at = (code: string): string => join(workDir, 'fleet', code);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const started: ForkedProgram[] = [];
  const start = (program: ForkedProgram): ForkedProgram => {
    started.push(program);
    return program;
  };
  try {
    const shop = start(openHost(context));
    const office = start(openHost(context));
    const hosts = Array.from({ length: Math.min(2 * availableParallelism(), branches.length - 1) }, () =>
      start(openHost(context)),
    );
    const homes = new Map<string, ForkedProgram>([
      [HQ, office],
      [seller.code, shop],
    ]);
    for (const [index, { code }] of branches.slice(1).entries())
      homes.set(code, hosts[index % hosts.length]!);
    const rssEmpty = await sumOf(hosts, 'rssBytes');
    let open = 0;
    let sellerUrl = '';
    await inParallel([...homes], OPEN_AT_ONCE * Math.max(1, hosts.length), async ([code, host]) => {
      const opened = await host.call<{ url: string }>('open', { code, data: at(code), relay: url });
      if (code === seller.code) sellerUrl = opened.url;
      open += 1;
      progress(`opening nodes without a network: ${open} of ${homes.size}`);
    });
    const nodeRssBytes = ((await sumOf(hosts, 'rssBytes')) - rssEmpty) / Math.max(1, branches.length - 1);
    const { token } = await shop.call<{ token: string }>('till', { code: seller.code, till: 'STORM' });
    const { seed, products } = fleet.plan;
    const till = new SalesWatch({ clock, url: sellerUrl, token, seed, products });
    progress('selling while idle');
    await till.sell({ done: () => true, atLeast: WARMUP_SALES });
    const idleSalesMs = await till.sell({ done: () => true, atLeast: IDLE_SALES });

    progress('the network is back');
    const relay = start(openRelay(context));
    const targets = targetsOf(fleet);
    const before = await usageOf(started);
    const reached = [...group(homes)].map(([host, codes]) =>
      host.call<Reached[]>(
        'reach',
        codes.map((code) => ({ code, target: targets.get(code)! })),
      ),
    );
    await relay.call('open', { data: at('relay'), listen: `127.0.0.1:${port}` });
    const relayBefore = await relay.call<Usage>('usage');
    const crowd = hosts[0] === undefined ? {} : { branches: hosts[0] };
    const profile = await profiles(context, { relay, office, shop, ...crowd });
    const fromMs = clock.nowMs();
    let agreed = false;
    const selling = till.sell({ done: () => agreed });
    const relayReached = relay.call<number>('reach', { target: fleet.target, timeoutMs: STORM_TIMEOUT_MS });
    await Promise.all(started.filter((program) => program !== relay).map((host) => host.call('sync')));
    const [relayAt, ...nodesAt] = await Promise.all([relayReached, ...reached]).finally(() => profile.stop());
    agreed = true;
    const after = await usageOf(started.filter((program) => program !== relay));
    const relayAfter = await relay.call<Usage>('usage');
    const stormSalesMs = await selling;
    const nodesAtMs = nodesAt.flat().map(({ atMs }) => atMs - fromMs);
    const agreeMs = Math.max(relayAt - fromMs, ...nodesAtMs);
    till.close();
    progress(`all agree after ${(agreeMs / 1_000).toFixed(1)} s; checking everything`);

    const target = onlyShared({
      ...fleet.target,
      ...(await shop.call<Vector>('vector', { code: seller.code })),
    });
    await relay.call('reach', { target, timeoutMs: STORM_TIMEOUT_MS });
    await office.call('reach', [{ code: HQ, target }]);
    const checked = await check(context, fleet, { relay, homes, office, seller: seller.code });
    for (const host of hosts) await host.call('close', {});
    const late = branches.length > 1 ? await lateBranch(context, fleet, { url, relay, start }) : undefined;
    return {
      agreeMs,
      relayAtMs: relayAt - fromMs,
      nodesAtMs,
      relay: used(relayBefore, relayAfter),
      nodes: used(before, after),
      nodeRssBytes,
      idleSalesMs,
      stormSalesMs,
      salesRepeated: till.repeated,
      late,
      disagreements: checked.disagreements,
      checked: { nodes: homes.size, documents: checked.documents },
    };
  } finally {
    await Promise.all(started.map((program) => program.close()));
  }
}

/** What each of them is to hold: everything it may read, up to where the outage ended. */
export function targetsOf(fleet: PreparedFleet): Map<string, Vector> {
  const targets = new Map<string, Vector>([[HQ, fleet.target]]);
  for (const { code, region } of branchesOf(fleet.plan)) {
    const mine = Object.entries(fleet.target).filter(([feed]) => {
      const collection = feed.slice(0, feed.lastIndexOf('/'));
      const [family, place] = collection.split('/');
      return (
        family === 'registry' ||
        family === 'catalog' ||
        place === code ||
        (family === 'loyalty' && place === region)
      );
    });
    targets.set(code, Object.fromEntries(mine));
  }
  return targets;
}

async function check(
  context: BenchContext,
  fleet: PreparedFleet,
  parts: {
    relay: ForkedProgram;
    homes: ReadonlyMap<string, ForkedProgram>;
    office: ForkedProgram;
    seller: string;
  },
): Promise<{ disagreements: Disagreement[]; documents: number }> {
  const { plan } = fleet;
  const branches = branchesOf(plan);
  const regions = new Map<string, string[]>();
  for (const { code, region } of branches) {
    const people = regions.get(region) ?? [];
    regions.set(region, [
      ...people,
      ...Array.from({ length: REGULARS }, (_, number) => customerOf(code, number)),
    ]);
  }
  const shards = Array.from({ length: 64 }, (_, shard) => shard);
  const catalog = shards.map((shard) => `catalog/${shard}`);
  const states: (NodeState & { region?: string })[] = [];
  let done = 0;
  await inParallel(branches, 8, async ({ code, region }) => {
    const documents = [...catalog, ...shards.map((shard) => `loyalty/${region}/${shard}`)];
    const ask = { code, plan, documents, customers: regions.get(region) ?? [] };
    states.push({ ...(await parts.homes.get(code)!.call<NodeState>('state', ask)), region });
    done += 1;
    context.progress(`checking documents and totals: ${done} of ${branches.length}`);
  });
  const byRegion: NodeState[] = [];
  for (const [region, customers] of regions) {
    const documents = [...catalog, ...shards.map((shard) => `loyalty/${region}/${shard}`)];
    byRegion.push({
      ...(await parts.office.call<NodeState>('state', { code: HQ, plan, documents, customers })),
    });
  }
  const feeds = await parts.relay.call<Record<string, string>>('feeds');
  return {
    disagreements: agreementOf({
      states,
      office: [...regions.keys()].map((region, at) => ({ region, state: byRegion[at]! })),
      relay: feeds,
    }),
    documents: catalog.length + shards.length,
  };
}

/** The last branch again, as it was before the return, alone with a relay that has everything. */
async function lateBranch(
  context: BenchContext,
  fleet: PreparedFleet,
  {
    url,
    relay,
    start,
  }: { url: string; relay: ForkedProgram; start: (program: ForkedProgram) => ForkedProgram },
): Promise<LateBranch> {
  const { clock, workDir, progress } = context;
  progress('one branch comes back late');
  const { code } = branchesOf(fleet.plan).at(-1)!;
  const data = join(workDir, 'late');
  await copyFolder(join(fleet.dir, code), data);
  const host = start(openHost(context));
  // Opened where no relay is, so that its boot is not part of it.
  await host.call('open', { code, data, relay: url, mode: 'sync_on_demand' });
  const before = await host.call<Usage>('usage');
  const fromMs = clock.monotonicMs();
  const target = targetsOf(fleet).get(code)!;
  const reached = host.call<Reached[]>('reach', [{ code, target }]);
  void relay;
  await host.call('syncFor', { timeoutMs: 60_000 });
  await reached;
  const levelMs = clock.monotonicMs() - fromMs;
  const level = await host.call<Usage>('usage');
  const settled = await host.call<Settled>('settle', { code });
  const after = await host.call<Usage>('usage');
  return {
    levelMs,
    levelCpuMs: level.cpuMs - before.cpuMs,
    materialiseMs: settled.wallMs,
    materialiseCpuMs: after.cpuMs - level.cpuMs,
    bytesIn: after.bytesIn - before.bytesIn,
    bytesOut: after.bytesOut - before.bytesOut,
  };
}

export async function usageOf(programs: readonly ForkedProgram[]): Promise<Usage> {
  const all = await Promise.all(programs.map((program) => program.call<Usage>('usage')));
  return all.reduce((a, b) => ({
    cpuMs: a.cpuMs + b.cpuMs,
    rssBytes: a.rssBytes + b.rssBytes,
    rssPeakBytes: a.rssPeakBytes + b.rssPeakBytes,
    syncs: a.syncs + b.syncs,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  }));
}

async function sumOf(programs: readonly ForkedProgram[], what: keyof Usage): Promise<number> {
  const all = await Promise.all(programs.map((program) => program.call<Usage>('usage')));
  return all.reduce((total, each) => total + each[what], 0);
}

export function used(before: Usage, after: Usage): UsedBy {
  return {
    cpuMs: after.cpuMs - before.cpuMs,
    rssPeakBytes: after.rssPeakBytes,
    syncs: after.syncs - before.syncs,
    bytesIn: after.bytesIn - before.bytesIn,
    bytesOut: after.bytesOut - before.bytesOut,
  };
}

function group(homes: ReadonlyMap<string, ForkedProgram>): Map<ForkedProgram, string[]> {
  const groups = new Map<ForkedProgram, string[]>();
  for (const [code, host] of homes) groups.set(host, [...(groups.get(host) ?? []), code]);
  return groups;
}

async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await act(next);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

/** Where profiles are asked for, takes them of these programs from now until `stop`, one file for each name. */
async function profiles(
  { settings }: BenchContext,
  programs: Readonly<Record<string, ForkedProgram>>,
): Promise<{ stop(): Promise<void> }> {
  const { profileDir } = settings;
  if (profileDir === undefined) return { stop: async () => {} };
  await mkdir(profileDir, { recursive: true });
  const named = Object.entries(programs);
  await Promise.all(named.map(([, program]) => program.call('startProfile')));
  const stop = async (): Promise<void> => {
    await Promise.all(
      named.map(([name, program]) =>
        program.call('stopProfile', { path: resolve(profileDir, `${name}.cpuprofile`) }),
      ),
    );
  };
  return { stop };
}
