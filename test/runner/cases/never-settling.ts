// Waits for a promise that nobody settles: without a handle Node exits early.
import { suite } from 'uvu';

const test = suite('never settling');
test('waits for ever', () => new Promise(() => {}));
test.run();
