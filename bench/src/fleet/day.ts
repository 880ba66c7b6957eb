/** What one branch, and head office, do in a day, as data in the order of time; made from the seed by whoever carries it out. */
import type { OrderRequest, Product, StockCountRequest, StockReceiptRequest } from '@branchline/model';
import { type Random, randomInteger, seededRandom } from 'hlc-ts';
import { catalogOf } from '../system/orders.ts';
import { branchesOf, customerOf, DAY_MS, type FleetBranch, type FleetPlan, REGULARS } from './plan.ts';

export type Deed =
  | { readonly atMs: number; readonly do: 'sell'; readonly order: OrderRequest }
  | { readonly atMs: number; readonly do: 'receive'; readonly receipt: StockReceiptRequest }
  | { readonly atMs: number; readonly do: 'count'; readonly count: StockCountRequest }
  | { readonly atMs: number; readonly do: 'price'; readonly sku: string; readonly priceMinor: number }
  | { readonly atMs: number; readonly do: 'import'; readonly rows: readonly Product[] };

const LINES_MAX = 5;
const LOYALTY_SHARE = 0.4;
const AWAY_SHARE = 0.1;
const CARD_SHARE = 0.7;
const DELIVERIES = 2;
const DELIVERY_LINES = 20;
const COUNT_LINES = 10;
/** Cash comes in notes of a thousand rubles. */
const NOTE_MINOR = 100_000;
/** A branch sells from a part of the catalog most of the time, as shops do. */
const SHELF = 400;

/** The catalog every node has before the outage. */
export function fleetCatalog({ seed, products }: Pick<FleetPlan, 'seed' | 'products'>): Product[] {
  return catalogOf(seed, products);
}

export function branchDay(plan: FleetPlan, branch: FleetBranch): Deed[] {
  const random = seededRandom(plan.seed * 1_000 + branch.index + 7);
  const catalog = fleetCatalog(plan);
  const neighbours = branchesOf(plan).filter(({ region }) => region === branch.region);
  const shelf = Array.from({ length: SHELF }, () => pick(random, catalog));
  const deeds: Deed[] = Array.from({ length: plan.orders }, () => ({
    atMs: randomInteger(random, DAY_MS),
    do: 'sell',
    order: orderOf(random, shelf, () =>
      customerOf(
        (random() < AWAY_SHARE ? pick(random, neighbours) : branch).code,
        randomInteger(random, REGULARS),
      ),
    ),
  }));
  for (let delivery = 0; delivery < DELIVERIES; delivery += 1) {
    const lines = Array.from({ length: DELIVERY_LINES }, () => ({
      sku: pick(random, shelf).sku,
      quantityMilli: 1_000 * (1 + randomInteger(random, 20)),
    }));
    const receipt = { reference: `D-${branch.code}-${delivery}`, lines } as StockReceiptRequest;
    deeds.push({ atMs: randomInteger(random, DAY_MS), do: 'receive', receipt });
  }
  const counted = new Set(Array.from({ length: COUNT_LINES }, () => pick(random, shelf).sku));
  const lines = [...counted].map((sku) => ({ sku, quantityMilli: 1_000 * randomInteger(random, 30) }));
  deeds.push({ atMs: randomInteger(random, DAY_MS), do: 'count', count: { lines } as StockCountRequest });
  return deeds.sort((a, b) => a.atMs - b.atMs);
}

/** Prices one by one all day, and at noon a price list that names half of the old articles and as many new ones. */
export function headOfficeDay(plan: FleetPlan): Deed[] {
  const random = seededRandom(plan.seed * 1_000 + 3);
  const catalog = fleetCatalog(plan);
  const deeds: Deed[] = Array.from({ length: plan.priceEdits }, () => {
    const { sku, priceMinor } = pick(random, catalog);
    return {
      atMs: randomInteger(random, DAY_MS),
      do: 'price',
      sku,
      priceMinor: newPrice(random, priceMinor),
    };
  });
  const larger = catalogOf(plan.seed, plan.products + Math.ceil(plan.importRows / 2));
  const rows = larger
    .slice(-plan.importRows)
    .map((row) => ({ ...row, priceMinor: newPrice(random, row.priceMinor) }));
  return [...deeds, { atMs: DAY_MS / 2, do: 'import' as const, rows }].sort((a, b) => a.atMs - b.atMs);
}

/** Every article there is at the end of the day. */
export function catalogAfter(plan: Pick<FleetPlan, 'seed' | 'products' | 'importRows'>): Product[] {
  return catalogOf(plan.seed, plan.products + Math.ceil(plan.importRows / 2));
}

function orderOf(random: Random, shelf: readonly Product[], customer: () => string): OrderRequest {
  const articles = Array.from({ length: 1 + randomInteger(random, LINES_MAX) }, () => pick(random, shelf));
  const quantities = articles.map(() => (random() < 0.8 ? 1 : 2));
  // Prices may be lower at the node by then: a payment may exceed the total only in cash, and change is given.
  const totalMinor = articles.reduce((sum, { priceMinor }, at) => sum + priceMinor * quantities[at]!, 0);
  const isCard = random() < CARD_SHARE;
  return {
    cashier: 'Анна',
    lines: articles.map(({ sku, priceMinor }, at) => ({
      sku,
      quantityMilli: 1_000 * quantities[at]!,
      unitPriceMinor: priceMinor,
      discountMinor: 0,
    })),
    payments: isCard
      ? [{ kind: 'card', amountMinor: totalMinor }]
      : [{ kind: 'cash', amountMinor: Math.ceil(totalMinor / NOTE_MINOR) * NOTE_MINOR }],
    ...(random() < LOYALTY_SHARE ? { customer: { id: customer() } } : {}),
    redeemPoints: 0,
  } as unknown as OrderRequest;
}

function newPrice(random: Random, priceMinor: number): number {
  return Math.max(100, Math.round((priceMinor * (0.9 + random() * 0.2)) / 100) * 100);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[randomInteger(random, from.length)]!;
}
