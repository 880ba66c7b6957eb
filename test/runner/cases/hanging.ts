// limit: 2 s
// Passes its test and then never ends, because a server is still listening.
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('hanging');
test('leaves a server open', () => {
  createServer().listen(0, '127.0.0.1');
  assert.ok(true);
});
test.run();
