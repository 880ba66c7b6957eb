/**
 * `restart`: a branch with a year of history starts again. From starting the process until the first sale is on its disk, and what
 * the folder has grown to.
 *
 * The year is 365 days of 100 sales of one to five lines, made by the node's own commit path, with a delivery each day.
 */
import { join } from 'node:path';
import { type BenchCase, scaled } from '../bench-case.ts';
import { copyFolder } from '../fleet/copy-folder.ts';
import { openHost } from '../fleet/programs.ts';
import { SalesWatch } from '../fleet/sales-watch.ts';
import { CODE, ORDERS_A_DAY, openShopHistory } from '../fleet/shop-history.ts';
import { folderBytes } from '../fleet/small-chain.ts';
import type { Usage } from '../fleet/words.ts';

const DAYS = 365;
const PRODUCTS = 2_000;
const RUNS = 5;

export const restart: BenchCase = {
  name: 'restart',
  about: 'a branch with a year of history, from start to its first sale',
  async run(context) {
    const { clock, workDir, progress, seed } = context;
    const days = scaled(context, DAYS, 2);
    const products = scaled(context, PRODUCTS, 50);
    const shop = await openShopHistory(context, products);
    const { data, chain } = shop;
    try {
      await shop.until(days, (day) => progress(`a year of history: day ${day} of ${days}`));
      await shop.level();
    } finally {
      await shop.close();
    }
    const samplesMs: number[] = [];
    let rssBytes = 0;
    for (let run = 0; run < RUNS; run += 1) {
      progress(`starting again: ${run + 1} of ${RUNS}`);
      const copy = join(workDir, `run-${run}`);
      await copyFolder(data, copy);
      const fromMs = clock.monotonicMs();
      const host = openHost(context);
      const { url } = await host.call<{ url: string }>('open', {
        code: CODE,
        data: copy,
        relay: chain.url,
        mode: 'offline',
      });
      const { token } = await host.call<{ token: string }>('till', { code: CODE, till: `R${run}` });
      const till = new SalesWatch({ clock, url, token, seed, products });
      await till.sell({ done: () => true, atLeast: 1 });
      samplesMs.push(clock.monotonicMs() - fromMs);
      till.close();
      rssBytes = (await host.call<Usage>('usage')).rssBytes;
      await host.close();
    }
    const orders = days * ORDERS_A_DAY;
    return {
      case: 'restart',
      series: [{ name: `from start to the first sale on disk, ${orders} orders of history`, samplesMs }],
      ratios: [],
      facts: {
        'orders of history': orders,
        'journal, MB': (await folderBytes(join(data, 'journal'))) / 1e6,
        'journal per order, bytes': ((await folderBytes(join(data, 'journal'))) - 16 * 2 ** 20) / orders,
        'index and rows, MB': (await folderBytes(join(data, 'index'))) / 1e6,
        'memory after the first sale, MB': rssBytes / 1e6,
      },
      notes: [
        'Holds the start of the process and the making of a till.',
        'The journal holds a ballast of 16 MiB.',
      ],
    };
  },
};
