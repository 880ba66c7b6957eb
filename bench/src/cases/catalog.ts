/** `import` and `search`: a large price list into head office, and what a till waits for when it looks an article up. */
import { type BenchCase, scaled } from '../bench-case.ts';
import { HQ } from '../fleet/plan.ts';
import { openSmallChain } from '../fleet/small-chain.ts';
import type { Usage } from '../fleet/words.ts';

const PRODUCTS = 10_000;
const SEARCHES = 2_000;

export const importCase: BenchCase = {
  name: 'import',
  about: 'a price list of 10,000 rows into head office, until it is on disk and in the search',
  async run(context) {
    const rows = scaled(context, PRODUCTS, 50);
    const chain = await openSmallChain(context, []);
    try {
      const before = await chain.office.call<Usage>('usage');
      const first = await chain.office.call<{ ms: number }>('load', { code: HQ, rows, seed: context.seed });
      const after = await chain.office.call<Usage>('usage');
      const again = await chain.office.call<{ ms: number }>('load', { code: HQ, rows, seed: context.seed });
      return {
        case: 'import',
        series: [
          { name: `${rows} new rows`, samplesMs: [first.ms] },
          { name: 'the same rows again', samplesMs: [again.ms] },
        ],
        ratios: [],
        facts: {
          'rows per second': (rows * 1_000) / first.ms,
          'CPU of the node, s': (after.cpuMs - before.cpuMs) / 1_000,
          'memory after it, MB': after.rssBytes / 1e6,
        },
        notes: ['Without reading a file: rows as they come out of the reader, all or nothing, one commit.'],
      };
    } finally {
      await chain.close();
    }
  },
};

export const search: BenchCase = {
  name: 'search',
  about: 'beginnings of words in a catalog of 10,000 products',
  async run(context) {
    const rows = scaled(context, PRODUCTS, 50);
    const chain = await openSmallChain(context, []);
    try {
      await chain.office.call('load', { code: HQ, rows, seed: context.seed });
      const ask = { code: HQ, seed: context.seed, count: scaled(context, SEARCHES, 20) };
      await chain.office.call('search', ask);
      const samplesMs = await chain.office.call<number[]>('search', ask);
      return {
        case: 'search',
        series: [{ name: `two to four letters, ${rows} products, 20 rows`, samplesMs }],
        ratios: [],
        facts: {},
        notes: ['In the process of the node, without HTTP.'],
      };
    } finally {
      await chain.close();
    }
  },
};
