/**
 * `sale --ofd hang`, `sale --kkt hang`: does a line that hangs hold up a sale?
 *
 * One branch with an emulated register and a mock operator, each a program of its own, and a few tills. Rounds with everything
 * answering (A) and with the line hanging (B) alternate in one run: A B B A A B B A …, so that whatever else the machine does
 * meets both. A round begins when the line is known to hang, or to work again. What counts is the ratio of the 99th percentiles,
 * pair by pair, and its spread.
 *
 * The line to the operator and the line to the register run through a proxy (`hanging-line.ts`) in both kinds of rounds.
 */
import { type BenchContext, scaled } from '../bench-case.ts';
import { BenchError } from '../errors.ts';
import type { CaseReport, Series } from '../report.ts';
import { summarize } from '../statistics.ts';
import { waitUntil } from '../system/chain.ts';
import { type HangingLineName, openFiscalShop } from '../system/fiscal-shop.ts';
import type { HangingLine } from '../system/hanging-line.ts';
import { type Measured, measureSales, pooled, seriesOf } from '../system/measure.ts';

const TILLS = 4;
/** Pairs of rounds, twice as many rounds. */
const PAIRS = 10;
const SALES = 600;
const WARMUP = 600;
const ROUND_LIMIT_MS = 8_000;
/** Between a change of the line and the round: what the change itself costs is over. */
const SETTLE_MS = 1_000;

const WORDS: Readonly<Record<HangingLineName, string>> = {
  ofd: 'the operator hangs',
  kkt: 'the register hangs',
};

interface Shop {
  readonly line: HangingLine;
  /** Documents on the far side of the line: they grow while it works. */
  readonly progress: () => Promise<number>;
  readonly url: string;
  readonly tokens: readonly string[];
}

export async function saleBesideHang(context: BenchContext, name: HangingLineName): Promise<CaseReport> {
  const opened: { stop(): Promise<void> }[] = [];
  try {
    const { lines, registered, delivered, url, tokens } = await openFiscalShop(context, TILLS, opened);
    const shop = { line: lines[name], progress: name === 'ofd' ? delivered : registered, url, tokens };
    const rounds = await playRounds(context, shop, name);
    return reportOf(name, rounds);
  } finally {
    for (const one of opened.reverse()) await one.stop();
  }
}

interface Rounds {
  readonly calm: readonly Measured[];
  readonly hanging: readonly Measured[];
}

async function playRounds(context: BenchContext, shop: Shop, name: HangingLineName): Promise<Rounds> {
  const sell = async (keyPrefix: string, warmup = 0): Promise<Measured> =>
    await measureSales(context, {
      url: shop.url,
      tokens: shop.tokens,
      keyPrefix,
      tills: TILLS,
      warmup,
      count: scaled(context, SALES, 20),
      limitMs: ROUND_LIMIT_MS,
    });
  context.progress('warming up');
  await sell('bench-hang-warm', scaled(context, WARMUP));
  const calm: Measured[] = [];
  const hanging: Measured[] = [];
  const pairs = scaled(context, PAIRS, 2);
  let isHanging = false;
  for (let pair = 0; pair < pairs; pair += 1) {
    const order = pair % 2 === 0 ? [false, true] : [true, false];
    for (const wanted of order) {
      if (wanted !== isHanging) {
        await (wanted ? hang(context, shop) : resume(context, shop));
        isHanging = wanted;
      }
      context.progress(`round ${pair + 1} of ${pairs}: ${wanted ? WORDS[name] : 'everything answers'}`);
      const measured = await sell(`bench-hang-${pair}-${wanted}`);
      (wanted ? hanging : calm).push(measured);
    }
  }
  if (isHanging) await resume(context, shop);
  return { calm, hanging };
}

/** Resolves when something waits for an answer that will not come. */
async function hang(context: BenchContext, { line, progress }: Shop): Promise<void> {
  line.hang();
  await waitUntil(context, 'something said into the hanging line', async () => line.swallowed > 0);
  const before = await progress();
  await context.clock.sleep(SETTLE_MS, { signal: context.signal });
  if ((await progress()) > before + 1) {
    throw new BenchError('BENCH_REQUEST_FAILED', 'documents came through a line that hangs');
  }
}

/** Resolves when documents go through it again. */
async function resume(context: BenchContext, { line, progress }: Shop): Promise<void> {
  line.resume();
  const before = await progress();
  await waitUntil(context, 'documents through the line again', async () => (await progress()) > before + 1);
  await context.clock.sleep(SETTLE_MS, { signal: context.signal });
}

function reportOf(name: HangingLineName, { calm, hanging }: Rounds): CaseReport {
  const p99Of = ({ samplesMs }: Measured): number => summarize(samplesMs)?.p99 ?? Number.NaN;
  const ratios = hanging.map((round, at) => p99Of(round) / p99Of(calm[at]!)).sort((a, b) => a - b);
  const all = { calm: calm.reduce(pooled), hanging: hanging.reduce(pooled) };
  const at = (share: number): number =>
    ratios[Math.min(ratios.length - 1, Math.floor(share * ratios.length))]!;
  const series: Series[] = [
    seriesOf(`sale, everything answers, ${TILLS} tills`, all.calm),
    seriesOf(`sale, ${WORDS[name]}, ${TILLS} tills`, all.hanging),
  ];
  return {
    case: 'sale',
    series,
    ratios: [
      {
        name: `p99 while ${WORDS[name]} / p99 of calm, all rounds`,
        value: p99Of(all.hanging) / p99Of(all.calm),
        better: 'lower',
      },
      { name: 'the same by pairs of rounds, median', value: at(0.5), better: 'lower' },
    ],
    facts: {
      'pairs of rounds': ratios.length,
      'ratio of the p99 by pairs, lowest': ratios[0]!,
      'ratio of the p99 by pairs, lower quartile': at(0.25),
      'ratio of the p99 by pairs, upper quartile': at(0.75),
      'ratio of the p99 by pairs, highest': ratios.at(-1)!,
    },
    notes: [
      'Rounds alternate A B B A in one run; a round begins when the line is known to hang, or to work again.',
      'While everything answers the node also prints and delivers; while a line hangs it does less and waits more.',
    ],
  };
}
