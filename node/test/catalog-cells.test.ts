/** Cells as people type them: what is read, and what is refused rather than guessed. */
import { importProfile } from '@branchline/model';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { amountOf, barcodesOf, guessMark, isGtin, unitOf, vatOf, yesOf } from '../src/catalog-file/cells.ts';

const test = suite('cells of a catalog file');
const profile = importProfile.parse({});

const amounts: readonly [content: string | number, mark: '.' | ',', read: number | string][] = [
  ['1234.5', '.', 123450],
  ['1 234,50', ',', 123450],
  ['1\u00a0234,5 ₽', ',', 123450],
  ['12 руб.', ',', 1200],
  ['1,234.50', '.', 123450],
  ['1.234,50', ',', 123450],
  ['0', '.', 0],
  ['1234,5000', ',', 123450],
  [1234.1, '.', 123410],
  [1234.1000000000001, ',', 123410],
  [99, ',', 9900],
  ['1,234', ',', 'NUMBER_INVALID'],
  ['1.2345', '.', 'NUMBER_INVALID'],
  ['1.2.3', '.', 'NUMBER_INVALID'],
  ['1,23,456', '.', 'NUMBER_INVALID'],
  ['-5', '.', 'PRICE_NEGATIVE'],
  ['call us', '.', 'NUMBER_INVALID'],
  ['.', '.', 'NUMBER_INVALID'],
  [Number.NaN, '.', 'NUMBER_INVALID'],
  [1e15, '.', 'PRICE_TOO_LARGE'],
  [1e30, '.', 'NUMBER_INVALID'],
  ['99999999999999', '.', 'PRICE_TOO_LARGE'],
];

for (const [content, mark, read] of amounts) {
  test(`amount ${JSON.stringify(content)} with "${mark}" is ${read}`, () => {
    const reading = amountOf(content, mark);
    assert.is(reading.ok ? reading.value : reading.code, read);
  });
}

test('every amount reads as it was written, in both manners', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 39 }), fc.boolean(), (minor, comma) => {
      const whole = String(Math.floor(minor / 100)).replaceAll(/\B(?=(\d{3})+$)/g, comma ? ' ' : ',');
      const text = `${whole}${comma ? ',' : '.'}${String(minor % 100).padStart(2, '0')}`;
      const reading = amountOf(text, comma ? ',' : '.');
      assert.is(reading.ok && reading.value, minor);
    }),
    { numRuns: 200 },
  );
});

test('a VAT rate is known by its words, a fraction, or what the profile says', () => {
  for (const [content, kind] of [
    ['22', 'vat22'],
    ['22 %', 'vat22'],
    ['НДС 10%', 'vat10'],
    ['10,0%', 'vat10'],
    ['vat22_122', 'vat22_122'],
    ['Без НДС', 'none'],
    [0.22, 'vat22'],
    [20, 'vat20'],
    ['0%', 'vat0'],
  ] as const) {
    const reading = vatOf(content, profile);
    assert.is(reading.ok && reading.value, kind, String(content));
  }
  assert.is(vatOf('21', profile).ok, false);
  const own = vatOf('Льготная', importProfile.parse({ vat: { льготная: 'vat10' } }));
  assert.is(own.ok && own.value, 'vat10');
});

test('a barcode of digits is a GTIN with a right check digit; a rounded one is named as what it is', () => {
  assert.ok(isGtin('4006381333931') && isGtin('96385074') && isGtin('036000291452'));
  const code = (content: string | number) => {
    const reading = barcodesOf(content, profile);
    return reading.ok ? reading.value.join('+') : reading.code;
  };
  assert.is(code('4006381333931'), '4006381333931');
  assert.is(code(4006381333931), '4006381333931');
  assert.is(code('4006381333931, 96385074'), '4006381333931+96385074');
  assert.is(code('SHELF-17'), 'SHELF-17');
  assert.is(code('4006381333930'), 'BARCODE_INVALID');
  assert.is(code('400638133393'), 'BARCODE_INVALID');
  assert.is(code('12345'), 'BARCODE_INVALID');
  assert.is(code('код'), 'BARCODE_INVALID');
  assert.is(code('4,00638E+12'), 'BARCODE_ROUNDED');
  assert.ok(barcodesOf('12345', importProfile.parse({ barcodes: 'any' })).ok);
});

test('units, yes and no, and the mark most amounts have', () => {
  assert.equal(
    [unitOf('шт.'), unitOf('kg'), unitOf('бочка')].map((each) => each.ok && each.value),
    ['piece', 'kg', false],
  );
  assert.equal(
    [yesOf('да'), yesOf(''), yesOf('maybe')].map((each) => (each.ok ? each.value : each.code)),
    [true, false, 'YES_NO_INVALID'],
  );
  assert.is(guessMark(['1,50', '2,50', '3.50', undefined, 4]), ',');
  assert.is(guessMark(['1', '2']), '.');
});

test.run();
