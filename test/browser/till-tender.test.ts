// limit: 420 s
/// <reference lib="dom" />
/**
 * What a sale takes besides money, in a real browser on a whole demo chain: points, gift cards and coupons, each spent and each refused
 * in words; prices of promotions; marked pieces and lots.
 */
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DESKTOP, PHONE, screenshot } from '../support/chromium.ts';
import { thisMany } from '../support/page-checks.ts';
import { type Shop, ShopStage, scan, WAIT_MS } from '../support/shop-stage.ts';
import { until } from '../support/within.ts';

const BARCODE = '4600000700017';

interface Sold {
  readonly number: string;
  readonly totalMinor: number;
  readonly lines: readonly { markingCode?: string; lot?: string; serials?: string[] }[];
  readonly payments: readonly { kind: string; amountMinor: number }[];
  readonly coupons?: readonly { discountMinor: number }[];
  readonly loyalty: { readonly earned: number; readonly redeemed: number };
}

const test = suite('points, gift cards, coupons and marks at the till');
let stage: ShopStage;
let hq: Shop;
let shop: Shop;

test.before(async () => {
  stage = await ShopStage.open('till, tender');
  ({ hq, shop } = stage);
  // A point for every 10.00, worth 1.00, and they may pay for everything.
  const rules = {
    pointsPerStep: 1,
    stepMinor: 1_000,
    pointValueMinor: 100,
    sharePercentMax: 100,
    expiryDays: 0,
  };
  await stage.call(hq, 'PUT', '/v1/loyalty/programmes/2020-01-01', rules);
  await stage.arrives<{ today: typeof rules }>(
    shop,
    '/v1/loyalty/programmes',
    ({ today }) => today.stepMinor === rules.stepMinor && today.sharePercentMax === rules.sharePercentMax,
  );
  await stage.stockUp([
    { sku: 'KETTLE', name: 'Kettle of copper', priceMinor: 100_000, barcodes: [BARCODE] },
  ]);
});

test.after(() => stage.close());

const newest = async (): Promise<Sold> => (await stage.newest<Sold>())!;

/** The till with this much of the kettle on its cart, at the payment. */
async function paying(
  times: string,
  customer?: string,
  size: { width: number; height: number } = DESKTOP,
): Promise<Page> {
  const page = await stage.till(size);
  await page.locator('#search').fill(`${times}*kettle of copper`);
  await page.locator('.found', { hasText: 'Kettle of copper' }).click();
  await page.locator('.line').waitFor();
  if (customer !== undefined) {
    await page.locator('[data-key="F4"]').click();
    await page.locator('#customer').fill(customer);
    await page.locator('.plain-list button', { hasText: customer }).click();
  }
  await page.locator('.cart [data-key="F8"]').click();
  await page.locator('#cash').waitFor();
  return page;
}

const total = (page: Page, text: string) => page.locator('.payment .total', { hasText: text }).waitFor();

async function give(page: Page, code: string): Promise<void> {
  await page.locator('#gift').fill(code);
  await page.getByRole('button', { name: 'Use', exact: true }).click();
}

/** What is held elsewhere is asked for and takes a moment to come; a person tries again, as the till tells him. */
async function giveCard(page: Page, code: string, sum: string): Promise<void> {
  const paid = page.getByText(`pays ₽${sum}`);
  await until(WAIT_MS, `the right to spend ${code}`, async () => {
    await give(page, code);
    await page
      .getByText(/^Nothing can be paid|^The right to this card|pays ₽/)
      .first()
      .waitFor();
    return (await paid.count()) === 1;
  });
}

async function payInCash(page: Page): Promise<Sold> {
  await page.getByRole('button', { name: 'Pay in cash' }).click();
  await page.locator('.receipt').waitFor();
  return newest();
}

