/**
 * `npm run sim`: many seeds, each a run of its own, over as many processes as there are cores.
 *
 *     npm run sim -- --seeds 1000 --steps 500 --base 1 --hits 100
 *     npm run sim -- --seeds 1000 --minutes 12      as many as fit
 *     npm run sim -- --seeds 200 --until-failure    stops at the first seed that finds something
 *     npm run sim:replay -- 4711 --steps 500        the story of one seed, and the smallest number of steps that fails
 *
 * Ends with a table (figure, got, wanted) and the plain line `N passed, N failed`. A seed that fails is printed with its
 * finding, the commit and the command that plays it again.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { systemClock } from 'hlc-ts';
import { figure } from '../support/figures.ts';
import { KINDS, WAYS_OUT } from './faults.ts';
import { Fleet } from './fleet.ts';
import { type RunOptions, run } from './run.ts';
import { verifyOnce } from './verify-once.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '500' },
    base: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    /** Each kind of fault must have struck this often over all seeds; 0 asks nothing. */
    hits: { type: 'string', default: '0' },
    /** At least so many kinds must have struck `HITS_GOAL` times. */
    kinds: { type: 'string', default: '0' },
    /** No seed is begun later than this after the start; what is asked of hits shrinks with the seeds. */
    minutes: { type: 'string', default: '0' },
    'until-failure': { type: 'boolean', default: false },
    replay: { type: 'boolean', default: false },
    /** One message a seed, for whoever started this. */
    worker: { type: 'boolean', default: false },
  },
});
const steps = Number(values.steps);
/** How often a kind of fault has to strike to count as one. */
const HITS_GOAL = 100;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

verifyOnce();
if (values.worker) {
  process.on('message', async (options: RunOptions) => {
    const { counts, failure, ...plain } = await run(options);
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
  const endMs = Number(values.minutes) * 60_000 || Number.POSITIVE_INFINITY;
  const clock = systemClock();
  const beganMs = clock.monotonicMs();
  const isEnough = (): boolean =>
    (values['until-failure'] && failed > 0) || clock.monotonicMs() - beganMs > endMs;
  const fleet = new Fleet({ workers: Number(values.workers), of: { steps }, isEnough });
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
        print(`  at ${commit()}: npm run sim:replay -- ${outcome.seed} --steps ${steps}`);
      }
      if (process.stdout.isTTY) {
        process.stdout.write(`\r${passed + failed} of ${count} seeds`);
      }
    },
  );
  const found = failed;
  const wanted = Math.floor((Number(values.hits) * (passed + failed)) / count);
  print(`\n${'figure'.padEnd(52)}${'got'.padStart(9)}${'wanted'.padStart(9)}`);
  const row = (name: string, got: number, goal: number | string = ''): void =>
    print(`${name.padEnd(52)}${String(got).padStart(9)}${String(goal).padStart(9)}`);
  row('seeds', passed + failed, count);
  row('steps of each', steps);
  row('failures', failed, 0);
  row('minutes', Math.ceil((clock.monotonicMs() - beganMs) / 60_000), Number(values.minutes) || '');
  row('sales', sales);
  row('simulated hours', Math.round(simulatedMs / 3_600_000));
  let struck = 0;
  for (const [title, names] of [
    ['fault', KINDS],
    ['way out', WAYS_OUT],
  ] as const) {
    for (const name of names) {
      const got = totals.get(name) ?? 0;
      row(`${title}: ${name}`, got, wanted);
      failed += got < wanted ? 1 : 0;
      struck += title === 'fault' ? got : 0;
    }
  }
  row('faults that struck', struck);
  const often = KINDS.filter((name) => (totals.get(name) ?? 0) >= HITS_GOAL).length;
  failed += often < Number(values.kinds) ? 1 : 0;
  figure(`failures in ${passed + found} simulated chains of ${steps} steps`, found, `0 in ${count}`);
  figure(`kinds of faults that struck at least ${HITS_GOAL} times`, often, '25 or more');
  const named = new Set([...KINDS, ...WAYS_OUT]);
  for (const [name, times] of [...totals].filter(([each]) => !named.has(each)).sort()) {
    row(`happened: ${name}`, times);
  }
  print(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'a tree without history';
  }
}
