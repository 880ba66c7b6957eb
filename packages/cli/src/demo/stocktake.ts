/**
 * Fills an empty chain: the Superstore catalog and customers at HQ, goods received in the shops. Does nothing where it is done.
 *
 * The last article of a kind is `LAST_ITEM`: each shop gets exactly one piece of it, so that two tills can sell it at once.
 */
import { loadSuperstore, type Superstore, type SuperstoreOrder } from '@branchline/fixtures';
import type { Clock } from 'hlc-ts';
import type { Chain, Shop } from './chain.ts';

/** Orders of the data set each shop sells in a scenario: the story waits until every one of them is printed. */
export const ORDERS_PER_SHOP = 30;
/** Products per call: keeps a body below the API's 100 KB. */
const PRODUCTS_PER_CALL = 200;
const CUSTOMERS_AT_ONCE = 16;
const STOCK_LINES_PER_CALL = 250;
const PIECES_RECEIVED = 50;
const POLL_MS = 25;
const CATALOG_DEADLINE_MS = 30_000;

export interface Assortment {
  readonly superstore: Superstore;
  /** What each shop sells, by branch. */
  readonly orders: ReadonlyMap<string, readonly SuperstoreOrder[]>;
  /** Those of the orders above; HQ knows all of the set. */
  readonly customers: readonly string[];
  readonly lastItem: string;
}

export async function fillChain(chain: Chain, clock: Clock): Promise<Assortment> {
  const assortment = chooseAssortment(chain);
  if ((await productCount(chain.hq)) === 0) {
    await importCatalog(chain.hq, assortment);
  }
  await Promise.all(chain.shops.map((shop) => catalogArrived(shop, assortment, clock)));
  for (const shop of chain.shops) {
    await receiveGoods(shop, assortment);
  }
  return assortment;
}

function chooseAssortment(chain: Chain): Assortment {
  const superstore = loadSuperstore();
  const regions = ['West', 'East'];
  const orders = new Map(
    chain.shops.map((shop, index) => [
      shop.branch,
      superstore.orders.filter((order) => order.region === regions[index]).slice(0, ORDERS_PER_SHOP),
    ]),
  );
  const sold = new Set(
    [...orders.values()].flat().flatMap(({ request }) => request.lines.map((line) => line.sku)),
  );
  const lastItem = superstore.products.find((product) => !sold.has(product.sku))!.sku;
  const customers = [
    ...new Set([...orders.values()].flat().map(({ request }) => String(request.customer?.id))),
  ];
  return { superstore, orders, customers, lastItem };
}

async function importCatalog(hq: Shop, { superstore }: Assortment): Promise<void> {
  const { products, customers } = superstore;
  for (let from = 0; from < products.length; from += PRODUCTS_PER_CALL) {
    const batch = products.slice(from, from + PRODUCTS_PER_CALL);
    await hq.api.post('/v1/products', { products: batch }, `catalog-${from}`);
  }
  for (let from = 0; from < customers.length; from += CUSTOMERS_AT_ONCE) {
    await Promise.all(
      customers
        .slice(from, from + CUSTOMERS_AT_ONCE)
        .map(({ id, name }) =>
          hq.api.put(`/v1/customers/${encodeURIComponent(id)}`, { name }, `customer-${id}`),
        ),
    );
  }
}

async function catalogArrived(shop: Shop, { lastItem }: Assortment, clock: Clock): Promise<void> {
  const deadline = clock.monotonicMs() + CATALOG_DEADLINE_MS;
  while (clock.monotonicMs() < deadline) {
    if (await hasProduct(shop, lastItem)) {
      return;
    }
    await clock.sleep(POLL_MS);
  }
}

async function productCount(shop: Shop): Promise<number> {
  const { products } = await shop.api.get<{ products: unknown[] }>('/v1/products?limit=1');
  return products.length;
}

async function hasProduct(shop: Shop, sku: string): Promise<boolean> {
  const { products } = await shop.api.get<{ products: { sku: string }[] }>(
    `/v1/products?q=${encodeURIComponent(sku)}&limit=5`,
  );
  return products.some((product) => product.sku === sku);
}

async function receiveGoods(shop: Shop, { orders, lastItem }: Assortment): Promise<void> {
  const skus = [
    ...new Set((orders.get(shop.branch) ?? []).flatMap(({ request }) => request.lines.map(({ sku }) => sku))),
  ];
  const lines = [
    { sku: lastItem, quantityMilli: 1_000 },
    ...skus.map((sku) => ({ sku, quantityMilli: PIECES_RECEIVED * 1_000 })),
  ];
  for (let from = 0; from < lines.length; from += STOCK_LINES_PER_CALL) {
    // The key makes a second start of the demo receive nothing twice.
    await shop.api.post(
      '/v1/stock/receipts',
      { reference: 'opening', lines: lines.slice(from, from + STOCK_LINES_PER_CALL) },
      `opening-${from}`,
    );
  }
}