test('points: earned by a sale, then spent, as many as may pay for this one', async () => {
  await stage.call(shop, 'PUT', '/v1/customers/c-olga', { name: 'Olga Sokolova' });
  const first = await paying('2', 'Olga Sokolova');
  await first.getByText('The customer has no points.').waitFor();
  const earning = await payInCash(first);
  assert.is(earning.loyalty.earned, 200);
  await first.context().close();
  const page = await paying('1', 'Olga Sokolova');
  await page.getByRole('button', { name: 'Use points' }).click();
  await page.getByText(/^\d[\d,]* points? pay/).waitFor();
  await screenshot(page, 'till-points-1280');
  await stage.checks.nothingSerious(page, 'points');
  const spending = await payInCash(page);
  assert.is(spending.loyalty.redeemed, 200);
  assert.is(spending.totalMinor, 80_000);
  await page.context().close();
});

test('points: what another till has spent meanwhile is refused in words, and nothing is sold', async () => {
  const page = await paying('1', 'Olga Sokolova');
  const { points } = await stage.call<{ points: { balance: number } }>(shop, 'GET', '/v1/customers/c-olga');
  assert.ok(points.balance > 0);
  const quoting = page.waitForRequest(
    (asked) => asked.url().endsWith('/v1/quotes') && asked.postData()?.includes('redeemPoints') === true,
  );
  await page.getByRole('button', { name: 'Use points' }).click();
  // What they cost is asked before the other till spends them, and no question is under way then.
  await (await quoting).response();
  await page.getByText(/^\d[\d,]* points? pay/).waitFor();
  await total(page, '920.00');
  await stage.call(shop, 'POST', '/v1/orders', {
    lines: [{ sku: 'KETTLE', quantityMilli: 1000, unitPriceMinor: points.balance * 100 + 1 }],
    payments: [{ kind: 'cash', amountMinor: 1 }],
    customer: { id: 'c-olga' },
    redeemPoints: points.balance,
  });
  const meanwhile = await newest();
  await page.getByRole('button', { name: 'Pay in cash' }).click();
  await page
    .getByText(/Not so many points|Points may not pay so much/)
    .first()
    .waitFor();
  assert.is((await newest()).number, meanwhile.number, 'nothing more was sold');
  await screenshot(page, 'till-points-refused-1280');
  await page.context().close();
});

test('a gift card: pays its part, then has nothing left; an unknown code is neither card nor coupon', async () => {
  await stage.call(hq, 'POST', '/v1/gift-cards/issue', { code: 'GIFT-2026-0001', amountMinor: 30_000 });
  await until(WAIT_MS, 'the card in the shop', async () => {
    const card = await stage.call<{ balanceMinor: number }>(shop, 'POST', '/v1/gift-cards/balance', {
      code: 'GIFT-2026-0001',
    });
    return card.balanceMinor === 30_000;
  });
  const page = await paying('1', undefined, PHONE);
  await give(page, 'NOSUCHCODE1');
  await page.getByText('No gift card and no coupon has this code here.').waitFor();
  await screenshot(page, 'till-voucher-unknown-390');
  await giveCard(page, 'gift 2026 0001', '300.00');
  await total(page, '700.00');
  await screenshot(page, 'till-gift-390');
  await stage.checks.nothingSerious(page, 'gift card');
  const sold = await payInCash(page);
  assert.equal(
    sold.payments.map(({ kind, amountMinor }) => [kind, amountMinor]),
    [
      ['giftCard', 30_000],
      ['cash', 70_000],
    ],
  );
  await page.context().close();
  const again = await paying('1');
  await give(again, 'GIFT20260001');
  await again.getByText('Nothing can be paid with this card here now.').waitFor();
  await screenshot(again, 'till-gift-empty-1280');
  await again.context().close();
});

