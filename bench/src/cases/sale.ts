/**
 * `sale`: what a durable sale costs at a branch with 10,000 products, for one till and for thirty-two at once, beside the least
 * any program could pay for it.
 *
 * Starts a relay, HQ and a branch through the public command and sells at the branch through its public HTTP, while sales
 * replicate to the other two; then again at the branch alone, after the others were stopped. The floors run before and
 * after, on the same disk, with the same bodies from the same client, while nothing of Branchline runs.
 *
 * Where programs share two cores, rates compare cores as well as programs: CPU time per sale and per request of the floor
 * stand beside them. It counts what a program puts off until it is idle.
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
import { processCpuMs, processResidentMb } from '../system/process-cpu.ts';
import type { Program } from '../system/program.ts';
import { saleBesideHang } from './sale-hang.ts';

const TILLS = [1, 32] as const;
type Tills = (typeof TILLS)[number];
const COUNTS: Readonly<Record<Tills, number>> = { 1: 1_000, 32: 8_000 };
/** Long enough for the runtime to have compiled what is measured, floor and node alike. */
const WARMUP = 1_000;
/** For each load; half of it for each half of a floor. */
const LIMIT_MS = 8_000;
/** After a load, before CPU time is read: work put off until nobody sells is part of a sale's price. */
const AFTERWARDS_MS = 1_500;

type PerTills<T> = Record<Tills, T>;

export const sale: BenchCase = {
  name: 'sale',
  about: 'durable sales over HTTP with 1 and 32 tills, 10,000 products',
  async run(context) {
    const { hangingLine } = context.settings;
    if (hangingLine !== undefined) return saleBesideHang(context, hangingLine);
    const facts: Record<string, number> = {};
    const before = await measureFloors(context, facts);
    const { replicated, alone } = await measureChain(context, facts);
    const after = await measureFloors(context, facts);
    const series: Series[] = [];
    const ratios: Ratio[] = [];
    for (const tills of TILLS) {
      const http = pooled(before.http[tills], after.http[tills]);
      const append = pooled(before.append[tills], after.append[tills]);
      series.push(
        seriesOf(`sale, ${named(tills)}`, replicated[tills]),
        seriesOf(`sale, node alone, ${named(tills)}`, alone[tills]),
        seriesOf(`floor express+JSON+fdatasync, ${tills}`, http),
        seriesOf(`floor append+fdatasync, ${tills}`, append),
      );
      ratios.push(
        ...compare('sale', tills, replicated[tills], http),
        ...compare('sale, node alone', tills, alone[tills], http),
      );
    }
    return {
      case: 'sale',
      series,
      ratios,
      facts,
      notes: [
        'Sales run while the relay and HQ replicate them on the same cores; floors run alone, and so does the node alone.',
        'CPU per sale counts a program’s next 1.5 seconds too, so that work put off is not work left out.',
        'A till sends its next sale when the last one is answered.',
      ],
    };
  },
};

const named = (tills: Tills): string => (tills === 1 ? '1 till' : `${tills} tills`);

async function measureFloors(
  context: BenchContext,
  facts: Record<string, number>,
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
    const measure = async (tills: Tills): Promise<Measured> => {
      const used = await usage({ floor });
      const measured = await measureSales(context, { ...load(tills), url, tills, keyPrefix: 'floor' });
      // Of two runs the cheaper one: the floor is what is possible.
      const name = `CPU per request, ${named(tills)}: floor, ms`;
      const costMs = (await used()).floor / (measured.samplesMs.length + load(tills).warmup);
      facts[name] = Math.min(facts[name] ?? Number.POSITIVE_INFINITY, costMs);
      return measured;
    };
    const http = { 1: await measure(1), 32: await measure(32) };
    return { http, append };
  } finally {
    await floor.stop();
  }
}

