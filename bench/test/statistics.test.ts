import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { summarize } from '../src/index.ts';

const test = suite('statistics');

test('percentiles are samples that occurred, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
  assert.equal(summarize(hundred), { count: 100, p50: 50, p95: 95, p99: 99, max: 100 });
});

test('few samples: the slowest is every high percentile', () => {
  assert.equal(summarize([3]), { count: 1, p50: 3, p95: 3, p99: 3, max: 3 });
  assert.equal(summarize([1, 9]), { count: 2, p50: 1, p95: 9, p99: 9, max: 9 });
});

test('numbers are ordered as numbers, and the samples are left alone', () => {
  const samples = [10, 9, 100];
  assert.is(summarize(samples)?.p50, 10);
  assert.equal(samples, [10, 9, 100]);
});

test('there is no percentile of nothing', () => {
  assert.is(summarize([]), undefined);
});

test.run();
