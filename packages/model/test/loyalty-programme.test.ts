import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { earnedPoints, LOYALTY_PROGRAMME_DEFAULT } from '../src/loyalty-programme.ts';

const test = suite('loyalty programme');

test('only full steps earn', () => {
  const earned = [0, 999, 1_000, 1_999, 26_196].map((total) =>
    earnedPoints(total, LOYALTY_PROGRAMME_DEFAULT),
  );
  assert.equal(earned, [0, 0, 1, 1, 26]);
});

test('points per step multiply', () => {
  assert.is(earnedPoints(5_500, { pointsPerStep: 3, stepMinor: 1_000 }), 15);
});

test.run();
