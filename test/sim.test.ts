// limit: 120 s
/** The simulation itself: it repeats exactly, it strikes, and a chain under trouble agrees. Many seeds are `npm run sim`. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from './sim/run.ts';

const SEEDS = [101, 102, 103, 104];
const STEPS = 150;

const simulation = suite('the simulated chain');

simulation('agrees after trouble, whatever the seed', async () => {
  for (const seed of SEEDS) {
    const { failure, sales, counts } = await run({ seed, steps: STEPS });
    assert.is(failure?.words, undefined, `seed ${seed}: npm run sim:replay -- ${seed} --steps ${STEPS}`);
    assert.ok(sales > 10, 'something was sold');
    assert.ok(counts.size > 3, 'something went wrong');
  }
});

simulation('is the same story each time it is told', async () => {
  const first = await run({ seed: 7, steps: STEPS });
  const second = await run({ seed: 7, steps: STEPS });
  const other = await run({ seed: 8, steps: STEPS });
  assert.is(second.digest, first.digest);
  assert.is.not(other.digest, first.digest);
});

simulation.run();