async function measureChain(
  context: BenchContext,
  facts: Record<string, number>,
): Promise<{ replicated: PerTills<Measured>; alone: PerTills<Measured> }> {
  context.progress('starting a chain');
  const chain = await startChain(context, Math.max(...TILLS));
  try {
    context.progress('10,000 products into HQ and out to the branch');
    const { putMs, spreadMs } = await loadCatalog(context, chain);
    facts['catalog put into HQ, ms'] = putMs;
    facts['catalog at the branch after that, ms'] = spreadMs;
    await noteMemory(chain, facts, 'with the catalog');
    const { branch, relay, hq } = chain;
    const replicated = await sell(context, chain, facts, { words: '', programs: { branch, relay, HQ: hq } });
    await noteMemory(chain, facts, 'after these sales');
    await chain.leaveAlone();
    const alone = await sell(context, chain, facts, { words: ', node alone', programs: { branch } });
    return { replicated, alone };
  } finally {
    await chain.stop();
  }
}

interface Setting {
  readonly words: string;
  /** Those whose CPU time counts. */
  readonly programs: Readonly<Record<string, Pick<Program, 'pid'>>>;
}

async function sell(
  context: BenchContext,
  { branch }: Chain,
  facts: Record<string, number>,
  { words, programs }: Setting,
): Promise<PerTills<Measured>> {
  const measure = async (tills: Tills): Promise<Measured> => {
    context.progress(`selling${words}, ${named(tills)}`);
    const used = await usage(programs);
    const warmup = scaled(context, WARMUP);
    const measured = await measureSales(context, {
      url: branch.url,
      tokens: branch.tokens,
      keyPrefix: `bench-sale-${tills}${words.length}`,
      tills,
      warmup,
      count: scaled(context, COUNTS[tills], 10),
      limitMs: LIMIT_MS,
    });
    await context.clock.sleep(AFTERWARDS_MS, { signal: context.signal });
    const sales = measured.samplesMs.length;
    for (const [program, ms] of Object.entries(await used())) {
      facts[`CPU per sale${words}, ${named(tills)}: ${program}, ms`] = ms / (sales + warmup);
    }
    if (measured.cpuMs !== undefined) {
      facts[`CPU per sale${words}, ${named(tills)}: client, ms`] = measured.cpuMs / sales;
    }
    return measured;
  };
  return { 1: await measure(1), 32: await measure(32) };
}

/** CPU time by program since the call; nothing of a program where it cannot be read. */
async function usage<Name extends string>(
  programs: Readonly<Record<Name, Pick<Program, 'pid'>>>,
): Promise<() => Promise<Record<Name, number>>> {
  const read = async (): Promise<Record<Name, number>> => {
    const used = {} as Record<Name, number>;
    for (const name of Object.keys(programs) as Name[]) {
      const ms = await processCpuMs(programs[name].pid);
      if (ms !== undefined) used[name] = ms;
    }
    return used;
  };
  const from = await read();
  return async () => {
    const to = await read();
    for (const name of Object.keys(to) as Name[]) to[name] -= from[name] ?? 0;
    return to;
  };
}

async function noteMemory({ branch, hq }: Chain, facts: Record<string, number>, when: string): Promise<void> {
  for (const [name, { pid }] of Object.entries({ branch, HQ: hq })) {
    const megabytes = await processResidentMb(pid);
    if (megabytes !== undefined) facts[`resident ${when}: ${name}, MB`] = megabytes;
  }
}

function compare(what: string, tills: Tills, measured: Measured, floor: Measured): Ratio[] {
  const [sales, bare] = [summarize(measured.samplesMs), summarize(floor.samplesMs)];
  if (sales === undefined || bare === undefined) return [];
  const rate = ({ samplesMs, elapsedMs }: Measured): number => samplesMs.length / elapsedMs;
  return [
    { name: `${what} / express floor, p50, ${named(tills)}`, value: sales.p50 / bare.p50, better: 'lower' },
    { name: `${what} / express floor, p99, ${named(tills)}`, value: sales.p99 / bare.p99, better: 'lower' },
    {
      name: `${what} / express floor, per second, ${named(tills)}`,
      value: rate(measured) / rate(floor),
      better: 'higher',
    },
  ];
}
