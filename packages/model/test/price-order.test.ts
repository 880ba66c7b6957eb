/**
 * Pricing a basket: the numbered rules of `priceOrder`, on hand-made baskets and on thousands of random ones.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AMOUNT_MINOR_MAX,
  type Basket,
  type PricedOrder,
  type Pricing,
  priceOrder,
  pricingProblem,
  QUANTITY_MILLI_MAX,
  vatKinds,
} from '../src/index.ts';

const test = suite('priceOrder');

const line = (quantityMilli: number, unitPriceMinor: number, discountMinor = 0) => ({
  quantityMilli,
  unitPriceMinor,
  discountMinor,
  vat: 'vat22' as const,
});
const cash = (amountMinor: number) => ({ kind: 'cash' as const, amountMinor });
const card = (amountMinor: number) => ({ kind: 'card' as const, amountMinor });

function priced(pricing: Pricing): PricedOrder {
  assert.ok(pricing.ok, JSON.stringify(pricing));
  return (pricing as Extract<Pricing, { ok: true }>).order;
}

function refused(pricing: Pricing): string {
  assert.is(pricing.ok, false);
  return (pricing as Extract<Pricing, { ok: false }>).code;
}

test('one item paid with a larger note gives change', () => {
  const order = priced(priceOrder({ lines: [line(1000, 26196)], payments: [cash(30000)] }));
  assert.is(order.totalMinor, 26196);
  assert.is(order.changeMinor, 3804);
  assert.equal(order.vat, [{ vat: 'vat22', totalMinor: 26196, vatMinor: 4724 }]);
});

test('a line is rounded half up, once', () => {
  const total = (quantityMilli: number, price: number) =>
    priced(priceOrder({ lines: [line(quantityMilli, price)], payments: [cash(10_000)] })).totalMinor;
  assert.is(total(500, 1), 1, '0.5 becomes 1');
  assert.is(total(499, 1), 0, '0.499 becomes 0');
  assert.is(total(333, 10), 3, '3.33 becomes 3');
  assert.is(total(1500, 333), 500, '499.5 becomes 500');
});

test('the largest line stays exact, one beyond it is refused', () => {
  const price = Math.floor((AMOUNT_MINOR_MAX * 1000) / QUANTITY_MILLI_MAX);
  const order = priced(
    priceOrder({ lines: [line(QUANTITY_MILLI_MAX, price)], payments: [cash(AMOUNT_MINOR_MAX)] }),
  );
  assert.is(order.totalMinor, Number((BigInt(QUANTITY_MILLI_MAX) * BigInt(price) + 500n) / 1000n));
  const beyond = priceOrder({ lines: [line(QUANTITY_MILLI_MAX, AMOUNT_MINOR_MAX)], payments: [] });
  assert.is(refused(beyond), 'AMOUNT_TOO_LARGE');
});

test('payments below the total are refused with what is missing', () => {
  const pricing = priceOrder({ lines: [line(1000, 100)], payments: [card(60), cash(39)] });
  assert.is(refused(pricing), 'PAYMENT_SHORT');
  assert.match((pricing as { detail: string }).detail, '1 are missing');
});

test('only cash is over-paid: change never comes out of a card', () => {
  assert.is(refused(priceOrder({ lines: [line(1000, 100)], payments: [card(101)] })), 'OVERPAID_NOT_CASH');
  assert.is(
    refused(priceOrder({ lines: [line(1000, 100)], payments: [card(150), cash(20)] })),
    'OVERPAID_NOT_CASH',
  );
  const order = priced(priceOrder({ lines: [line(1000, 100)], payments: [card(90), cash(20)] }));
  assert.is(order.changeMinor, 10);
});

test('a discount larger than its line is refused and names the line', () => {
  const pricing = priceOrder({ lines: [line(1000, 100), line(1000, 100, 101)], payments: [cash(200)] });
  assert.is(refused(pricing), 'DISCOUNT_TOO_LARGE');
  const problem = pricingProblem(pricing as Extract<Pricing, { ok: false }>);
  assert.is(problem.status, 422);
  assert.is(problem.errors[0]?.path, '/lines/1/discountMinor');
});

test('redeemed points are spread over the lines to the last minor unit', () => {
  const basket: Basket = {
    lines: [line(1000, 100), line(1000, 100), line(1000, 100)],
    payments: [cash(200)],
  };
  const order = priced(priceOrder({ ...basket, redeemedMinor: 100 }));
  assert.equal(
    order.lines.map((l) => l.redeemedMinor),
    [33, 34, 33],
  );
  assert.is(order.totalMinor, 200);
  assert.is(refused(priceOrder({ ...basket, redeemedMinor: 301 })), 'DISCOUNT_TOO_LARGE');
});

test('P1-P4 hold for any basket', () => {
  const anyLine = fc
    .record({
      quantityMilli: fc.integer({ min: 1, max: 50_000 }),
      unitPriceMinor: fc.integer({ min: 0, max: 5_000_000 }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      vat: fc.constantFrom(...vatKinds),
    })
    .map(({ part, ...rest }) => {
      const gross = Math.floor((rest.quantityMilli * rest.unitPriceMinor) / 1000);
      return { ...rest, discountMinor: Math.floor(gross * part) };
    });
  const basket = fc.record({
    lines: fc.array(anyLine, { minLength: 1, maxLength: 20 }),
    redeemedPart: fc.double({ min: 0, max: 1, noNaN: true }),
    cardPart: fc.double({ min: 0, max: 1, noNaN: true }),
    tip: fc.integer({ min: 0, max: 5000 }),
  });
  fc.assert(
    fc.property(basket, ({ lines, redeemedPart, cardPart, tip }) => {
      const plain = priced(priceOrder({ lines, payments: [cash(AMOUNT_MINOR_MAX)] }));
      const redeemedMinor = Math.floor(plain.totalMinor * redeemedPart);
      const due = plain.totalMinor - redeemedMinor;
      const cardMinor = Math.floor(due * cardPart);
      const payments = [card(cardMinor), cash(due - cardMinor + tip)];
      const order = priced(priceOrder({ lines, payments, redeemedMinor }));
      assert.is(order.totalMinor, due);
      assert.is(
        order.lines.reduce((sum, l) => sum + l.totalMinor, 0),
        due,
        'P2: lines',
      );
      assert.is(
        order.vat.reduce((sum, share) => sum + share.totalMinor, 0),
        due,
        'P2: VAT split',
      );
      assert.is(order.changeMinor, tip, 'P3');
      assert.is(
        order.lines.reduce((sum, l) => sum + l.redeemedMinor, 0),
        redeemedMinor,
        'P4',
      );
      for (const l of order.lines) {
        const gross = (BigInt(l.quantityMilli) * BigInt(l.unitPriceMinor) * 2n + 1000n) / 2000n;
        assert.is(BigInt(l.totalMinor), gross - BigInt(l.discountMinor) - BigInt(l.redeemedMinor), 'P1');
        assert.ok(l.totalMinor >= 0 && l.redeemedMinor >= 0);
      }
      for (const share of order.vat) {
        assert.ok(share.vatMinor >= 0 && share.vatMinor < Math.max(1, share.totalMinor));
      }
    }),
    { numRuns: 500 },
  );
});

test.run();
