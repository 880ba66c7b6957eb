/** What all pages share: words in every language, and numbers as people read and type them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { duration, money, parseMoney, parseQuantity, quantity } from '../web/kit/numbers.ts';
import { plural, preferredLanguage } from '../web/kit/words.ts';

const test = suite('kit');

test('the language of the browser is taken where the pages know it', () => {
  assert.is(preferredLanguage(['de-DE', 'ru-RU', 'en']), 'ru');
  assert.is(preferredLanguage(['es-419']), 'es');
  assert.is(preferredLanguage(['de']), 'en');
  assert.is(preferredLanguage([]), 'en');
});

test('nouns agree with their numbers', () => {
  const forms = { one: 'чек', few: 'чека', many: 'чеков', other: 'чека' };
  const said = [1, 2, 5, 21, 112].map((count) => plural('ru', count, forms));
  assert.equal(said, ['чек', 'чека', 'чеков', 'чек', 'чеков']);
  assert.is(plural('en', 2, { one: 'receipt', other: 'receipts' }), 'receipts');
});

test('money and quantities are shown in the way of the language', () => {
  assert.match(money('en', 1_234_50), '1,234.50');
  assert.match(money('ru', 1_234_50), /1\s234,50/u);
  assert.match(money('es', 1_234_50), '1234,50');
  assert.is(quantity('en', 1500), '1.5');
  assert.is(quantity('ru', 1000), '1');
});

test('what is typed as money or quantity is understood with comma or point, or not at all', () => {
  assert.is(parseMoney('12'), 1200);
  assert.is(parseMoney('12,5'), 1250);
  assert.is(parseMoney(' 1 200.05 '), 1_200_05);
  assert.is(parseMoney('0'), 0);
  for (const text of ['', 'x', '1.234', '-5', '1e3', '12..5']) {
    assert.is(parseMoney(text), undefined, text);
  }
  assert.is(parseQuantity('0,25'), 250);
  assert.is(parseQuantity('3'), 3000);
  for (const text of ['0', '', '-1', '1.2345']) {
    assert.is(parseQuantity(text), undefined, text);
  }
});

test('durations name their two greatest units', () => {
  assert.is(duration('en', 400), '0 sec');
  assert.is(duration('en', 3 * 3_600_000 + 5 * 60_000 + 7_000), '3 hr 5 min');
  assert.is(duration('en', 86_400_000), '1 day');
  assert.match(duration('ru', 2 * 86_400_000), 'дн');
});

test.run();
