/**
 * `sale`: what a durable sale costs at a branch with 10,000 products, for one till and for thirty-two at once, beside the least
 * any program could pay for it.
 *
 * Starts a relay, HQ and a branch through the public command and sells at the branch through its public HTTP, while sales
 * replicate to the other two. The floors run before and after, on the same disk, with the same bodies from the same
 * client, while nothing of Branchline runs.
 */
import { type BenchCase, type BenchContext, scaled } from '../bench-case.ts';
import type { Ratio, Series } from '../report.ts';
import { summarize } from '../statistics.ts';
import { type Chain, loadCatalog, startChain } from '../system/chain.ts';
import {
  type Measured,
  measureAppends,
  measureSales,
  pooled,
  seriesOf,
  startHttpFloor,
} from '../system/measure.ts';
import { processCpuMs } from '../system/process-cpu.ts';

const TILLS = [1, 32] as const;
type Tills = (typeof TILLS)[number];
const COUNTS: Readonly<Record<Tills, number>> = { 1: 1_000, 32: 8_000 };
/** Long enough for the runtime to have compiled what is measured, floor and node alike. */
const WARMUP = 1_000;
/** For each load; half of it for each half of a floor. */
const LIMIT_MS = 8_000;

type PerTills<T> = Record<Tills, T>;

export const sale: BenchCase = {
  name: 'sale',
  about: 'durable sales over HTTP with 1 and 32 tills, 10,000 products',
  async run(context) {
    const before = await measureFloors(context);
    const facts: Record<string, number> = {};
    const sold = await measureChain(context, facts);
    const after = await measureFloors(context);
    const series: Series[] = [];
    const ratios: Ratio[] = [];
    for (const tills of TILLS) {
      const http = pooled(before.http[tills], after.http[tills]);
      const append = pooled(before.append[tills], after.append[tills]);
      series.push(
        seriesOf(`sale, ${named(tills)}`, sold[tills]),
        seriesOf(`floor express+JSON+fdatasync, ${tills}`, http),
        seriesOf(`floor append+fdatasync, ${tills}`, append),
      );
      ratios.push(...compare(tills, sold[tills], http));
    }
    return {
      case: 'sale',
      series,
      ratios,
      facts,
      notes: [
        'Sales run while the relay and HQ replicate them on the same cores; floors run alone.',
        'A till sends its next sale when the last one is answered.',
      ],
    };
  },
};

const named = (tills: Tills): string => (tills === 1 ? '1 till' : `${tills} tills`);

async function measureFloors(
  context: BenchContext,
): Promise<{ http: PerTills<Measured>; append: PerTills<Measured> }> {
  context.progress('floors');
  const load = (tills: Tills) => ({
    warmup: scaled(context, WARMUP),
    count: scaled(context, COUNTS[tills] / 2, 10),
    limitMs: LIMIT_MS / 2,
  });
  const append = {
    1: await measureAppends(context, { ...load(1), writers: 1 }),
    32: await measureAppends(context, { ...load(32), writers: 32 }),
  };
  const floor = await startHttpFloor(context);
  const url = String(floor.first.url);
  try {
    const http = {
      1: await measureSales(context, { ...load(1), url, tills: 1, keyPrefix: 'floor' }),
      32: await measureSales(context, { ...load(32), url, tills: 32, keyPrefix: 'floor' }),
    };
    return { http, append };
  } finally {
    await floor.stop();
  }
}

async function measureChain(
  context: BenchContext,
  facts: Record<string, number>,
): Promise<PerTills<Measured>> {
  context.progress('starting a chain');
  const chain = await startChain(context, Math.max(...TILLS));
  try {
    context.progress('10,000 products into HQ and out to the branch');
    const { putMs, spreadMs } = await loadCatalog(context, chain);
    facts['catalog put into HQ, ms'] = putMs;
    facts['catalog at the branch after that, ms'] = spreadMs;
    return { 1: await sell(context, chain, 1, facts), 32: await sell(context, chain, 32, facts) };
  } finally {
    await chain.stop();
  }
}

async function sell(
  context: BenchContext,
  chain: Chain,
  tills: Tills,
  facts: Record<string, number>,
): Promise<Measured> {
  context.progress(`selling, ${named(tills)}`);
  const cpuFromMs = await cpuOf(chain);
  const warmup = scaled(context, WARMUP);
  const measured = await measureSales(context, {
    url: chain.branch.url,
    tokens: chain.branch.tokens,
    keyPrefix: `bench-sale-${tills}`,
    tills,
    warmup,
    count: scaled(context, COUNTS[tills], 10),
    limitMs: LIMIT_MS,
  });
  const cpuToMs = await cpuOf(chain);
  const sales = measured.samplesMs.length;
  for (const [program, toMs] of Object.entries(cpuToMs)) {
    const usedMs = toMs - (cpuFromMs[program] ?? 0);
    facts[`CPU per sale, ${named(tills)}: ${program}, ms`] = usedMs / (sales + warmup);
  }
  if (measured.cpuMs !== undefined) {
    facts[`CPU per sale, ${named(tills)}: client, ms`] = measured.cpuMs / sales;
  }
  return measured;
}

/** CPU time so far by program; empty where it cannot be read. */
async function cpuOf({ branch, hq, relay }: Chain): Promise<Record<string, number>> {
  const used: Record<string, number> = {};
  for (const [name, { pid }] of Object.entries({ branch, relay, HQ: hq })) {
    const ms = await processCpuMs(pid);
    if (ms !== undefined) used[name] = ms;
  }
  return used;
}

function compare(tills: Tills, measured: Measured, floor: Measured): Ratio[] {
  const [sales, bare] = [summarize(measured.samplesMs), summarize(floor.samplesMs)];
  if (sales === undefined || bare === undefined) return [];
  const rate = ({ samplesMs, elapsedMs }: Measured): number => samplesMs.length / elapsedMs;
  return [
    { name: `sale / express floor, p50, ${named(tills)}`, value: sales.p50 / bare.p50, better: 'lower' },
    { name: `sale / express floor, p99, ${named(tills)}`, value: sales.p99 / bare.p99, better: 'lower' },
    {
      name: `sale / express floor, per second, ${named(tills)}`,
      value: rate(measured) / rate(floor),
      better: 'higher',
    },
  ];
}
