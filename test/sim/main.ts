/**
 * `npm run sim`: many seeds, each a run of its own, over as many processes as there are cores.
 *
 *     npm run sim -- --seeds 1000 --steps 500 --base 1
 *     npm run sim:replay -- 4711 --steps 500        the story of one seed, and the smallest number of steps that fails
 *
 * Ends with a table (figure, got, wanted) and the plain line `N passed, N failed`. A seed that fails is printed with its
 * finding and the command that plays it again.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import { Fleet } from './fleet.ts';
import { run } from './run.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '500' },
    base: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    /** Each fault must have struck this often over all seeds; 0 asks nothing. */
    hits: { type: 'string', default: '0' },
    replay: { type: 'boolean', default: false },
    /** One line of JSON a seed, for whoever started this. */
    worker: { type: 'boolean', default: false },
  },
});
const steps = Number(values.steps);
const print = (text: string): void => void process.stdout.write(`${text}\n`);

if (values.worker) {
  process.on('message', async (seed: number) => {
    const { counts, failure, ...plain } = await run({ seed, steps });
    process.send!({ ...plain, counts: [...counts], words: failure?.words });
  });
} else if (values.replay) {
  await replay(Number(positionals[0]));
} else {
  await runAll();
}

async function replay(seed: number): Promise<void> {
  const outcome = await run({ seed, steps });
  for (const line of outcome.failure?.story ?? []) {
    print(line);
  }
  if (outcome.failure === undefined) {
    print(`seed ${seed}, ${steps} steps: nothing found; trace ${outcome.digest}`);
    return;
  }
  print(`\nseed ${seed}: ${outcome.failure.words}`);
  // A shorter story is easier to read: the people and faults of the first steps do not depend on those that follow.
  let least = steps;
  for (let most = steps, few = 1; few < most; ) {
    const middle = (few + most) >> 1;
    if ((await run({ seed, steps: middle })).failure === undefined) {
      few = middle + 1;
    } else {
      most = middle;
      least = middle;
    }
  }
  print(`the least that fails: npm run sim:replay -- ${seed} --steps ${least}`);
  process.exitCode = 1;
}

async function runAll(): Promise<void> {
  const count = Number(values.seeds);
  const base = Number(values.base);
  const fleet = new Fleet({ workers: Number(values.workers), steps });
  const totals = new Map<string, number>();
  let [passed, failed, sales, simulatedMs] = [0, 0, 0, 0];
  await fleet.run(
    Array.from({ length: count }, (_, at) => base + at),
    (outcome) => {
      sales += outcome.sales;
      simulatedMs += outcome.simulatedMs;
      for (const [name, times] of outcome.counts) {
        totals.set(name, (totals.get(name) ?? 0) + times);
      }
      if (outcome.words === undefined) {
        passed += 1;
      } else {
        failed += 1;
        print(`seed ${outcome.seed}: ${outcome.words}`);
        print(`  npm run sim:replay -- ${outcome.seed} --steps ${steps}`);
      }
      if (process.stdout.isTTY) {
        process.stdout.write(`\r${passed + failed} of ${count} seeds`);
      }
    },
  );
  const wanted = Number(values.hits);
  print(`\n${'figure'.padEnd(44)}${'got'.padStart(9)}${'wanted'.padStart(9)}`);
  const row = (name: string, got: number, goal: number | string = ''): void =>
    print(`${name.padEnd(44)}${String(got).padStart(9)}${String(goal).padStart(9)}`);
  row('seeds', passed + failed, count);
  row('steps of each', steps);
  row('failures', failed, 0);
  row('sales', sales);
  row('simulated hours', Math.round(simulatedMs / 3_600_000));
  for (const { name } of FAULTS) {
    const got = totals.get(name) ?? 0;
    row(`fault: ${name}`, got, wanted);
    failed += got < wanted ? 1 : 0;
  }
  for (const [name, times] of [...totals]
    .filter(([name]) => !FAULTS.some((fault) => fault.name === name))
    .sort()) {
    row(`happened: ${name}`, times);
  }
  print(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
