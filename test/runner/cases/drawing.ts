// Says what fast-check drew.
import fc from 'fast-check';
import { suite } from 'uvu';

const test = suite('drawing');

test('draws', () => {
  const drawn: number[] = [];
  fc.assert(
    fc.property(fc.integer(), (number) => {
      drawn.push(number);
    }),
  );
  process.stdout.write(`drew ${drawn.join(' ')}\n`);
});

test.run();
