/**
 * `floors`: what this machine allows at best, with nothing of Branchline running. The same floors are measured again beside
 * every case that is compared with them; this case is for looking at a machine.
 */
import { type BenchCase, scaled } from '../bench-case.ts';
import type { Series } from '../report.ts';
import {
  MESSAGE_BYTES,
  measureAppends,
  measureRelay,
  measureSales,
  seriesOf,
  startHttpFloor,
} from '../system/measure.ts';

/** Long enough for the runtime to have compiled what is measured. */
const WARMUP = 1_000;
const LIMIT_MS = 8_000;
const CLIENTS = [1, 32] as const;

export const floors: BenchCase = {
  name: 'floors',
  about: 'durable appends, durable HTTP, a bare relay: what this machine allows at best',
  async run(context) {
    const series: Series[] = [];
    const facts: Record<string, number> = {};
    const load = { warmup: scaled(context, WARMUP), limitMs: LIMIT_MS };
    for (const writers of CLIENTS) {
      context.progress(`append and fdatasync, ${writers} at a time`);
      const count = scaled(context, writers === 1 ? 1_500 : 15_000, 10);
      series.push(
        seriesOf(`append+fdatasync, ${writers}`, await measureAppends(context, { ...load, writers, count })),
      );
    }
    const http = await startHttpFloor(context);
    try {
      for (const tills of CLIENTS) {
        context.progress(`express, JSON, append and fdatasync, ${tills} at a time`);
        const count = scaled(context, tills === 1 ? 1_500 : 10_000, 10);
        const url = String(http.first.url);
        const sales = await measureSales(context, { ...load, url, keyPrefix: 'floor', tills, count });
        series.push(seriesOf(`express+JSON+fdatasync, ${tills}`, sales));
        facts[`CPU of the client per request, ${tills}, ms`] = (sales.cpuMs ?? 0) / sales.samplesMs.length;
      }
    } finally {
      await http.stop();
    }
    for (const durable of [false, true]) {
      context.progress(durable ? 'a relay with three syncs on the way' : 'a bare relay');
      const count = scaled(context, durable ? 500 : 2_000, 10);
      const measured = await measureRelay(context, { durable, warmup: load.warmup, count });
      series.push(seriesOf(durable ? 'ws relay, fdatasync at each of 3' : 'ws relay, bare', measured));
    }
    return {
      case: 'floors',
      series,
      ratios: [],
      facts,
      notes: [
        `Appends and requests carry the same order bodies; relay messages have ${MESSAGE_BYTES} bytes.`,
      ],
    };
  },
};