test('a gift card spent elsewhere between the look and the payment: refused in words, the cart is kept', async () => {
  await stage.call(shop, 'POST', '/v1/gift-cards/issue', { code: 'GIFT-2026-0002', amountMinor: 50_000 });
  const page = await paying('1');
  await giveCard(page, 'GIFT20260002', '500.00');
  await total(page, '500.00');
  await stage.call(shop, 'POST', '/v1/orders', {
    lines: [{ sku: 'KETTLE', quantityMilli: 1000 }],
    payments: [
      { kind: 'giftCard', amountMinor: 50_000, code: 'GIFT20260002' },
      { kind: 'cash', amountMinor: 50_000 },
    ],
  });
  const meanwhile = await newest();
  await page.getByRole('button', { name: 'Pay in cash' }).click();
  await page.getByText('Not so much can be paid with this gift card here now.').waitFor();
  await page.getByText('nothing was sold').waitFor();
  await screenshot(page, 'till-gift-refused-1280');
  await stage.checks.nothingSerious(page, 'refused');
  assert.is((await newest()).number, meanwhile.number);
  await page.getByRole('button', { name: 'Back to the cart' }).click();
  await thisMany(page.locator('.line'), 1);
  await page.context().close();
});

test('a coupon: counts once, with its amount in the total; one that asks for a larger cart says so', async () => {
  const { branch } = shop;
  await stage.call(shop, 'POST', '/v1/coupons/issue', { code: 'SPRING2026', discountPercent: 10, branch });
  await stage.call(shop, 'POST', '/v1/coupons/issue', {
    code: 'LARGE2026',
    discountMinor: 5_000,
    minTotalMinor: 1_000_000,
    branch,
  });
  const page = await paying('1');
  await give(page, 'LARGE2026');
  await page.getByText('This coupon counts from').waitFor();
  await give(page, 'spring-2026');
  await page.getByText('counts', { exact: false }).first().waitFor();
  await total(page, '900.00');
  await screenshot(page, 'till-coupon-1280');
  await stage.checks.nothingSerious(page, 'coupon');
  const sold = await payInCash(page);
  assert.is(sold.totalMinor, 90_000);
  assert.equal(
    sold.coupons?.map(({ discountMinor }) => discountMinor),
    [10_000],
  );
  await page.context().close();
  const again = await paying('1');
  await give(again, 'SPRING2026');
  await again.getByText('This coupon was used before.').waitFor();
  await screenshot(again, 'till-coupon-used-1280');
  await again.context().close();
});

test('a promotion is on the cart before anybody pays', async () => {
  const promotion = { name: 'Kettles', percentOff: 20, skus: ['KETTLE'], minQuantityMilli: 3_000 };
  await stage.call(hq, 'PUT', '/v1/promotions/KETTLES', promotion);
  await stage.arrives<{ promotions: { id: string }[] }>(shop, '/v1/promotions', ({ promotions }) =>
    promotions.some(({ id }) => id === 'KETTLES'),
  );
  const page = await paying('3');
  await total(page, '2,400.00');
  await page.keyboard.press('Escape');
  await page.getByText('Promotion').waitFor();
  await screenshot(page, 'till-promotion-1280');
  await page.keyboard.press('F8');
  await total(page, '2,400.00');
  assert.is((await payInCash(page)).totalMinor, 240_000);
  await page.context().close();
});

test('a marked piece by scan, once; lot and serial numbers by hand; both are in the order', async () => {
  const page = await paying('1');
  await page.keyboard.press('Escape');
  const marked = `010${BARCODE}21aBc123`;
  await scan(page, marked);
  await thisMany(page.locator('.line'), 2);
  await page.getByText('Marked piece').waitFor();
  await scan(page, marked);
  await page.getByText('This very piece is on the cart already.').waitFor();
  await page.locator('.line-head').first().click();
  await page.getByText('Lot, serial numbers').click();
  await page.getByLabel('Lot', { exact: true }).fill('L-77');
  await page.getByLabel('Serial numbers').fill('S1 S2');
  await page.getByLabel('Serial numbers').blur();
  await page.locator('.line-head', { hasText: 'S1, S2' }).waitFor();
  await screenshot(page, 'till-marks-1280');
  await stage.checks.nothingSerious(page, 'marks');
  await page.locator('.cart [data-key="F8"]').click();
  await page.locator('#cash').waitFor();
  const { lines } = await payInCash(page);
  assert.is(lines[0]!.lot, 'L-77');
  assert.equal(lines[0]!.serials, ['S1', 'S2']);
  assert.is(lines[1]!.markingCode, marked);
  await page.context().close();
  stage.checks.end();
});

test.run();
