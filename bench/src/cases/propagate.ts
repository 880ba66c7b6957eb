/**
 * `propagate`: how long after a commit at one place another place knows, through the relay: a sale of the branch at HQ, and a
 * price of HQ at the branch.
 *
 * Each sample begins when the request is sent and ends when the other node's event stream says so, so it holds the HTTP call,
 * the commit, two hops and two more syncs. Beside it a bare WebSocket relay, and the same relay with a sync at each of the
 * three places, which is the least a durable chain could take.
 */
import { Agent } from 'node:http';
import { type BenchCase, type BenchContext, scaled } from '../bench-case.ts';
import { BenchError } from '../errors.ts';
import type { Ratio, Series } from '../report.ts';
import { summarize } from '../statistics.ts';
import {
  type Chain,
  type ChainNode,
  expectOk,
  get,
  putProduct,
  startChain,
  waitUntil,
} from '../system/chain.ts';
import { EventWatch } from '../system/event-watch.ts';
import { callHttp } from '../system/http-json.ts';
import { MESSAGE_BYTES, type Measured, measureRelay, pooled, seriesOf } from '../system/measure.ts';

const COUNT = 300;
const WARMUP = 50;
const SEEN_TIMEOUT_MS = 10_000;
/** A pause between samples: the question is how fast one thing travels, not how much fits through. */
const PAUSE_MS = 5;
/** Without an event for this long, the other node is asked. */
const ASK_MS = 100;
const SKU = 'BENCH-1';

export const propagate: BenchCase = {
  name: 'propagate',
  about: 'from a commit at one place to being seen at another, through the relay',
  async run(context) {
    const before = await measureFloors(context);
    context.progress('starting a chain');
    const chain = await startChain(context, 1);
    let travelled: Record<'sales' | 'prices', Measured>;
    try {
      travelled = { sales: await sales(context, chain), prices: await prices(context, chain) };
    } finally {
      await chain.stop();
    }
    const after = await measureFloors(context);
    const [bare, durable] = [pooled(before.bare, after.bare), pooled(before.durable, after.durable)];
    const series: Series[] = [
      seriesOf('sale at the branch, seen at HQ', travelled.sales),
      seriesOf('price at HQ, seen at the branch', travelled.prices),
      seriesOf('floor ws relay, fdatasync at each of 3', durable),
      seriesOf('floor ws relay, bare', bare),
    ].map(({ name, samplesMs }) => ({ name, samplesMs }));
    return {
      case: 'propagate',
      series,
      ratios: [...compare('sale', travelled.sales, durable), ...compare('price', travelled.prices, durable)],
      facts: {},
      notes: [
        'From sending the request to the other node’s event stream; one at a time, everything on one machine.',
        `Floors pass ${MESSAGE_BYTES} bytes through a WebSocket relay and do nothing else.`,
      ],
    };
  },
};

async function measureFloors(context: BenchContext): Promise<{ bare: Measured; durable: Measured }> {
  context.progress('floors');
  const load = { warmup: scaled(context, WARMUP), count: scaled(context, COUNT, 10) };
  return {
    bare: await measureRelay(context, { ...load, durable: false }),
    durable: await measureRelay(context, { ...load, durable: true }),
  };
}

/** One thing that travels: what to do at one place, and how the other place shows that it is there. */
interface Journey {
  readonly from: (turn: number) => Promise<string>;
  readonly to: EventWatch;
  /** Reads it there; asked when no event came, and once at the end. */
  readonly isThere: (carried: string, turn: number) => Promise<boolean>;
}

