/**
 * `bootstrap`: a branch opens for the first time. From starting its node with a token until it has head office's whole catalog, found by
 * its till: bytes and seconds, for 10,000 and 100,000 products.
 *
 * The relay holds a checkpoint of the catalog by then, as it does a minute after an import.
 */
import { join } from 'node:path';
import { type BenchCase, type BenchContext, scaled } from '../bench-case.ts';
import { BenchError } from '../errors.ts';
import { HQ } from '../fleet/plan.ts';
import { onlyShared } from '../fleet/prepare.ts';
import { openHost } from '../fleet/programs.ts';
import { folderBytes, openSmallChain } from '../fleet/small-chain.ts';
import type { Settled, Usage, Vector } from '../fleet/words.ts';

const SIZES = [10_000, 99_999] as const;
const RUNS = 3;
/** Head office looks once a minute whether a checkpoint is due. */
const CHECKPOINT_TIMEOUT_MS = 150_000;
const APPLY_TIMEOUT_MS = 60_000;

export const bootstrap: BenchCase = {
  name: 'bootstrap',
  about: 'a new branch, until it has the whole catalog: bytes and seconds',
  async run(context) {
    const facts: Record<string, number> = {};
    for (const size of SIZES) await measure(context, scaled(context, size, 50), facts);
    return {
      case: 'bootstrap',
      series: [],
      ratios: [],
      facts,
      notes: [
        'From starting the node on an empty folder, in a running process, until all products are in its search and on its disk.',
        `The best and the worst of ${RUNS} new branches.`,
      ],
    };
  },
};

async function measure(
  context: BenchContext,
  products: number,
  facts: Record<string, number>,
): Promise<void> {
  const { clock, workDir, progress } = context;
  const codes = Array.from({ length: RUNS }, (_, run) => `B${run + 1}`);
  const inside = { ...context, workDir: join(workDir, String(products)) };
  const chain = await openSmallChain(inside, codes);
  const host = openHost(context);
  const of = `${products.toLocaleString('en-US')} products`;
  try {
    progress(`${of} into head office`);
    await chain.office.call('load', { code: HQ, rows: products, seed: context.seed });
    const target = onlyShared(await chain.office.call<Vector>('vector', { code: HQ }));
    await chain.relay.call('reach', { target, timeoutMs: 120_000 });
    progress(`${of}: waiting for the relay's checkpoint`);
    facts[`${of}: checkpoint at the relay, kB`] =
      (await checkpointBytes(inside, context.scale >= 1 ? CHECKPOINT_TIMEOUT_MS : 0)) / 1e3;
    const seconds: number[] = [];
    const cpu: number[] = [];
    for (const code of codes) {
      progress(`${of}: ${code} opens`);
      const before = await host.call<Usage>('usage');
      const fromMs = clock.monotonicMs();
      const data = join(inside.workDir, code);
      await host.call('open', { code, data, relay: chain.url, token: chain.tokens.get(code) });
      await host.call('reach', [{ code, target: catalogOnly(target) }]);
      facts[`${of}: everything received after, s`] = (clock.monotonicMs() - fromMs) / 1_000;
      await host.call<Settled>('settle', { code });
      await untilAll(context, async () => (await host.call<number>('products', { code })) === products, code);
      seconds.push((clock.monotonicMs() - fromMs) / 1_000);
      const after = await host.call<Usage>('usage');
      cpu.push((after.cpuMs - before.cpuMs) / 1_000);
      facts[`${of}: bytes down, kB`] = (after.bytesIn - before.bytesIn) / 1e3;
      facts[`${of}: bytes up, kB`] = (after.bytesOut - before.bytesOut) / 1e3;
      await host.call('close', { code });
    }
    facts[`${of}: seconds, best`] = Math.min(...seconds);
    facts[`${of}: seconds, worst`] = Math.max(...seconds);
    facts[`${of}: CPU of the branch, best, s`] = Math.min(...cpu);
  } finally {
    await host.close();
    await chain.close();
  }
}

/** What was being applied when everything had come is applied a moment later. */
async function untilAll(
  { clock, signal }: BenchContext,
  isThere: () => Promise<boolean>,
  code: string,
): Promise<void> {
  const untilMs = clock.monotonicMs() + APPLY_TIMEOUT_MS;
  while (!(await isThere())) {
    if (clock.monotonicMs() > untilMs) {
      throw new BenchError(
        'BENCH_TIMEOUT',
        `${code} does not have every product after ${APPLY_TIMEOUT_MS} ms`,
      );
    }
    await clock.sleep(5, { signal });
  }
}

/** Waits until there is one; 0 when none came. */
async function checkpointBytes({ clock, workDir, signal }: BenchContext, timeoutMs: number): Promise<number> {
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const bytes = await folderBytes(join(workDir, 'relay', 'checkpoints'));
    if (bytes > 0 || clock.monotonicMs() >= untilMs) return bytes;
    await clock.sleep(500, { signal });
  }
}

function catalogOnly(vector: Vector): Vector {
  return Object.fromEntries(Object.entries(vector).filter(([feed]) => feed.startsWith('catalog/')));
}
