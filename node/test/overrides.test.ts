/** A branch's own price and availability; what head office changes during an outage; products that are archived and come back. */
import { parseFeedName } from '@branchline/feed';
import type { OrderRequest, OverridePut, ProblemError, ProductPut } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Machine } from './support/chain.ts';
import { type Places, peersOf, threeMachines } from './support/three-machines.ts';

const test = suite('the catalog in a branch');

const HOUR_MS = 3_600_000;
const put = (at: Machine, fields: object) =>
  at.services.products.put('CHAIR', at.request(fields as ProductPut));
const override = (at: Machine, fields: OverridePut, branch?: string) =>
  at.services.catalog.putOverride('CHAIR', branch, at.request(fields));
const priceAt = (at: Machine) => at.services.products.get('CHAIR')?.priceMinor;
const isShown = (at: Machine) => at.services.products.search({ q: 'chair', limit: 5 }).length === 1;
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: ProblemError) => error.code,
  );

const shops = (story: (places: Places) => Promise<void>): Promise<void> =>
  threeMachines(async (places) => {
    const { hq, shop, other, chain } = places;
    await put(hq, { name: 'Chair', priceMinor: 10_000, vat: 'vat22' });
    await chain.until(() => priceAt(shop) === 10_000 && priceAt(other) === 10_000);
    await story(places);
  });

test('a branch sells at its own price while its dates hold, and nobody else does', () =>
  shops(async ({ hq, shop, other, chain }) => {
    const nowMs = chain.clock.nowMs();
    const from = new Date(nowMs + HOUR_MS).toISOString();
    const until = new Date(nowMs + 2 * HOUR_MS).toISOString();
    const { body } = await override(shop, { priceMinor: 9_000, from, until });
    assert.equal(body.price, { value: 9_000, from, until, at: body.price?.at });
    assert.is(priceAt(shop), 10_000);
    await chain.pass(HOUR_MS, 60_000);
    assert.is(priceAt(shop), 9_000);
    const { body: order } = await shop.services.orders.place(
      shop.request({
        lines: [{ sku: 'CHAIR', quantityMilli: 1000, discountMinor: 0 }],
        payments: [{ kind: 'cash', amountMinor: 9_000 }],
        redeemPoints: 0,
      } as unknown as OrderRequest),
    );
    assert.is(order.totalMinor, 9_000);
    await put(hq, { priceMinor: 12_000 });
    await chain.until(() => priceAt(other) === 12_000);
    assert.is(priceAt(shop), 9_000, 'head office’s price waits until the branch’s ends');
    assert.is(hq.services.catalog.override('CHAIR', 'B001').price?.value, 9_000);
    await chain.pass(HOUR_MS, 60_000);
    assert.is(priceAt(shop), 12_000);
  }));

test('availability is the branch’s own; head office may take back what a branch said, and the last one said counts', () =>
  shops(async ({ hq, shop, other, chain }) => {
    await override(shop, { available: false });
    await override(shop, { priceMinor: 9_000 });
    assert.equal([isShown(shop), isShown(other), priceAt(shop)], [false, true, 9_000]);
    await chain.until(() => hq.services.catalog.override('CHAIR', 'B001').price?.value === 9_000);
    await chain.pass(1_000);
    await override(hq, { priceMinor: null }, 'B001');
    await chain.until(() => priceAt(shop) === 10_000);
    assert.is(isShown(shop), false, 'the other field stays');
    await override(shop, { available: null });
    assert.is(isShown(shop), true);
  }));

test('an override outlives a restart and the loss of rows', () =>
  shops(async ({ hq, shop }) => {
    await override(shop, { priceMinor: 9_000 });
    await shop.stop();
    await shop.start(peersOf(hq));
    assert.is(priceAt(shop), 9_000);
    await shop.stop();
    shop.loseRows();
    await shop.start(peersOf(hq));
    assert.is(priceAt(shop), 9_000);
  }));

test('G11: a branch cannot set prices of another, not at its node and not at a peer', () =>
  shops(async ({ hq, shop, other }) => {
    assert.is(await codeOf(override(shop, { priceMinor: 1 }, 'B002')), 'FORBIDDEN');
    assert.is(await codeOf(put(shop, { priceMinor: 1 })), 'FORBIDDEN');
    const missing = shop.services.catalog.putOverride('NONE', undefined, shop.request({ priceMinor: 1 }));
    assert.is(await codeOf(missing), 'PRODUCT_NOT_FOUND');
    const { writer } = shop.key;
    for (const peer of [hq, other]) {
      const may = (feed: string) => peer.registry!.mayWrite(writer, parseFeedName(feed));
      assert.is(may(`prices/B001/${writer}`), true);
      assert.is(may(`prices/B002/${writer}`), false);
      assert.is(may(`catalog/${writer}`), false);
    }
  }));

test('prices edited during an outage of eight hours reach the branch, the last one of each', () =>
  shops(async ({ hq, shop, chain }) => {
    await shop.stop();
    await shop.start({ mode: 'offline' });
    for (let hour = 1; hour <= 8; hour++) {
      await put(hq, { priceMinor: 10_000 + hour });
      await chain.pass(HOUR_MS, 60_000);
    }
    assert.is(priceAt(shop), 10_000);
    await shop.stop();
    await shop.start(peersOf(hq));
    await chain.until(() => priceAt(shop) === 10_008);
  }));

test('a product archived at head office during an outage disappears at the branch afterwards, and comes back the same way', () =>
  shops(async ({ hq, shop, chain }) => {
    for (const retired of [true, false]) {
      await shop.stop();
      await shop.start({ mode: 'offline' });
      await put(hq, { retired });
      await chain.pass(HOUR_MS, 60_000);
      assert.is(isShown(shop), retired);
      await shop.stop();
      await shop.start(peersOf(hq));
      await chain.until(() => isShown(shop) === !retired);
      assert.is(shop.services.products.get('CHAIR')?.retired, retired);
    }
  }));

test('one customer edited in two branches without a link keeps both edits', () =>
  shops(async ({ hq, shop, other, chain }) => {
    const edit = (at: Machine, fields: object) =>
      at.services.customers.put('anna', at.request(fields as never));
    await edit(shop, { name: 'Anna', phone: '+7 900 000 00 01' });
    const read = (at: Machine) => at.services.customers.get('anna');
    await chain.until(async () => (await read(other))?.name === 'Anna');
    for (const place of [shop, other]) {
      await place.stop();
      await place.start({ mode: 'offline' });
    }
    await edit(shop, { phone: '+7 900 000 00 02' });
    await edit(other, { email: 'anna@example.test' });
    for (const place of [shop, other]) {
      await place.stop();
      await place.start(peersOf(hq));
    }
    await chain.until(async () => {
      const seen = await Promise.all([hq, shop, other].map(read));
      return seen.every((each) => each?.phone === '+7 900 000 00 02' && each.email === 'anna@example.test');
    });
  }));

test.run();
