// Forgets `.run()`: uvu says nothing and exits 0.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('silent');
test('never runs', () => assert.unreachable());
