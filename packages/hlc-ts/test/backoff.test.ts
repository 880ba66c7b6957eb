import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Backoff, randomInteger, seededRandom, systemRandom } from '../src/index.ts';

const test = suite('backoff and random');

test('the ceiling doubles to the cap and stays there, however long the outage', () => {
  let backoff = new Backoff({ baseMs: 100, capMs: 1_000 });
  const longest: number[] = [];
  for (let attempt = 0; attempt < 2_000; attempt += 1) {
    const { delayMs, backoff: later } = backoff.next(() => 1);
    longest.push(delayMs);
    backoff = later;
  }
  assert.equal(longest.slice(0, 6), [100, 200, 400, 800, 1_000, 1_000]);
  assert.is(longest.at(-1), 1_000);
});

test('jitter is full: two hundred branches spread over the whole range', () => {
  const random = seededRandom(1);
  const backoff = new Backoff({ baseMs: 1_000, capMs: 1_000 });
  const delays = Array.from({ length: 200 }, () => backoff.next(random).delayMs);
  assert.ok(Math.min(...delays) < 50);
  assert.ok(Math.max(...delays) > 950);
});

test('a backoff is a value: using it does not change it, and reset starts over', () => {
  const first = new Backoff({ baseMs: 100, capMs: 1_000 });
  const second = first.next(() => 1).backoff;
  assert.is(first.attempts, 0);
  assert.is(second.attempts, 1);
  assert.is(second.reset().attempts, 0);
  assert.is(first.reset(), first);
});

test('a seed is a sequence, pinned so that old failures can be rerun', () => {
  const random = seededRandom(42);
  const drawn = Array.from({ length: 4 }, () => randomInteger(random, 1_000_000));
  assert.equal(drawn, PINNED);
  const again = seededRandom(42);
  assert.is(randomInteger(again, 1_000_000), drawn[0]);
});

test('neighbouring seeds have nothing in common, and numbers fill [0, 1) evenly', () => {
  const firsts = Array.from({ length: 1_000 }, (_, seed) => seededRandom(seed)());
  assert.is(new Set(firsts).size, 1_000);
  const mean = firsts.reduce((sum, value) => sum + value, 0) / firsts.length;
  assert.ok(Math.abs(mean - 0.5) < 0.05, `mean ${mean}`);
  assert.ok(firsts.every((value) => value >= 0 && value < 1));
  const drawn = systemRandom()();
  assert.ok(drawn >= 0 && drawn < 1);
});

const PINNED = [63_250, 479_946, 341_346, 905_892];

test.run();
