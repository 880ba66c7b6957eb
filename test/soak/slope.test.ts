/** The line through samples, where its slope is known. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { trendOf } from './slope.ts';

const HOUR_MS = 3_600_000;
const at = (hour: number, value: number) => ({ atMs: hour * HOUR_MS, value });
const test = suite('slope');

test('what grows evenly after the warm-up is said to grow by just that', () => {
  const samples = Array.from({ length: 9 }, (_, hour) => at(hour, 100 + 2 * hour));
  const { mean, perHour, rise } = trendOf(samples)!;
  assert.equal([mean, perHour.toFixed(6), rise.toFixed(6)], [111, '2.000000', '10.000000']);
});

test('what grows only while it warms up does not grow', () => {
  const samples = Array.from({ length: 9 }, (_, hour) => at(hour, hour < 3 ? hour * 50 : 150));
  assert.equal(trendOf(samples), { mean: 150, perHour: 0, rise: 0 });
});

test('nothing is said about too few samples, or samples of one moment', () => {
  assert.is(trendOf([at(0, 1), at(1, 2), at(2, 3)]), undefined);
  assert.is(trendOf([at(1, 1), at(1, 2), at(1, 3), at(1, 4)]), undefined);
});

test.run();
