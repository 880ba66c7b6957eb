/**
 * Do the shops and head office say the same? Read over their public API, compared value by value.
 *
 * Everything a business would notice: orders and their numbers, stock per article, prices, points of customers.
 */
import type { Api } from './api.ts';
import type { Chain } from './chain.ts';
import { Checks } from './checks.ts';

const PAGE_ROWS = 500;

export interface SoldOrder {
  readonly id: string;
  readonly number: string;
  readonly totalMinor: number;
  readonly lines: readonly { readonly sku: string; readonly quantityMilli: number }[];
}

/** What the shops acknowledged and head office decided meanwhile. */
export interface Claims {
  readonly soldBy: ReadonlyMap<string, readonly SoldOrder[]>;
  readonly prices: ReadonlyMap<string, number>;
  readonly customers: readonly string[];
}

/** Cheap enough to ask again and again: the last order and the new prices have arrived. */
export async function newsArrived(chain: Chain, { soldBy, prices }: Claims): Promise<boolean> {
  for (const shop of chain.shops) {
    const last = soldBy.get(shop.branch)?.at(-1);
    if (last && !(await exists(chain.hq.api, `/v1/orders/${last.id}`))) {
      return false;
    }
    const seen = await pricesOf(shop.api, [...prices.keys()]);
    if ([...prices].some(([sku, priceMinor]) => seen.get(sku) !== priceMinor)) {
      return false;
    }
  }
  return true;
}

/** Everything, value by value. */
export async function compareAll(chain: Chain, { soldBy, prices, customers }: Claims): Promise<Checks> {
  const checks = new Checks();
  for (const shop of chain.shops) {
    const { branch } = shop;
    const sold = soldBy.get(branch) ?? [];
    const here = await ordersOf(shop.api, branch);
    const atHq = await ordersOf(chain.hq.api, branch);
    checks.expectEqual(`orders of ${branch}: shop and HQ`, here, atHq);
    const acknowledged = sold.every((order) => atHq.get(order.id) === orderText(order));
    checks.expect(
      `every acknowledged order of ${branch} is at HQ, once`,
      acknowledged,
      `${sold.length} orders`,
    );
    const gap = firstGap([...here.values()].map((text) => text.split(' ')[0]!));
    checks.expect(`numbers of ${branch} have no gap`, gap === undefined, gap ?? `${here.size} numbers`);
    const skus = [...new Set(sold.flatMap((order) => order.lines.map((line) => line.sku)))];
    checks.expectEqual(
      `stock of ${branch}: shop and HQ`,
      await stockOf(shop.api, skus, branch),
      await stockOf(chain.hq.api, skus, branch),
    );
    checks.expectEqual(`prices in ${branch} and at HQ`, await pricesOf(shop.api, [...prices.keys()]), prices);
    checks.expectEqual(
      `points of customers: ${branch} and HQ`,
      await pointsOf(shop.api, customers),
      await pointsOf(chain.hq.api, customers),
    );
  }
  const earned = [...(await pointsOf(chain.hq.api, customers)).values()].reduce(
    (sum, points) => sum + points,
    0,
  );
  checks.expect('customers earned points in both shops', earned > 0, `${earned} points`);
  return checks;
}

/** id -> number, total and lines, in the order the branch sold them. */
async function ordersOf(api: Api, branch: string): Promise<Map<string, string>> {
  const orders = new Map<string, string>();
  let after: string | undefined;
  do {
    const query = `branch=${branch}&limit=${PAGE_ROWS}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`;
    const page = await api.get<{ orders: SoldOrder[]; next?: string }>(`/v1/orders?${query}`);
    for (const order of page.orders) {
      orders.set(order.id, orderText(order));
    }
    after = page.next;
  } while (after !== undefined);
  return orders;
}

function orderText({ number, totalMinor, lines }: SoldOrder): string {
  return `${number} ${totalMinor} ${lines.map((line) => `${line.sku}x${line.quantityMilli}`).join(',')}`;
}

function firstGap(numbers: readonly string[]): string | undefined {
  const counts = numbers
    .map((number) => Number(number.slice(number.lastIndexOf('-') + 1)))
    .sort((a, b) => a - b);
  const wrong = counts.findIndex((count, index) => count !== index + 1);
  return wrong === -1 ? undefined : `expected ${wrong + 1}, found ${counts[wrong]}`;
}

async function stockOf(api: Api, skus: readonly string[], branch: string): Promise<Map<string, number>> {
  const levels = new Map<string, number>();
  for (const sku of skus) {
    levels.set(sku, await onHandMilli(api, sku, branch));
  }
  return levels;
}

export async function onHandMilli(api: Api, sku: string, branch: string): Promise<number> {
  const level = await api.get<{ onHandMilli: number }>(
    `/v1/stock/${encodeURIComponent(sku)}?branch=${branch}`,
  );
  return level.onHandMilli;
}

async function pricesOf(api: Api, skus: readonly string[]): Promise<Map<string, number>> {
  const prices = new Map<string, number>();
  for (const sku of skus) {
    const { priceMinor } = await api.get<{ priceMinor: number }>(`/v1/products/${encodeURIComponent(sku)}`);
    prices.set(sku, priceMinor);
  }
  return prices;
}

async function pointsOf(api: Api, customers: readonly string[]): Promise<Map<string, number>> {
  const points = new Map<string, number>();
  for (const id of customers) {
    const customer = await api.get<{ points: { balance: number } }>(
      `/v1/customers/${encodeURIComponent(id)}`,
    );
    points.set(id, customer.points.balance);
  }
  return points;
}

async function exists(api: Api, path: string): Promise<boolean> {
  return api.get(path).then(
    () => true,
    () => false,
  );
}
