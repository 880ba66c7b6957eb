// Two tests that pass, one that is left out: the ordinary file.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('passing');
test('one and one', () => assert.is(1 + 1, 2));
test('two and two', () => assert.is(2 + 2, 4));
test.skip('left out aloud', () => assert.unreachable());
test.run();