/** A sale is in the branch's own feed; HQ reads every branch. */
async function sales(context: BenchContext, { branch, hq }: Chain): Promise<Measured> {
  context.progress('sales of the branch, seen at HQ');
  const agent = new Agent({ keepAlive: true });
  await putProduct(agent, hq, SKU, { name: 'Bench', priceMinor: 100, vat: 'vat22' }, 'bench-product');
  await waitUntil(context, 'the product at the branch', async () =>
    isFound(agent, branch, `/v1/products/${SKU}`),
  );
  const order = {
    lines: [{ sku: SKU, quantityMilli: 1_000 }],
    payments: [{ kind: 'cash', amountMinor: 1_000 }],
  };
  const sell = {
    agent,
    url: new URL('/v1/orders', branch.url),
    method: 'POST',
    token: branch.tokens[0]!,
  } as const;
  const to = await EventWatch.open(context.clock, hq);
  const measured = await travel(context, {
    from: async (turn) => {
      const answer = await callHttp({
        ...sell,
        key: `bench-travel-${turn}`,
        body: Buffer.from(JSON.stringify(order)),
      });
      expectOk(answer, 'a sale');
      return (JSON.parse(answer.text) as { id: string }).id;
    },
    to,
    isThere: (id) => isFound(agent, hq, `/v1/orders/${id}`),
  });
  to.close();
  agent.destroy();
  return measured;
}

async function prices(context: BenchContext, { branch, hq }: Chain): Promise<Measured> {
  context.progress('prices of HQ, seen at the branch');
  const agent = new Agent({ keepAlive: true });
  const to = await EventWatch.open(context.clock, branch);
  const measured = await travel(context, {
    from: async (turn) => {
      await putProduct(agent, hq, SKU, { priceMinor: 1_000 + turn }, `bench-price-${turn}`);
      return SKU;
    },
    to,
    isThere: async (_, turn) => {
      const { text } = await get(agent, branch, `/v1/products/${SKU}`);
      return (JSON.parse(text) as { priceMinor: number }).priceMinor === 1_000 + turn;
    },
  });
  to.close();
  agent.destroy();
  return measured;
}

async function travel(context: BenchContext, journey: Journey): Promise<Measured> {
  const { clock, signal } = context;
  const warmup = scaled(context, WARMUP);
  const count = scaled(context, COUNT, 10);
  const samplesMs: number[] = [];
  const beganMs = clock.monotonicMs();
  for (let turn = 0; turn < warmup + count; turn += 1) {
    const fromMs = clock.monotonicMs();
    const carried = await journey.from(turn);
    const seenMs = await seenAt(context, journey, carried, turn, fromMs);
    if (turn >= warmup) samplesMs.push(seenMs - fromMs);
    await clock.sleep(PAUSE_MS, { signal });
  }
  return { samplesMs, elapsedMs: clock.monotonicMs() - beganMs };
}

/** By event, and by asking now and then where the node has none for it. An event before the thing is readable is an error. */
async function seenAt(
  context: BenchContext,
  { to, isThere }: Journey,
  carried: string,
  turn: number,
  fromMs: number,
): Promise<number> {
  const { clock } = context;
  while (clock.monotonicMs() - fromMs < SEEN_TIMEOUT_MS) {
    const atMs = await to.when(carried, fromMs, ASK_MS);
    const there = await isThere(carried, turn);
    if (atMs !== undefined && !there) {
      throw new BenchError('BENCH_REQUEST_FAILED', `an event told of ${carried} before it could be read`);
    }
    if (there) return atMs ?? clock.monotonicMs();
  }
  throw new BenchError('BENCH_TIMEOUT', `${carried} did not arrive in ${SEEN_TIMEOUT_MS} ms`, {
    retryable: true,
  });
}

async function isFound(agent: Agent, node: ChainNode, path: string): Promise<boolean> {
  return (await get(agent, node, path)).status === 200;
}

function compare(what: string, measured: Measured, floor: Measured): Ratio[] {
  const [travelled, bare] = [summarize(measured.samplesMs), summarize(floor.samplesMs)];
  if (travelled === undefined || bare === undefined) return [];
  return [
    { name: `${what} / durable ws relay, p50`, value: travelled.p50 / bare.p50, better: 'lower' },
    { name: `${what} / durable ws relay, p99`, value: travelled.p99 / bare.p99, better: 'lower' },
  ];
}
