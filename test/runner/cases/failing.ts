// One test passes, one does not.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('failing');
test('one and one', () => assert.is(1 + 1, 2));
test('a wrong sum', () => assert.is(1 + 1, 3));
test.run();
