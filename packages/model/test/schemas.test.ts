/**
 * API schemas refuse what they do not name and what is out of bounds; event bodies stay readable for older nodes; the
 * problem table is complete.
 */
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  customerPut,
  eventBodies,
  LINES_MAX,
  orderListQuery,
  orderRequest,
  PAYMENTS_MAX,
  ProblemError,
  problem,
  problemCodes,
  problemTable,
  productPut,
  stockCountRequest,
} from '../src/index.ts';

const test = suite('schemas');

const line = { sku: 'A-1', quantityMilli: 1000, unitPriceMinor: 26196, discountMinor: 0, vat: 'vat22' };
const sale = { till: 'T1', cashier: 'Ann', lines: [line], payments: [{ kind: 'cash', amountMinor: 30000 }] };

const keysRefused = (body: unknown): string[] =>
  (orderRequest.safeParse(body).error?.issues ?? []).flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : [],
  );

test('an order as documented is accepted, prices and VAT may be left to the catalog', () => {
  assert.ok(
    orderRequest.safeParse({ ...sale, customer: { id: 'c1', contact: '+79' }, redeemPoints: 0 }).success,
  );
  const short = orderRequest.parse({ lines: [{ sku: 'A-1', quantityMilli: 1 }], payments: [] });
  assert.is(short.redeemPoints, 0);
  assert.is(short.lines[0]?.discountMinor, 0);
  assert.is(short.lines[0]?.unitPriceMinor, undefined);
});

test('unknown fields are refused by name at every depth, __proto__ among them', () => {
  assert.equal(keysRefused({ ...sale, totalMinor: 1 }), ['totalMinor']);
  assert.equal(keysRefused({ ...sale, lines: [{ ...line, price: 1 }] }), ['price']);
  assert.equal(keysRefused(JSON.parse(`{"__proto__":1,${JSON.stringify(sale).slice(1)}`)), ['__proto__']);
});

test('numbers out of bounds, fractions and strings for numbers are refused', () => {
  const refusedLine = (patch: object) =>
    assert.is(
      orderRequest.safeParse({ ...sale, lines: [{ ...line, ...patch }] }).success,
      false,
      JSON.stringify(patch),
    );
  for (const quantityMilli of [0, -1, 1.5, 1e9, 2 ** 53, Number.NaN, '1000', null]) {
    refusedLine({ quantityMilli });
  }
  for (const unitPriceMinor of [-1, 0.01, 2 ** 40, '1']) {
    refusedLine({ unitPriceMinor });
  }
  refusedLine({ vat: 'vat99' });
  refusedLine({ sku: 'a\u0000' });
});

test('LINES_MAX lines and PAYMENTS_MAX payments pass, one more does not', () => {
  const many = (lines: number, payments: number) =>
    orderRequest.safeParse({
      ...sale,
      lines: Array.from({ length: lines }, () => line),
      payments: Array.from({ length: payments }, () => ({ kind: 'cash', amountMinor: 1 })),
    }).success;
  assert.is(many(LINES_MAX, PAYMENTS_MAX), true);
  assert.is(many(LINES_MAX + 1, 1), false);
  assert.is(many(1, PAYMENTS_MAX + 1), false);
  assert.is(many(0, 1), false);
});

test('a card number typed as a cashier or contact is refused', () => {
  assert.is(orderRequest.safeParse({ ...sale, cashier: '4111 1111 1111 1111' }).success, false);
});

test('changes name at least one field and only known ones', () => {
  assert.is(productPut.safeParse({}).success, false);
  assert.is(productPut.safeParse({ priceMinor: 100 }).success, true);
  assert.is(productPut.safeParse({ colour: 'red' }).success, false);
  assert.is(customerPut.safeParse({ name: 'Ann', phone: '' }).success, true);
  assert.is(
    stockCountRequest.safeParse({ lines: [{ sku: 'A', quantityMilli: 0, seenMilli: -1000 }] }).success,
    true,
  );
});

test('queries take numbers as text, bounded', () => {
  assert.is(orderListQuery.parse({}).limit, 50);
  assert.is(orderListQuery.parse({ limit: '7' }).limit, 7);
  for (const limit of ['0', '501', '1.5', 'x', '-1', '1e2', ['1', '2']]) {
    assert.is(orderListQuery.safeParse({ limit }).success, false, String(limit));
  }
});

test('an entry of a newer version with fields of its own stays readable', () => {
  const body = {
    key: 'k',
    till: 'T1',
    fingerprint: 'a'.repeat(64),
    status: 201,
    answer: '{}',
    laterField: { any: 1 },
  };
  assert.equal(eventBodies.request.parse(body).laterField, { any: 1 });
});

test('every problem code has words, a hint and an error status, and becomes a valid document', () => {
  for (const code of problemCodes) {
    const row = problemTable[code];
    assert.ok(row.status >= 400 && row.status < 600, code);
    assert.match(row.title, /^[A-Z].*[^.]$/, code);
    assert.match(row.hint, /\.$/, code);
    const error = new ProblemError(code, 'because', { errors: [{ path: '/a', reason: 'no' }] });
    const document = problem.parse(JSON.parse(JSON.stringify(error.toProblem())));
    assert.is(document.status, row.status);
    assert.is(document.code, code);
    assert.is(error.retryable, row.retryable);
  }
});

test('the README lists every problem code with its status', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  for (const code of problemCodes) {
    assert.match(readme, new RegExp(`\\| \`${code}\` +\\| ${problemTable[code].status} +\\|`));
  }
});

test('the example of the README holds', async () => {
  const { priceOrder, vatKindsOn } = await import('../src/index.ts');
  const pricing = priceOrder({
    lines: [{ quantityMilli: 1500, unitPriceMinor: 333, discountMinor: 0, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: 1000 }],
  });
  assert.is(pricing.ok && pricing.order.totalMinor, 500);
  assert.is(pricing.ok && pricing.order.changeMinor, 500);
  assert.ok(vatKindsOn('2026-11-22').includes('vat22'));
});

test.run();
