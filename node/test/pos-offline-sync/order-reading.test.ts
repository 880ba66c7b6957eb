/** An order of the module read: to the cent, whatever is in the basket, and never a guess. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Line, posOrder } from '../../../test/support/pos-offline-sync/records.ts';
import {
  evidenceOf,
  type ReadingPorts,
  type ReadRefund,
  type ReadSale,
  readOrder,
} from '../../src/pos-offline-sync/order-reading.ts';
import { milliOf, minorOf, momentOf, textOf } from '../../src/pos-offline-sync/values.ts';

const test = suite('orders of pos_offline_sync read');

const ports: ReadingPorts = {
  branch: 'B017',
  skuOf: (code, barcode) => (code === 'TEA' || barcode === '7861234567890' ? 'TEA' : undefined),
  vatOf: () => undefined,
};
const sale = (lines: readonly Line[], more: object = {}): ReadSale =>
  readOrder(posOrder({ id: 1, lines, more: { ...more } }), ports) as ReadSale;

test('whatever is in the basket, lines and payments add up to what the branch took, to the cent', () => {
  const cents = fc.integer({ min: 1, max: 100_000 });
  const line = fc.record({ qty: fc.integer({ min: 1, max: 5_000 }), cents });
  const basket = fc.record({
    sold: fc.array(line, { minLength: 1, maxLength: 8 }),
    off: fc.array(line, { maxLength: 3 }),
    back: fc.boolean(),
  });
  fc.assert(
    fc.property(basket, ({ sold, off, back }) => {
      const whole = sold.reduce((sum, each) => sum + each.cents, 0);
      const less = off.reduce((sum, each) => sum + each.cents, 0);
      fc.pre(less < whole);
      const lines: Line[] = [
        ...sold.map(({ qty, cents: minor }) => ({ code: 'TEA', qty: qty / 1_000, gross: minor / 100 })),
        ...off.map(({ qty, cents: minor }) =>
          back
            ? { code: 'CUP', qty: -qty / 1_000, gross: -minor / 100 }
            : { code: 'REWARD', qty: 1, gross: -minor / 100 },
        ),
      ];
      const read = sale(lines);
      assert.is(read.kind, 'sale');
      assert.is(read.totalMinor, whole - less);
      assert.is(
        read.lines.reduce((sum, { totalMinor }) => sum + totalMinor, 0),
        whole - less,
      );
      assert.is(
        read.payments.reduce((sum, { amountMinor }) => sum + amountMinor, 0),
        whole - less + read.changeMinor,
      );
      assert.is(read.returned.length, back ? off.length : 0);
      for (const { quantityMilli, unitPriceMinor, discountMinor, totalMinor } of read.lines) {
        assert.ok(totalMinor >= 0 && discountMinor >= 0);
        assert.is(Math.round((unitPriceMinor * quantityMilli) / 1_000) - discountMinor, totalMinor);
      }
    }),
    { numRuns: 300 },
  );
});

test('a total that differs by more than rounding, no lines, no total: unreadable, never a guess', () => {
  const reasonOf = (more: object): unknown =>
    (sale([{ code: 'TEA', qty: 1, gross: 5 }], more) as { reason?: unknown }).reason;
  assert.is(reasonOf({ amount_total: 5.02 }), undefined);
  assert.is(reasonOf({ amount_total: 9 }), 'NOT_ADDING_UP');
  assert.is(reasonOf({ lines: [] }), 'NO_LINES');
  assert.is(reasonOf({ lines: 'x' }), 'NO_LINES');
  assert.is(reasonOf({ lines: [{ qty: 1 }] }), 'NOT_ADDING_UP');
  for (const total of [null, Number.NaN, '1e99', {}, 1e15]) {
    assert.is(reasonOf({ amount_total: total }), 'NO_TOTAL');
  }
});

test('a product is found by its code, by one barcode, or keeps a name of its own; a rate is named only when it is one', () => {
  const read = sale([
    { code: 'TEA', qty: 1, gross: 1.2, net: 1 },
    { barcode: '7861234567890', qty: 1, gross: 1.15, net: 1 },
    { code: 'A/B', qty: 1, gross: 1 },
    { productId: 7, qty: 1, gross: 1 },
  ]);
  assert.equal(
    read.lines.map(({ sku, vat }) => [sku, vat]),
    [
      ['TEA', 'vat20'],
      ['TEA', 'none'],
      ['A-B', 'none'],
      ['B017.product-7', 'none'],
    ],
  );
});

test('payments are cash, card or other by what the module says of them; change is no payment', () => {
  const pay = (name: string, amount: number, more: object = {}) => ({
    payment_method_name: name,
    amount,
    ...more,
  });
  const payments = [
    pay('Efectivo', 4),
    pay('Efectivo', -1),
    pay('Datafast', 1, { number_voucher: '77' }),
    pay('Cheque', 1, { check_number: '5' }),
    pay('Tarjeta Visa', 1),
  ];
  const read = sale([{ code: 'TEA', qty: 1, gross: 6 }], { payments });
  assert.equal(
    read.payments.map(({ kind, amountMinor }) => [kind, amountMinor]),
    [
      ['cash', 400],
      ['card', 100],
      ['other', 100],
      ['card', 100],
    ],
  );
  assert.is(read.changeMinor, 100);
});

test('a refund says what it gives back, the most telling name first', () => {
  const more = {
    is_refund: true,
    refund_order_pos_reference: 'Orden 1',
    original_order: { id: 4, pos_reference: 'Orden 2' },
    refunded_order_ids: [9, 'x'],
  };
  const lines = [{ code: 'TEA', qty: -2, gross: -6 }];
  const read = readOrder(
    posOrder({ id: 1, lines, name: 'Sucursal/0009 REEMBOLSO', more }),
    ports,
  ) as ReadRefund;
  assert.is(read.kind, 'refund');
  assert.is(read.totalMinor, 600);
  assert.equal(read.ofReferences, ['Orden 1', 'Orden 2', 'Orden 00007-001-0001', 'Sucursal/0009']);
  assert.equal(read.ofLocalIds, [4, 9]);
  assert.is(read.payments[0]!.amountMinor, 600);
});

test('values of the module: false is nothing, times are UTC, floating point is exact, a card number is masked', () => {
  assert.is(minorOf(0.1 + 0.2), 30);
  assert.is(minorOf(1.005), 101);
  assert.is(milliOf(0.0005), 1);
  assert.is(textOf(false), undefined);
  assert.is(textOf('4111 1111 1111 1111'), '**** **** **** ****');
  assert.is(momentOf('2026-11-22 09:00:00'), '2026-11-22T09:00:00.000Z');
  assert.is(momentOf('22/11/2026'), undefined);
  assert.not.equal(
    evidenceOf(posOrder({ id: 1 })),
    evidenceOf(posOrder({ id: 1, created: '2027-01-01 00:00:00' })),
  );
});

test.run();
