import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COUPONS_MAX,
  couponMinor,
  couponRefusal,
  type DatedProgramme,
  isExpired,
  LOYALTY_PROGRAMME_DEFAULT,
  maskedCode,
  offerInWords,
  orderRequest,
  programmeAt,
  type RedeemLimit,
  redeemOffer,
  voucherCode,
} from '../src/index.ts';

const test = suite('redeeming');
const programme = { ...LOYALTY_PROGRAMME_DEFAULT, pointValueMinor: 100, sharePercentMax: 50, expiryDays: 90 };

test('the programme of a day is the latest that has begun', () => {
  const dated: DatedProgramme[] = ['2026-11-01', '2026-03-01', '2027-01-01'].map((from, at) => ({
    ...programme,
    from,
    pointsPerStep: at,
  }));
  assert.is(programmeAt(dated, '2026-12-31').pointsPerStep, 0);
  assert.is(programmeAt(dated, '2026-10-31').pointsPerStep, 1);
  assert.is(programmeAt(dated, '2027-01-01').pointsPerStep, 2);
  assert.is(programmeAt(dated, '2026-01-01'), LOYALTY_PROGRAMME_DEFAULT);
});

test('an offer says how much, and which rule keeps it from being more', () => {
  const offer = (balance: number, spendableHere: number, over: object = {}) =>
    redeemOffer({ totalMinor: 10_099, balance, spendableHere, expired: false, programme, ...over });
  const cases: [object, [number, number, RedeemLimit], RegExp][] = [
    [offer(80, 80), [50, 5_000, 'share'], /50 %/],
    [offer(20, 20), [20, 2_000, 'balance'], /has 20 points/],
    [offer(80, 30), [30, 3_000, 'held_elsewhere'], /30 of 80 points/],
    [
      offer(200, 200, { programme: { ...programme, sharePercentMax: 100 } }),
      [100, 10_000, 'share'],
      /100 points/,
    ],
    [
      offer(200, 200, { totalMinor: 10_000, programme: { ...programme, sharePercentMax: 100 } }),
      [99, 9_900, 'zero_total'],
      /may not come to nothing: 99 points/,
    ],
    [offer(9, 9, { totalMinor: 0 }), [0, 0, 'share'], /0 points/],
    [offer(80, 80, { expired: true }), [0, 0, 'expired'], /90 days/],
    [offer(80, 80, { programme: { ...programme, pointValueMinor: 0 } }), [0, 0, 'no_value'], /no value/],
  ];
  for (const [got, [points, minor, limit], words] of cases) {
    assert.equal(got, { points, minor, limit });
    const [balance, spendableHere] = limit === 'held_elsewhere' ? [80, 30] : [20, 20];
    assert.match(offerInWords({ points, minor, limit }, { balance, spendableHere }, programme), words);
  }
});

test('points expire after days of absence, and never for a programme without', () => {
  assert.is(isExpired(100, 190, programme), false);
  assert.is(isExpired(100, 191, programme), true);
  assert.is(isExpired(0, 191, programme), false, 'never seen');
  assert.is(isExpired(100, 9_999, { ...programme, expiryDays: 0 }), false);
});

test('a coupon takes off an amount or a share, never all of the cart, and says why it does not', () => {
  const terms = { kind: 'coupon', ending: '…0001' } as const;
  assert.is(couponMinor({ ...terms, discountMinor: 500 }, 300), 299, 'a receipt cannot come to nothing');
  assert.is(couponMinor({ ...terms, discountPercent: 100 }, 300), 299);
  for (const netMinor of [0, 1]) {
    assert.match(
      couponRefusal({ ...terms, discountMinor: 500 }, { netMinor, day: '2026-11-02' })!,
      /nothing off/,
    );
  }
  assert.is(couponMinor({ ...terms, discountPercent: 15 }, 333), 50);
  const dated = { ...terms, discountMinor: 1, from: '2026-11-02', until: '2026-11-03', minTotalMinor: 100 };
  const refusal = (day: string, netMinor: number) => couponRefusal(dated, { day, netMinor });
  assert.match(refusal('2026-11-01', 100)!, /from 2026-11-02/);
  assert.match(refusal('2026-11-04', 100)!, /until 2026-11-03/);
  assert.match(refusal('2026-11-03', 99)!, /cart of 100/);
  assert.is(refusal('2026-11-03', 100), undefined);
});

test('a code has one normal form, and a short one is none', () => {
  assert.is(voucherCode.parse(' gift-1234 5678 '), 'GIFT12345678');
  assert.is(maskedCode('GIFT12345678'), '…5678');
  assert.is(voucherCode.safeParse('1234-567').success, false);
});

test(`a gift card pays by its code and nothing else has one; at most ${COUPONS_MAX} coupons`, () => {
  const order = { lines: [{ sku: 'A', quantityMilli: 1 }], payments: [] as object[] };
  const parses = (over: object) => orderRequest.safeParse({ ...order, ...over }).success;
  assert.ok(parses({ payments: [{ kind: 'giftCard', amountMinor: 1, code: 'ABCD1234' }] }));
  assert.not(parses({ payments: [{ kind: 'giftCard', amountMinor: 1 }] }));
  assert.not(parses({ payments: [{ kind: 'cash', amountMinor: 1, code: 'ABCD1234' }] }));
  const coupons = Array.from({ length: COUPONS_MAX + 1 }, (_, at) => `COUPON0${at}`);
  assert.not(parses({ coupons }));
  assert.ok(parses({ coupons: coupons.slice(1) }));
});

test.run();
