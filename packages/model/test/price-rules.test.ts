/** Prices by rule: which pricelist counts, which promotion, and that neither the order of lines nor of rules changes anything. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  PRICELIST_ROWS_MAX,
  PROMOTION_NAMES_MAX,
  type Pricelist,
  type Promotion,
  priceByRules,
  pricelistPut,
  priceOrder,
  promotionPut,
  type UnpricedLine,
} from '../src/index.ts';

const test = suite('prices by rule');

const NOW = { ms: Date.UTC(2026, 10, 22), branch: 'B001', group: undefined as string | undefined };
const promotion = (id: string, fields: object): Promotion => ({
  id,
  ...promotionPut.parse({ name: id, ...fields }),
});
const pricelist = (id: string, priceMinor: number, fields: object = {}): Pricelist => ({
  id,
  ...pricelistPut.parse({ name: id, prices: [{ sku: 'TEA', priceMinor }], ...fields }),
});
const line = (fields: Partial<UnpricedLine> = {}): UnpricedLine => ({
  sku: 'TEA',
  quantityMilli: 1000,
  discountMinor: 0,
  product: { priceMinor: 1000, category: 'drinks' },
  ...fields,
});
const priced = (lines: UnpricedLine[], promotions: Promotion[], pricelists: Pricelist[] = [], moment = NOW) =>
  priceByRules(lines, { promotions, pricelists }, moment);

test('R1: a line that names its price keeps it', () => {
  const [only] = priced(
    [line({ unitPriceMinor: 7 })],
    [promotion('p', { percentOff: 50 })],
    [pricelist('l', 5)],
  );
  assert.equal(only, { unitPriceMinor: 7 });
});

test('R2: the most particular pricelist counts; without one the catalog; without both nobody knows', () => {
  const lists = [
    pricelist('all', 900),
    pricelist('branch', 800, { branches: ['B001'] }),
    pricelist('group', 700, { group: 'staff' }),
    pricelist('both', 600, { group: 'staff', branches: ['B001'] }),
    pricelist('elsewhere', 1, { branches: ['B002'] }),
    pricelist('over', 1, { until: '2026-11-01T00:00:00Z' }),
    pricelist('archived', 1, { archived: true }),
  ];
  const at = (group?: string, branch = 'B001') =>
    priced([line()], [], lists, { ...NOW, group, branch })[0]?.unitPriceMinor;
  assert.is(at(), 800);
  assert.is(at('staff'), 600);
  assert.is(at('staff', 'B003'), 700);
  assert.is(at(undefined, 'B003'), 900);
  assert.is(priced([line()], [])[0]?.unitPriceMinor, 1000);
  assert.is(priced([line({ product: undefined })], [])[0]?.unitPriceMinor, undefined);
  assert.is(priced([line({ product: undefined })], [], lists)[0]?.unitPriceMinor, 800);
});

test('R3: the promotion that takes off most counts alone; of equal ones the smaller id', () => {
  const rules = [
    promotion('b', { amountOffMinor: 100, skus: ['TEA'] }),
    promotion('a', { percentOff: 10, categories: ['drinks'] }),
    promotion('c', { percentOff: 9 }),
  ];
  assert.equal(priced([line()], rules)[0]?.promotion, { id: 'a', discountMinor: 100 });
  assert.equal(priced([line({ product: { priceMinor: 500 } })], rules)[0]?.promotion, {
    id: 'b',
    discountMinor: 100,
  });
  assert.is(priced([line({ sku: 'CUP', product: { priceMinor: 5 } })], [rules[0]!])[0]?.promotion, undefined);
});

test('R4: what comes off never exceeds what is left of the line', () => {
  const rules = [promotion('a', { amountOffMinor: 5000 })];
  assert.equal(priced([line({ discountMinor: 300 })], rules)[0]?.promotion, { id: 'a', discountMinor: 700 });
  assert.is(priced([line({ discountMinor: 1000 })], rules)[0]?.promotion, undefined);
});

test('a minimum is counted over all lines it fits; dates, branches and groups hold', () => {
  const three = [promotion('three', { percentOff: 50, minQuantityMilli: 3000, skus: ['TEA'] })];
  assert.is(priced([line(), line()], three)[0]?.promotion, undefined);
  const met = priced([line(), line({ quantityMilli: 2000 }), line({ sku: 'CUP' })], three);
  assert.equal(
    met.map((each) => each.promotion?.discountMinor),
    [500, 1000, undefined],
  );
  for (const fields of [
    { from: '2027-01-01T00:00:00Z' },
    { until: '2026-11-22T00:00:00Z' },
    { branches: ['B002'] },
    { group: 'staff' },
    { archived: true },
  ]) {
    assert.is(priced([line()], [promotion('x', { percentOff: 50, ...fields })])[0]?.promotion, undefined);
  }
});

test('R5: neither the order of lines nor of rules changes a price, and totals are exact', () => {
  const skus = ['TEA', 'CUP', 'MUG'];
  const lines = fc.array(
    fc.record({
      sku: fc.constantFrom(...skus),
      quantityMilli: fc.integer({ min: 1, max: 50_000 }),
      price: fc.integer({ min: 0, max: 1_000_000 }),
      category: fc.constantFrom('drinks', 'dishes'),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const promotions = fc.uniqueArray(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      percent: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
      amount: fc.integer({ min: 1, max: 50_000 }),
      skus: fc.option(fc.constantFrom(['TEA'], ['CUP', 'MUG']), { nil: undefined }),
      min: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: undefined }),
    }),
    { selector: ({ id }) => id, maxLength: 4 },
  );
  fc.assert(
    fc.property(lines, promotions, fc.integer(), (drawn, rules, seed) => {
      const cart = drawn.map(({ sku, quantityMilli, price, category }) =>
        line({ sku, quantityMilli, product: { priceMinor: price, category } }),
      );
      const all = rules.map(({ id, percent, amount, skus: named, min }) =>
        promotion(id, {
          ...(percent === undefined ? { amountOffMinor: amount } : { percentOff: percent }),
          ...(named === undefined ? {} : { skus: named }),
          ...(min === undefined ? {} : { minQuantityMilli: min }),
        }),
      );
      const turn = Math.abs(seed) % cart.length;
      const turned = [...cart.slice(turn), ...cart.slice(0, turn)].reverse();
      const by = (lines_: UnpricedLine[], rules_: Promotion[]) => {
        const prices = priced(lines_, rules_);
        const order = priceOrder({
          lines: lines_.map((each, at) => ({
            quantityMilli: each.quantityMilli,
            unitPriceMinor: prices[at]!.unitPriceMinor!,
            discountMinor: prices[at]!.promotion?.discountMinor ?? 0,
            vat: 'vat22' as const,
          })),
          payments: [{ kind: 'cash', amountMinor: 1_000_000_000 }],
        });
        assert.ok(order.ok);
        return { prices: new Map(lines_.map((each, at) => [each, prices[at]])), order: order.order };
      };
      const one = by(cart, all);
      const two = by(turned, [...all].reverse());
      assert.is(one.order.totalMinor, two.order.totalMinor);
      assert.is(
        one.order.totalMinor,
        one.order.lines.reduce((sum, { totalMinor }) => sum + totalMinor, 0),
      );
      for (const each of cart) {
        assert.equal(one.prices.get(each), two.prices.get(each));
      }
      assert.ok(one.order.lines.every(({ totalMinor }) => totalMinor >= 0));
    }),
    { numRuns: 1_000 },
  );
});

test('limits and shapes: one kind of discount, dates in order, no product twice, no list beyond its limit', () => {
  const isPromotion = (fields: object) => promotionPut.safeParse({ name: 'x', ...fields }).success;
  assert.ok(isPromotion({ percentOff: 5 }));
  assert.not.ok(isPromotion({}));
  assert.not.ok(isPromotion({ percentOff: 5, amountOffMinor: 5 }));
  assert.not.ok(isPromotion({ percentOff: 101 }));
  assert.not.ok(isPromotion({ percentOff: 5, from: '2026-02-01T00:00:00Z', until: '2026-01-01T00:00:00Z' }));
  const skus = (count: number) => Array.from({ length: count }, (_, at) => `S${at}`);
  assert.ok(isPromotion({ percentOff: 5, skus: skus(PROMOTION_NAMES_MAX) }));
  assert.not.ok(isPromotion({ percentOff: 5, skus: skus(PROMOTION_NAMES_MAX + 1) }));
  const isPricelist = (names: string[]) =>
    pricelistPut.safeParse({ name: 'x', prices: names.map((sku) => ({ sku, priceMinor: 1 })) }).success;
  assert.ok(isPricelist(skus(PRICELIST_ROWS_MAX)));
  assert.not.ok(isPricelist(skus(PRICELIST_ROWS_MAX + 1)));
  assert.not.ok(isPricelist(['TEA', 'TEA']));
});

test.run();
