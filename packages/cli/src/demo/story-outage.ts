/**
 * The outage story: two shops lose their link, go on selling, and agree with everybody when it returns.
 *
 *     level ─ cut ─ sell in both shops · last item twice · HQ changes prices ─ restore ─ level ─ compare everything
 *              └── receipts are printed, the operator gets none ───────────────┴── and then all of them, in order
 *
 * Each shop sells real orders of the Superstore data set through two tills at once. Meanwhile one request is repeated as a
 * till does that lost the answer, and both tills of one shop sell the same last item. Nothing is repaired by hand: after the
 * link returns the story only waits and compares what every program answers over its public API.
 */
import type { Clock } from 'hlc-ts';
import { type Claims, compareAll, newsArrived, onHandMilli, type SoldOrder } from './agreement.ts';
import type { Api } from './api.ts';
import type { Chain, Shop } from './chain.ts';
import type { Checks } from './checks.ts';
import type { Assortment } from './stocktake.ts';
import { PointsStory } from './story-points.ts';
import { type ReceiptFigures, ReceiptsStory } from './story-receipts.ts';

const POLL_MS = 20;
const NOTICE_DEADLINE_MS = 15_000;
const AGREE_DEADLINE_MS = 60_000;
const PRICE_CHANGES = 25;
const COMPARE_EVERY_MS = 250;

interface SyncAnswer {
  readonly unsentEntries: number;
  readonly peers: readonly {
    readonly state: string;
    readonly cause: string;
    readonly missingHere: number;
    readonly missingThere: number;
  }[];
}

export interface OutageResult {
  readonly soldOrders: number;
  readonly soldMinor: number;
  readonly saleMs: readonly number[];
  readonly queuedEntries: number;
  readonly agreedAfterMs: number;
  readonly receipts: ReceiptFigures;
}

export interface OutageOptions {
  readonly chain: Chain;
  readonly assortment: Assortment;
  readonly checks: Checks;
  readonly clock: Clock;
  /** Makes the keys of this telling differ from those of an earlier one on the same data. */
  readonly telling: string;
  readonly say: (line: string) => void;
}

export async function playOutage(options: OutageOptions): Promise<OutageResult> {
  const { chain, checks, clock, say } = options;
  const level = await agreed(chain, clock);
  checks.expect('level before the outage', level.agreed, level.detail);

  const points = new PointsStory({ ...options, sku: options.assortment.superstore.products[0]!.sku });
  await points.earn();
  const receipts = new ReceiptsStory(options);
  await receipts.before();
  say('cutting every link of both shops, to the others and to the operator');
  await Promise.all(chain.links.map((link) => link.cut()));
  await receipts.cut();
  const noticed = await until(clock, NOTICE_DEADLINE_MS, () => everyShop(chain, isCutOff));
  checks.expect('both shops see that they are cut off', noticed, await causes(chain));

  say('selling in both shops, changing prices at HQ');
  const sales = new Sales(options);
  const [prices] = await Promise.all([
    changePrices(options),
    ...chain.shops.map((shop) => sales.sellDay(shop)),
  ]);
  await sales.sellLastItemTwice(chain.shops[0]!);
  await sales.repeatOneRequest(chain.shops[0]!);
  await points.redeem();
  await receipts.refund(chain.shops[0]!, sales.byShop.get(chain.shops[0]!.branch)!.at(-3)!);
  say('registers print what was sold');
  const printed = await receipts.printed();
  const queuedEntries = await sumUnsent(chain);
  checks.expect('what was sold waits in the shops', queuedEntries > 0, `${queuedEntries} entries queued`);

  say('the link returns');
  const restoredMs = clock.monotonicMs();
  await Promise.all(chain.links.map((link) => link.restore()));
  const claims = { soldBy: sales.byShop, prices, customers: options.assortment.customers };
  const delivering = receipts.delivered(restoredMs);
  const compared = await compareUntilEqual(chain, claims, clock);
  const agreedAfterMs = clock.monotonicMs() - restoredMs;
  const delivered = await delivering;
  const after = await agreed(chain, clock);
  checks.expect('every feed is everywhere it belongs', after.agreed, after.detail);
  checks.add(compared);
  await points.compare();
  await receipts.compare();
  return {
    soldOrders: sales.count,
    soldMinor: sales.totalMinor,
    saleMs: sales.durationsMs,
    queuedEntries,
    agreedAfterMs,
    receipts: { ...printed, ...delivered },
  };
}

/** Sells through the tills of a shop and remembers every answer. */
class Sales {
  readonly byShop = new Map<string, SoldOrder[]>();
  readonly durationsMs: number[] = [];
  readonly #options: OutageOptions;

  constructor(options: OutageOptions) {
    this.#options = options;
  }

  get count(): number {
    return [...this.byShop.values()].reduce((count, orders) => count + orders.length, 0);
  }

  get totalMinor(): number {
    return [...this.byShop.values()].flat().reduce((total, order) => total + order.totalMinor, 0);
  }

