/**
 * The few words of vitest that automerge-repo's published acceptance suites are written in, over uvu and node:assert.
 *
 * The suites import "vitest"; `published-suites.ts` makes that name mean this file. Their code runs as it was published.
 */
import assert from 'node:assert';
import type { Test } from 'uvu';

type Context = Record<string, unknown>;
type Body = (context: Context) => unknown;
type Setup = (context: Context) => unknown;

let test: Test;
let setups: Setup[] = [];
let names: string[] = [];

export function describe(name: string, body: () => void): void {
  names.push(name);
  body();
  names.pop();
}

export function it(name: string, body: Body): void {
  const [before, path] = [[...setups], [...names, name].join(' › ')];
  test(path, async () => {
    const context: Context = {};
    const teardowns: unknown[] = [];
    for (const setup of before) {
      teardowns.push(await setup(context));
    }
    await body(context);
    for (const teardown of teardowns) {
      if (typeof teardown === 'function') {
        await teardown();
      }
    }
  });
}

export function beforeEach(setup: Setup): void {
  setups.push(setup);
}

export function expect(actual: unknown) {
  return {
    toBeUndefined: () => assert.strictEqual(actual, undefined),
    toStrictEqual: (expected: unknown) => assert.deepStrictEqual(actual, expected),
    toMatchObject: (expected: Context) => {
      for (const [key, value] of Object.entries(expected)) {
        assert.deepStrictEqual((actual as Context)[key], value);
      }
    },
  };
}

/** Everything described meanwhile becomes tests of this suite. */
export function describeIn(suite: Test, describeAll: () => void): void {
  test = suite;
  setups = [];
  names = [];
  describeAll();
}
