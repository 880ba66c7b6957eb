/** Amounts of the replaced adapter as integers: exact for what is written, kind to binary fractions, firm about lost digits. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scaledDecimal } from '../src/http/kkt-api/decimal.ts';
import { receiptBody, soldItems, vatOf } from '../src/http/kkt-api/receipt-body.ts';

const test = suite('kkt decimals');

test('what is written is what is meant, also by programs that multiply binary fractions', () => {
  const table: readonly [text: string, minor: bigint | undefined][] = [
    ['261.96', 26_196n],
    ['0.01', 1n],
    ['785.8799999999999', 78_588n],
    ['0.30000000000000004', 30n],
    ['0.3000000000000004', 30n],
    ['33.333', undefined],
    ['0.005', undefined],
    ['1e3', undefined],
    ['', undefined],
    ['-5', -500n],
  ];
  for (const [text, minor] of table) assert.is(scaledDecimal(text, 2), minor, text);
});

test('whatever a line states is what its article adds up to, and the money decides about the last hundredth', () => {
  for (const [price, quantity, total, paid] of [
    [33.333, 3, 100, 100],
    [33.333, 3, 99.99, 100],
    [0.1, 0.333, 0.03, 0.03],
    [261.96, 3, 261.96 * 3, 785.88],
    [0.01, 1, 0.01, 0.02],
    [10, 0.001, 0.01, 0.01],
  ] as const) {
    const body = receiptBody.parse({
      pos_id: 'P',
      type: 'sale',
      items: [{ name: 'A', price, quantity, total }],
      payments: [{ type: 'card', amount: paid }],
    });
    const [item] = soldItems(body);
    const { quantityMilli, unitPriceMinor, discountMinor, totalMinor } = item!;
    assert.is(totalMinor, Math.round(paid * 100), `${price} x ${quantity}`);
    assert.is(Math.round((quantityMilli * unitPriceMinor) / 1_000) - discountMinor, totalMinor);
    assert.ok(discountMinor >= 0);
  }
});

test('the base rate is that of the day, whatever callers call it', () => {
  assert.equal(
    [
      vatOf(20, '2025-12-31'),
      vatOf(20, '2026-01-01'),
      vatOf(22, '2026-01-01'),
      vatOf(undefined, '2026-01-01'),
    ],
    ['vat20', 'vat22', 'vat22', 'none'],
  );
});

test.run();
