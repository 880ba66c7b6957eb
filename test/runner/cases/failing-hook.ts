// A `before` hook throws: no test runs, and uvu exits 0 all the same.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('failing hook');
test.before(() => {
  throw new Error('no fixture');
});
test('never reached', () => assert.unreachable());
test.run();
