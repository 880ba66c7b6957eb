import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isoTime } from '../src/index.ts';

const iso = suite('iso time');

iso('a moment reads as UTC with milliseconds', () => {
  assert.is(isoTime(0), '1970-01-01T00:00:00.000Z');
  assert.is(isoTime(1_795_359_240_123), '2026-11-22T14:54:00.123Z');
});

iso('a broken clock gives a date, not an exception', () => {
  assert.is(isoTime(-5), '1970-01-01T00:00:00.000Z');
  assert.match(isoTime(2 ** 52), /Z$/);
});

iso.run();
