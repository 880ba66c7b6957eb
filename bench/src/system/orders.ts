/** Orders as an optician's till sends them, made from the seed: one to four articles of the catalog, paid in cash. */
import { opticalProducts } from '@branchline/fixtures';
import type { OrderRequestInput, Product } from '@branchline/model';
import { randomInteger, seededRandom } from 'hlc-ts';

const LINES_MAX = 4;
/** Cash comes in notes of a thousand rubles. */
const NOTE_MINOR = 100_000;

/** The catalog of a seed: every process of a run makes the same one. */
export function catalogOf(seed: number, count: number): Product[] {
  return opticalProducts({ random: seededRandom(seed), count });
}

/** Bodies of `POST /v1/orders`, ready to send. Prices are left to the node's catalog. */
export function orderBodies(seed: number, catalog: readonly Product[], count: number): Uint8Array[] {
  const random = seededRandom(seed + 1);
  return Array.from({ length: count }, () => {
    const articles = Array.from(
      { length: 1 + randomInteger(random, LINES_MAX) },
      () => catalog[randomInteger(random, catalog.length)]!,
    );
    const totalMinor = articles.reduce((sum, { priceMinor }) => sum + priceMinor, 0);
    const order: OrderRequestInput = {
      cashier: 'Анна',
      lines: articles.map(({ sku }) => ({ sku, quantityMilli: 1_000 })),
      payments: [{ kind: 'cash', amountMinor: Math.ceil(totalMinor / NOTE_MINOR) * NOTE_MINOR }],
    };
    return Buffer.from(JSON.stringify(order));
  });
}