  async sellDay(shop: Shop): Promise<void> {
    const orders = this.#options.assortment.orders.get(shop.branch) ?? [];
    // Two tills work through the day's customers, each serving the next one in the queue.
    let next = 0;
    const serve = async (till: Api): Promise<void> => {
      while (next < orders.length) {
        const { orderId, request } = orders[next++]!;
        await this.#sell(shop, till, request, `${this.#options.telling}-${orderId}`);
      }
    };
    await Promise.all(shop.tills.map(serve));
    const count = this.byShop.get(shop.branch)?.length ?? 0;
    this.#options.checks.expect(
      `${shop.branch} sold without a network`,
      count === orders.length,
      `${count} orders`,
    );
  }

  async sellLastItemTwice(shop: Shop): Promise<void> {
    const { checks, assortment, telling } = this.#options;
    const sku = assortment.lastItem;
    const before = await onHandMilli(shop.api, sku, shop.branch);
    await Promise.all(
      shop.tills.map((till, index) => this.#sell(shop, till, cashSale(sku), `${telling}-last-${index}`)),
    );
    const after = await onHandMilli(shop.api, sku, shop.branch);
    checks.expect(
      'two tills sold the last item: no sale lost, the oversell shows',
      before - after === 2_000 && after < 0,
      `on hand ${before / 1000} -> ${after / 1000}`,
    );
  }

  /** A till that lost the answer asks again: same answer, no second order. */
  async repeatOneRequest(shop: Shop): Promise<void> {
    const { checks, assortment, telling } = this.#options;
    const { orderId, request } = (assortment.orders.get(shop.branch) ?? [])[0]!;
    const again = await shop.tills[0].post<SoldOrder>('/v1/orders', request, `${telling}-${orderId}`);
    const first = this.byShop.get(shop.branch)?.find((order) => order.id === again.id);
    checks.expect('a repeated request gives the same order', first?.number === again.number, again.number);
  }

  async #sell(shop: Shop, till: Api, request: unknown, key: string): Promise<void> {
    const { clock } = this.#options;
    const started = clock.monotonicMs();
    const order = await till.post<SoldOrder>('/v1/orders', request, key);
    this.durationsMs.push(clock.monotonicMs() - started);
    const orders = this.byShop.get(shop.branch) ?? [];
    orders.push(order);
    this.byShop.set(shop.branch, orders);
  }
}

function cashSale(sku: string): unknown {
  return {
    lines: [{ sku, quantityMilli: 1_000, unitPriceMinor: 1_000 }],
    payments: [{ kind: 'cash', amountMinor: 1_000 }],
  };
}

async function changePrices({ chain, assortment, telling }: OutageOptions): Promise<Map<string, number>> {
  const prices = new Map<string, number>();
  for (const product of assortment.superstore.products.slice(0, PRICE_CHANGES)) {
    const { priceMinor } = await chain.hq.api.get<{ priceMinor: number }>(
      `/v1/products/${encodeURIComponent(product.sku)}`,
    );
    prices.set(product.sku, priceMinor + 100);
  }
  for (const [sku, priceMinor] of prices) {
    await chain.hq.api.put(
      `/v1/products/${encodeURIComponent(sku)}`,
      { priceMinor },
      `${telling}-price-${sku}`,
    );
  }
  return prices;
}

/** What arrives is shown as soon as it is applied, so the comparison is repeated until it holds or time is up. */
async function compareUntilEqual(chain: Chain, claims: Claims, clock: Clock): Promise<Checks> {
  const deadline = clock.monotonicMs() + AGREE_DEADLINE_MS;
  await until(clock, AGREE_DEADLINE_MS, () => newsArrived(chain, claims));
  for (;;) {
    const checks = await compareAll(chain, claims);
    if (checks.failed.length === 0 || clock.monotonicMs() >= deadline) {
      return checks;
    }
    await clock.sleep(COMPARE_EVERY_MS);
  }
}

async function agreed(chain: Chain, clock: Clock): Promise<{ agreed: boolean; detail: string }> {
  const level = await until(clock, AGREE_DEADLINE_MS, () => everyShop(chain, isLevel));
  const [hq, ...shops] = await Promise.all([chain.hq, ...chain.shops].map((shop) => sync(shop.api)));
  const documents = [hq!, ...shops].map((answer) => answer.unsentEntries);
  return { agreed: level, detail: `entries unsent: ${documents.join(', ')}` };
}

async function everyShop(chain: Chain, holds: (answer: SyncAnswer) => boolean): Promise<boolean> {
  const answers = await Promise.all(chain.shops.map((shop) => sync(shop.api)));
  return answers.every(holds);
}

function isCutOff(answer: SyncAnswer): boolean {
  return answer.peers.every((peer) => peer.state !== 'connected');
}

function isLevel(answer: SyncAnswer): boolean {
  const connected = answer.peers.filter((peer) => peer.state === 'connected');
  return (
    connected.length > 0 &&
    answer.unsentEntries === 0 &&
    connected.every((peer) => peer.missingHere === 0 && peer.missingThere === 0)
  );
}

async function causes(chain: Chain): Promise<string> {
  const answers = await Promise.all(chain.shops.map((shop) => sync(shop.api)));
  return answers
    .map((answer, index) => `${chain.shops[index]!.branch}: ${answer.peers[0]?.cause ?? 'no peer'}`)
    .join('; ');
}

async function sumUnsent(chain: Chain): Promise<number> {
  const answers = await Promise.all(chain.shops.map((shop) => sync(shop.api)));
  return answers.reduce((sum, answer) => sum + answer.unsentEntries, 0);
}

function sync(api: Api): Promise<SyncAnswer> {
  return api.get<SyncAnswer>('/v1/sync');
}

async function until(clock: Clock, deadlineMs: number, holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = clock.monotonicMs() + deadlineMs;
  while (!(await holds())) {
    if (clock.monotonicMs() >= deadline) {
      return false;
    }
    await clock.sleep(POLL_MS);
  }
  return true;
}
