/** Promotions and pricelists: written at head office, the same prices in every branch, in the quote and in the sale. */
import type { OrderRequest, PricelistPut, ProblemError, PromotionPut, QuoteRequest } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PRICING_IDS_MAX } from '../src/projections/pricing.ts';
import { Chain, type Machine } from './support/chain.ts';
import { type Places, peersOf, threeMachines } from './support/three-machines.ts';

const test = suite('promotions and pricelists');

const TILL = { till: 'T1', role: 'cashier' } as const;
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: ProblemError) => error.code,
  );
const promote = (at: Machine, id: string, fields: Partial<PromotionPut>) =>
  at.services.pricing.putPromotion(id, at.request({ name: id, archived: false, ...fields } as PromotionPut));
const list = (at: Machine, id: string, fields: Partial<PricelistPut>) =>
  at.services.pricing.putPricelist(id, at.request({ name: id, archived: false, ...fields } as PricelistPut));
const cart = (customer?: string, fields: object = {}) =>
  ({
    lines: [{ sku: 'CHAIR', quantityMilli: 2000, discountMinor: 0, ...fields }],
    payments: [],
    redeemPoints: 0,
    ...(customer === undefined ? {} : { customer: { id: customer } }),
  }) as unknown as QuoteRequest;
const quoted = async (at: Machine, customer?: string) =>
  (await at.services.pricing.quote(TILL, cart(customer))).totalMinor;

const shops = (story: (places: Places) => Promise<void>): Promise<void> =>
  threeMachines(async (places) => {
    const { hq, shop, other, chain } = places;
    await hq.services.products.put(
      'CHAIR',
      hq.request({ name: 'Chair', priceMinor: 10_000, vat: 'vat22', category: 'seats' } as never),
    );
    await chain.until(() => shop.services.products.get('CHAIR') !== undefined);
    await chain.until(() => other.services.products.get('CHAIR') !== undefined);
    await story(places);
  });

test('what head office writes prices the quote and the sale alike, and stands in the line', () =>
  shops(async ({ hq, shop, other, chain }) => {
    assert.is(await codeOf(promote(shop, 'seats', { percentOff: 10 })), 'FORBIDDEN');
    await promote(hq, 'seats', { percentOff: 10, categories: ['seats'], branches: ['B001' as never] });
    await list(hq, 'staff', { prices: [{ sku: 'CHAIR' as never, priceMinor: 6_000 }], group: 'staff' });
    await shop.services.customers.put('anna', shop.request({ name: 'Anna', group: 'staff' }));
    await chain.until(async () => (await quoted(shop)) === 18_000);
    assert.is(await quoted(shop, 'anna'), 10_800);
    assert.is(await quoted(other), 20_000);
    const quote = await shop.services.pricing.quote(TILL, cart('anna'));
    const { body: order } = await shop.services.orders.place(
      shop.request({
        ...cart('anna'),
        payments: [{ kind: 'cash', amountMinor: 10_800 }],
      } as unknown as OrderRequest),
    );
    assert.equal(order.lines, quote.lines);
    assert.equal(order.lines[0]?.promotion, { id: 'seats', discountMinor: 1_200 });
    assert.is(order.lines[0]?.discountMinor, 1_200);
    assert.equal([quote.totalMinor, quote.discountMinor], [order.totalMinor, 1_200]);
    // Head office sees the promotion in the replicated order.
    await chain.until(async () => (await hq.services.orders.get(order.id)) !== undefined);
    assert.equal((await hq.services.orders.get(order.id))?.lines[0]?.promotion, order.lines[0]?.promotion);
    // A price named by the till stays.
    const named = await shop.services.pricing.quote(TILL, cart(undefined, { unitPriceMinor: 9_999 }));
    assert.is(named.totalMinor, 19_998);
    assert.is(
      await codeOf(shop.services.pricing.quote(TILL, cart(undefined, { sku: 'NOPE' }))),
      'PRODUCT_UNKNOWN',
    );
    // A quote takes no number and no stock.
    const { body: next } = await shop.services.orders.place(
      shop.request({
        ...cart(),
        payments: [{ kind: 'cash', amountMinor: 18_000 }],
      } as unknown as OrderRequest),
    );
    assert.is(next.number, 'B001-000002');
    assert.is((await shop.services.stock.get('CHAIR'))?.onHandMilli, -4_000);
  }));

test('an archived promotion ends everywhere, also after a restart and without rows', () =>
  shops(async ({ hq, shop, chain }) => {
    await promote(hq, 'half', { percentOff: 50 });
    await chain.until(async () => (await quoted(shop)) === 10_000);
    await shop.stop();
    await shop.start();
    assert.is(await quoted(shop), 10_000);
    await promote(hq, 'half', { percentOff: 50, archived: true });
    await shop.stop();
    shop.loseRows();
    await shop.start(peersOf(hq));
    await chain.until(async () => (await quoted(shop)) === 20_000);
    assert.equal(
      shop.services.pricing.promotions().map(({ id, archived }) => [id, archived]),
      [['half', true]],
    );
    assert.equal(shop.services.pricing.pricelists(), []);
  }));

test('there is a limit, and it is named', async () => {
  const chain = await Chain.open();
  try {
    const hq = await chain.machine('HQ', { role: 'hq' });
    await hq.start();
    await Promise.all(
      Array.from({ length: PRICING_IDS_MAX }, (_, at) => promote(hq, `p${at}`, { percentOff: 1 })),
    );
    assert.is(await codeOf(promote(hq, 'one-more', { percentOff: 1 })), 'PRICING_FULL');
    assert.is(await codeOf(promote(hq, 'p0', { percentOff: 2 })), 'accepted');
    assert.is(hq.services.pricing.promotions().length, PRICING_IDS_MAX);
  } finally {
    await chain.close();
  }
});

test.run();
