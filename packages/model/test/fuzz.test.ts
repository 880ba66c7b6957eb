// limit: 900 s
/** Bodies of requests: whatever the JSON, parsed or named what is wrong with it; never an exception of another kind. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from '../../../test/support/fuzz.ts';
import * as model from '../src/index.ts';

const ORDER = {
  till: 'T1',
  cashier: 'Ann',
  lines: [
    { sku: 'FUR-BO-10001798', quantityMilli: 1000, unitPriceMinor: 26196, discountMinor: 0, vat: 'vat22' },
  ],
  payments: [{ kind: 'cash', amountMinor: 30_000 }],
  customer: { id: 'CG-12520', contact: '+70000000000' },
  redeemPoints: 0,
};
const BODIES = [
  ORDER,
  { lines: [{ sku: 'A', quantityMilli: 1000 }], reference: 'R1' },
  { lines: [{ sku: 'A', quantityMilli: 0, seenMilli: -1000 }] },
  { name: 'Bookcase', priceMinor: 1, vat: 'none', barcodes: ['4600000000008'] },
  { name: 'Ann', phone: '+7', email: 'a@example.org' },
];

/** Every request schema the package has; found by name, so that a new one is fuzzed too. */
const schemas = Object.entries(model).filter(
  ([name, value]) =>
    /(Request|Put|Query|Import|Profile)$/.test(name) &&
    typeof (value as { safeParse?: unknown }).safeParse === 'function',
) as unknown as readonly (readonly [string, { safeParse(value: unknown): { success: boolean } }])[];

const test = suite('request bodies under mutation');

test('every request schema answers', async () => {
  assert.ok(schemas.length > 5, `${schemas.length} schemas found`);
  const { values } = await fuzz({
    name: `${schemas.length} request schemas`,
    corpus: BODIES.map((body) => Buffer.from(JSON.stringify(body))),
    decode: (bytes) => {
      const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
      for (const [, schema] of schemas) {
        schema.safeParse(value);
      }
    },
    isRefusal: (error) => error instanceof SyntaxError,
  });
  assert.ok(values > 0);
});

test.run();
