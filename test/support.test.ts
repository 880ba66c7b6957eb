/** The helpers of the tests, tested: a wait that cannot fail proves nothing. */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from './support/temp-dir.ts';
import { until, within } from './support/within.ts';

const test = suite('support');

async function refusal(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing was refused',
    (error: Error) => error.message,
  );
}

test('within gives the value, or names what it waited for', async () => {
  assert.is(await within(1000, 'a value', Promise.resolve(7)), 7);
  assert.is(await refusal(within(20, 'the relay', new Promise(() => {}))), 'the relay: not within 20 ms');
});

test('until asks again after "not yet" and after a throw', async () => {
  const answers: (() => unknown)[] = [() => undefined, () => false, () => fail('closed'), () => 0];
  assert.is(await until(5000, 'a number', () => answers.shift()?.()), 0);
});

test('until quotes the last refusal when it gives up', async () => {
  const message = await refusal(until(120, 'an open port', () => fail('closed')));
  assert.is(message, 'an open port: not within 120 ms (last: Error: closed)');
});

test('a temporary folder goes away with its scope', async () => {
  let path = '';
  {
    await using dir = await TempDir.open('support');
    path = dir.path;
    assert.ok(existsSync(path));
  }
  assert.not.ok(existsSync(path));
});

function fail(message: string): never {
  throw new Error(message);
}

test.run();
