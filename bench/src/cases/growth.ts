/**
 * `growth`: what one branch, and its share of a relay, take after one, three and five years: disk by folder, and memory of a program that
 * has just been started on it.
 *
 * Five years of a hundred sales a day are made by the node's own commit path, nothing is extrapolated: each row is a stop on the way.
 * The branch is closed and started again at each stop, in a process of its own.
 */
import { join } from 'node:path';
import { type BenchCase, scaled } from '../bench-case.ts';
import { CODE, ORDERS_A_DAY, openShopHistory } from '../fleet/shop-history.ts';
import { folderBytes } from '../fleet/small-chain.ts';
import type { Usage } from '../fleet/words.ts';

const DAYS_A_YEAR = 365;
const YEARS = [1, 3, 5] as const;
const PRODUCTS = 2_000;
/** A journal holds a file that keeps room on the disk. */
const BALLAST_BYTES = 16 * 2 ** 20;

export const growth: BenchCase = {
  name: 'growth',
  about: 'disk and memory of a branch and of the relay after one, three and five years',
  async run(context) {
    const { workDir, progress } = context;
    const products = scaled(context, PRODUCTS, 50);
    const shop = await openShopHistory(context, products);
    const facts: Record<string, number> = {};
    try {
      for (const years of YEARS) {
        const days = scaled(context, years * DAYS_A_YEAR, years);
        await shop.until(days, (day) => progress(`five years of a branch: day ${day}`));
        await shop.level();
        await shop.reopen();
        const orders = days * ORDERS_A_DAY;
        const after = `after ${years} ${years === 1 ? 'year' : 'years'}`;
        const journal = (await folderBytes(join(shop.data, 'journal'))) - BALLAST_BYTES;
        const relay = (await folderBytes(join(workDir, 'relay', 'journal'))) - BALLAST_BYTES;
        const node = await shop.host.call<Usage>('usage');
        const keeper = await shop.chain.relay.call<Usage>('usage');
        facts[`${after}: days made`] = days;
        facts[`${after}: orders`] = orders;
        facts[`${after}: journal of the branch, MB`] = journal / 1e6;
        facts[`${after}: journal of the branch per order, bytes`] = journal / orders;
        facts[`${after}: index and rows of the branch, MB`] =
          (await folderBytes(join(shop.data, 'index'))) / 1e6;
        facts[`${after}: memory of the branch, started again, MB`] = node.rssBytes / 1e6;
        facts[`${after}: journal of the relay, MB`] = relay / 1e6;
        facts[`${after}: index of the relay, MB`] =
          (await folderBytes(join(workDir, 'relay', 'index'))) / 1e6;
        facts[`${after}: checkpoints at the relay, MB`] =
          (await folderBytes(join(workDir, 'relay', 'checkpoints'))) / 1e6;
        facts[`${after}: memory of the relay, never restarted, MB`] = keeper.rssBytes / 1e6;
      }
    } finally {
      await shop.close();
    }
    return {
      case: 'growth',
      series: [],
      ratios: [],
      facts,
      notes: [
        `One branch (${CODE}) of ${ORDERS_A_DAY} sales a day; the relay holds what it sent, so its disk for a chain is this times the branches.`,
        'Journals without their ballast of 16 MiB. Orders and receipts are kept for good: disk grows with the years, memory is to stay.',
      ],
    };
  },
};
