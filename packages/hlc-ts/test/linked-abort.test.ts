/** Several reasons to stop waiting behave as one, whatever the collector does, and leave nothing behind. */
import { getEventListeners } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { doze, linkAborts } from '../src/linked-abort.ts';
import { ManualClock } from '../src/manual-clock.ts';

const test = suite('linked abort');

test('aborts with the reason of the first source that does', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const { signal } = linkAborts(first.signal, second.signal);
  assert.is(signal.aborted, false);
  second.abort('second');
  first.abort('first');
  assert.is(signal.aborted, true);
  assert.is(signal.reason, 'second');
});

test('is aborted at once when a source already is', () => {
  const { signal } = linkAborts(new AbortController().signal, AbortSignal.abort('before'));
  assert.is(signal.reason, 'before');
});

test('a wait that is over leaves no listener and no timer', async () => {
  const clock = new ManualClock();
  const [stop, wake] = [new AbortController(), new AbortController()];
  const waits = [doze(clock, 1_000, stop.signal, wake.signal), doze(clock, 2_000, stop.signal, wake.signal)];
  await clock.advance(1_000);
  wake.abort();
  await Promise.all(waits);
  assert.is(clock.pendingTimers, 0);
  assert.is(getEventListeners(stop.signal, 'abort').length, 0);
  assert.is(getEventListeners(wake.signal, 'abort').length, 0);
});

test.run();
