/**
 * Ids, text, VAT dates, money bounds: the small words everything else is made of.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AMOUNT_MINOR_MAX,
  type BranchCode,
  branchCode,
  customerId,
  divideHalfUp,
  formatNumber,
  holdsCardNumber,
  idempotencyKey,
  ModelError,
  maskCardNumbers,
  numberPrefix,
  orderId,
  orderNumber,
  sku,
  sumMinor,
  tillName,
  uuidTimeMs,
  uuidV7,
  vatKindsOn,
  vatRates,
  vatWithin,
} from '../src/index.ts';

const test = suite('words');
const branch = (code: string): BranchCode => branchCode.parse(code);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof ModelError ? error.code : String(error);
  }
  return 'nothing thrown';
}

test('ids made here are UUIDs of version 7 that sort by time and give it back', () => {
  const millis = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  fc.assert(
    fc.property(millis, millis, fc.uint8Array({ minLength: 10, maxLength: 10 }), (a, b, random) => {
      const [first, second] = [uuidV7(a, random), uuidV7(b, random)];
      assert.is(orderId.parse(first), first);
      assert.is(uuidTimeMs(first), a);
      assert.is(Math.sign(a - b), first < second ? -1 : first > second ? 1 : 0);
    }),
    { numRuns: 300 },
  );
});

test('a time or randomness that makes no UUID is a broken promise, not a wrong id', () => {
  assert.is(
    codeOf(() => uuidV7(-1, new Uint8Array(10))),
    'MODEL_UUID_TIME',
  );
  assert.is(
    codeOf(() => uuidV7(2 ** 48, new Uint8Array(10))),
    'MODEL_UUID_TIME',
  );
  assert.is(
    codeOf(() => uuidV7(0, new Uint8Array(9))),
    'MODEL_ID',
  );
});

test('order numbers: first node, second node, after a restore', () => {
  assert.is(formatNumber({ branch: branch('B001') }, 123), 'B001-000123');
  assert.is(formatNumber({ branch: branch('B001'), nodeLetter: 'b' }, 1), 'B001b-000001');
  assert.is(formatNumber({ branch: branch('B001'), incarnation: 2 }, 124), 'B001.2-000124');
  assert.is(formatNumber({ branch: branch('B001') }, 1_234_567), 'B001-1234567');
  assert.is(orderNumber.safeParse('B001b.3-000001').success, true);
  const copy = formatNumber({ branch: branch('B001'), incarnation: 2, unconfirmed: 'k7q2mz' }, 1);
  assert.is(copy, 'B001.2.k7q2mz-000001');
  assert.is(orderNumber.safeParse(copy).success, true);
  assert.is(
    codeOf(() => numberPrefix({ branch: branch('B001'), incarnation: 2, unconfirmed: '?' })),
    'MODEL_ID',
  );
  assert.is(
    codeOf(() => formatNumber({ branch: branch('B001') }, 0)),
    'MODEL_ID',
  );
  assert.is(
    codeOf(() => numberPrefix({ branch: branch('B001'), nodeLetter: 'BB' })),
    'MODEL_ID',
  );
});

test('two devices never share a number series, whatever their branches are called', () => {
  const codes = ['B001', 'B002', 'north', 'nort', 'a', 'ab', 'shop-1', 'shop-a', 'HQ'].map(branch);
  const seen = new Map<string, string>();
  for (const code of codes) {
    for (const nodeLetter of ['', 'a', 'b', 'h']) {
      for (const incarnation of [1, 2, 11]) {
        const prefix = numberPrefix({ branch: code, nodeLetter, incarnation });
        assert.is(seen.get(prefix), undefined, `${prefix} of ${code}`);
        seen.set(prefix, code);
      }
    }
  }
  assert.is(branchCode.safeParse('B001b').success, false, 'would be the second node of B001');
});

test('codes chosen by people are bounded and clean', () => {
  for (const good of ['FUR-BO-10001798', '4607001234567', 'Чай 25', 'a']) {
    assert.is(sku.safeParse(good).success, true, good);
  }
  for (const bad of ['', ' a', 'a ', 'a/b', 'a\u0000b', 'a\nb', '\ud800', 'x'.repeat(65)]) {
    assert.is(sku.safeParse(bad).success, false, JSON.stringify(bad));
  }
  assert.is(customerId.safeParse('CG-12520').success, true);
  assert.is(customerId.safeParse('a/b').success, false);
  assert.is(tillName.safeParse('T1').success, true);
  assert.is(tillName.safeParse('Касса 2').success, true);
  assert.is(tillName.safeParse('').success, false);
  assert.is(idempotencyKey.safeParse('8e03978e-40d5-43dd-bc93-6894a57f9324').success, true);
  assert.is(idempotencyKey.safeParse('two words').success, false);
});

test('a payment card number is found in free text, a phone number or an order number is not', () => {
  assert.ok(holdsCardNumber('4111111111111111'));
  assert.ok(holdsCardNumber('card 4111 1111 1111 1111 ok'));
  assert.ok(holdsCardNumber('5500-0000-0000-0004'));
  assert.not(holdsCardNumber('4111111111111112'));
  assert.not(holdsCardNumber('+79161234567'));
  assert.not(holdsCardNumber('B001-000123'));
});

test('a card number is masked but for its last four; what only looks like one stays', () => {
  assert.is(maskCardNumbers('visa 4111 1111 1111 1111, ok'), 'visa **** **** **** 1111, ok');
  assert.is(maskCardNumbers('378282246310005/2200000000000004'), '***********0005/************0004');
  assert.is(maskCardNumbers('4222222222222'), '*********2222');
  assert.is(maskCardNumbers('4222222222222', 14), '4222222222222', 'of thirteen digits only where asked for');
  const access = `${'1'.repeat(30)}4111111111111111111`;
  for (const stays of ['4111111111111112', '1790011674001', '+79161234567', access, '0000000000000000', '']) {
    assert.is(maskCardNumbers(stays), stays);
  }
});

test('VAT kinds follow their dates; old ones stay valid in data', () => {
  assert.ok(vatKindsOn('2025-12-31').includes('vat20'));
  assert.not(vatKindsOn('2025-12-31').includes('vat22'));
  assert.ok(vatKindsOn('2026-01-01').includes('vat22'));
  assert.not(vatKindsOn('2026-01-01').includes('vat20'));
  assert.ok(vatKindsOn('2026-01-01').includes('vat5'));
  assert.is(new Set(Object.values(vatRates).map((rate) => rate.fiscalCode)).size, 12);
});

test('VAT is inside the price and rounded half up', () => {
  assert.is(vatWithin(12200, 'vat22'), 2200);
  assert.is(vatWithin(12000, 'vat20_120'), 2000);
  assert.is(vatWithin(100, 'vat10'), 9);
  assert.is(vatWithin(105, 'vat5'), 5);
  assert.is(vatWithin(999, 'none'), 0);
});

test('division is exact beyond the safe integers and never beyond the largest amount', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: AMOUNT_MINOR_MAX }),
      fc.integer({ min: 0, max: 999 }),
      fc.integer({ min: 1, max: 1000 }),
      (a, b, divisor) => {
        const exact = (2n * BigInt(a) * BigInt(b) + BigInt(divisor)) / (2n * BigInt(divisor));
        if (exact <= BigInt(AMOUNT_MINOR_MAX)) {
          assert.is(divideHalfUp(a, b, divisor), Number(exact));
        } else {
          assert.is(
            codeOf(() => divideHalfUp(a, b, divisor)),
            'MODEL_AMOUNT_RANGE',
          );
        }
      },
    ),
    { numRuns: 500 },
  );
  assert.is(sumMinor([AMOUNT_MINOR_MAX]), AMOUNT_MINOR_MAX);
  assert.is(
    codeOf(() => sumMinor([AMOUNT_MINOR_MAX, 1])),
    'MODEL_AMOUNT_RANGE',
  );
});

test.run();
