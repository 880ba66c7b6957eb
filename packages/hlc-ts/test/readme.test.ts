/** The example of the README, call by call. */

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStamp, HybridClock, ManualClock, makeStamp, memoryBound } from '../src/index.ts';

const test = suite('hlc-ts readme');

test('the example does what its comments say', async () => {
  const clock = new ManualClock(1_735_689_600_000);
  const hybrid = await HybridClock.open({ clock, bound: memoryBound() });
  const sale = hybrid.now();
  clock.jumpWall(-86_400_000);
  const refund = hybrid.now();
  const received = makeStamp(clock.nowMs() + 90_000_000, 0);
  assert.is(hybrid.observe(received), 'ahead');
  assert.is(formatStamp(sale), '01941f297c000000');
  assert.is(formatStamp(refund), '01941f297c000001');
  assert.ok(refund > sale);
  await hybrid.close();
});

test.run();
