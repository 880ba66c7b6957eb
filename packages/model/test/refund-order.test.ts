/** What part of an order is worth when it goes back: R1 to R4 of refund-order.ts. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AMOUNT_MINOR_MAX,
  earnedPoints,
  LOYALTY_PROGRAMME_DEFAULT,
  NOTHING_RETURNED,
  type Order,
  type PricedRefund,
  priceOrder,
  type Refunding,
  type Returned,
  refundOrder,
  restOf,
  returnedWith,
} from '../src/index.ts';

const test = suite('refund of an order');

type Line = { quantityMilli: number; unitPriceMinor: number; discountMinor: number };

function sold(lines: readonly Line[], cardMinor = 0, redeemedMinor = 0): Order {
  const basket = lines.map((line, at) => ({
    ...line,
    sku: `S${at}`,
    name: `Thing ${at}`,
    vat: 'vat22' as const,
  }));
  const net = priceOrder({
    lines: basket,
    payments: [{ kind: 'cash', amountMinor: AMOUNT_MINOR_MAX }],
  });
  assert.ok(net.ok);
  const redeemed = Math.min(redeemedMinor, net.order.totalMinor);
  const total = net.order.totalMinor - redeemed;
  const card = Math.min(cardMinor, total);
  const payments = [
    { kind: 'card' as const, amountMinor: card },
    { kind: 'cash' as const, amountMinor: total - card + 50 },
  ].filter(({ amountMinor }) => amountMinor > 0);
  const pricing = priceOrder({ lines: basket, payments, redeemedMinor: redeemed });
  assert.ok(pricing.ok);
  const { order } = pricing;
  return {
    ...order,
    payments,
    loyalty: { earned: earnedPoints(total, LOYALTY_PROGRAMME_DEFAULT), redeemed },
  } as unknown as Order;
}

const codeOf = (refunding: Refunding): string => (refunding.ok ? 'fine' : refunding.code);
const two = sold([
  { quantityMilli: 3000, unitPriceMinor: 333, discountMinor: 100 },
  { quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0 },
]);

test('everything goes back when no lines are named, and then nothing can any more', () => {
  const all = refundOrder(two, NOTHING_RETURNED, {});
  assert.ok(all.ok);
  assert.is(all.refund.totalMinor, two.totalMinor);
  const after = returnedWith(NOTHING_RETURNED, all.refund);
  assert.equal(restOf(two, after), []);
  assert.is(codeOf(refundOrder(two, after, {})), 'REFUND_EXCEEDS');
});

test('more than was sold, a line there is none of, or one named twice is refused', () => {
  const wish = (line: number, quantityMilli: number) => ({ lines: [{ line, quantityMilli }] });
  assert.is(codeOf(refundOrder(two, NOTHING_RETURNED, wish(0, 3001))), 'REFUND_EXCEEDS');
  assert.is(codeOf(refundOrder(two, NOTHING_RETURNED, wish(2, 1))), 'REFUND_LINE_UNKNOWN');
  const twice = { lines: [...wish(0, 1).lines, ...wish(0, 1).lines] };
  assert.is(codeOf(refundOrder(two, NOTHING_RETURNED, twice)), 'REFUND_LINE_UNKNOWN');
});

test('money goes back the way it came: first what was not cash; never more by card than was taken by it', () => {
  const mixed = sold([{ quantityMilli: 4000, unitPriceMinor: 100, discountMinor: 0 }], 150);
  const part = refundOrder(mixed, NOTHING_RETURNED, { lines: [{ line: 0, quantityMilli: 2000 }] });
  assert.ok(part.ok);
  assert.equal(part.refund.payments, [
    { kind: 'card', amountMinor: 150 },
    { kind: 'cash', amountMinor: 50 },
  ]);
  const after = returnedWith(NOTHING_RETURNED, part.refund);
  const rest = refundOrder(mixed, after, {});
  assert.equal(rest.ok && rest.refund.payments, [{ kind: 'cash', amountMinor: 200 }]);
  const byCard = { payments: [{ kind: 'card' as const, amountMinor: 200 }] };
  assert.is(codeOf(refundOrder(mixed, after, byCard)), 'ORDER_PAYMENT');
  const short = { payments: [{ kind: 'cash' as const, amountMinor: 199 }] };
  assert.is(codeOf(refundOrder(mixed, after, short)), 'ORDER_PAYMENT');
  const endless = Array.from({ length: 3 }, () => ({ kind: 'cash' as const, amountMinor: AMOUNT_MINOR_MAX }));
  assert.is(codeOf(refundOrder(mixed, after, { payments: endless })), 'AMOUNT_TOO_LARGE');
});

const line = fc.record({
  quantityMilli: fc.integer({ min: 1, max: 12_000 }),
  unitPriceMinor: fc.integer({ min: 0, max: 50_000 }),
  share: fc.integer({ min: 0, max: 100 }),
});

test('R1-R4: however an order is cut, the refunds add up to it: lines, money by way, points', () => {
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 5 }),
      fc.nat(100_000),
      fc.nat(20_000),
      fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 6000 })), { maxLength: 12 }),
      (lines, card, redeemed, cuts) => {
        const order = sold(
          lines.map(({ share, ...one }) => ({
            ...one,
            discountMinor: Math.floor(
              (Math.floor((one.quantityMilli * one.unitPriceMinor) / 1000) * share) / 100,
            ),
          })),
          card,
          redeemed,
        );
        let returned: Returned = NOTHING_RETURNED;
        const refunds: PricedRefund[] = [];
        for (const [at, quantityMilli] of cuts) {
          const left = (order.lines[at]?.quantityMilli ?? 0) - (returned.lines.get(at) ?? 0);
          const made = refundOrder(order, returned, { lines: [{ line: at, quantityMilli }] });
          assert.is(made.ok, quantityMilli <= left, `${quantityMilli} of ${left}`);
          if (made.ok) {
            refunds.push(made.refund);
            returned = returnedWith(returned, made.refund);
          }
        }
        const rest = refundOrder(order, returned, {});
        if (rest.ok) {
          refunds.push(rest.refund);
          returned = returnedWith(returned, rest.refund);
        }
        const sum = (amounts: readonly number[]) => amounts.reduce((all, one) => all + one, 0);
        for (const [at, one] of order.lines.entries()) {
          const parts = refunds.flatMap((refund) => refund.lines.filter((part) => part.line === at));
          assert.is(sum(parts.map(({ totalMinor }) => totalMinor)), one.totalMinor);
          assert.is(sum(parts.map(({ discountMinor }) => discountMinor)), one.discountMinor);
          assert.is(sum(parts.map(({ redeemedMinor }) => redeemedMinor ?? 0)), one.redeemedMinor ?? 0);
          assert.ok(parts.every(({ totalMinor }) => totalMinor >= 0));
        }
        assert.is(
          returned.paid.get('card') ?? 0,
          sum(order.payments.filter((p) => p.kind === 'card').map((p) => p.amountMinor)),
        );
        assert.is(sum([...returned.paid.values()]), order.totalMinor);
        const points = (kind: 'earned' | 'redeemed') => sum(refunds.map(({ loyalty }) => loyalty[kind]));
        assert.is(points('earned'), order.totalMinor === 0 ? 0 : order.loyalty.earned);
        assert.is(points('redeemed'), order.loyalty.redeemed);
      },
    ),
    { numRuns: 1000 },
  );
});

test.run();
