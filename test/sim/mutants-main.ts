/**
 * `npm run sim:mutants`: switches each known bug on, alone, in a copy of the sources, and runs seeds until one finds it; then the programs
 * as they are must pass the same seed.
 *
 *     npm run sim:mutants -- --only fsync      those with this in their name
 *
 * Fails when a bug survives SEEDS_MAX seeds, is found for another reason than it gives (`breaks`), or the programs without it fail, too.
 * The seeds are the same every time. Ends with a table and the plain line `N passed, N failed`.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { figure } from '../support/figures.ts';
import { ask, HERE, startWorker, type Told } from './fleet.ts';
import { MutantTree } from './mutant-tree.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

const SEEDS_MAX = 200;
const FIRST_SEED = 1;
const STEPS = 200;
const WORDS_MAX = 100;

const { values } = parseArgs({
  options: { only: { type: 'string' }, workers: { type: 'string', default: '2' } },
});
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const chosen = MUTANTS.filter(({ name }) => name.includes(values.only ?? ''));
const queue = [...chosen];
let [passed, failed] = [0, 0];

print(`${'mutant'.padEnd(42)}${'caught at seed'.padStart(15)}  words`);
await Promise.all(Array.from({ length: Number(values.workers) }, lane));
figure('known bugs found by the simulation, each within 200 seeds', `${passed}/${chosen.length}`, '12/12');
print(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** One tree that is made wrong and right again, and one process of the programs as they are. */
async function lane(): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'branchline-mutants-'));
  const healthy = startWorker(HERE);
  try {
    const tree = await MutantTree.make(path);
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const restore = await tree.mutate(mutant);
      const sick = startWorker(path);
      const caught = await firstFinding(sick, mutant);
      sick.kill();
      await restore();
      tell(mutant, caught, caught && (await ask(healthy, { ...mutant.of, steps: STEPS, seed: caught.seed })));
    }
  } finally {
    healthy.kill();
    await rm(path, { recursive: true, force: true });
  }
}

async function firstFinding(child: ChildProcess, { of }: Mutant): Promise<Told | undefined> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS_MAX; seed += 1) {
    const told = await ask(child, { ...of, steps: STEPS, seed });
    if (told.words !== undefined) {
      return told;
    }
  }
  return undefined;
}

function tell({ name, breaks }: Mutant, caught: Told | undefined, healthy: Told | undefined): void {
  const words = caught?.words ?? 'survived';
  const numbers = (/^([\d, ]+):/.exec(words)?.[1] ?? '').split(', ').map(Number);
  const isForThis = numbers.some((number) => breaks.includes(number));
  const wrong =
    caught === undefined || (isForThis && healthy?.words === undefined)
      ? ''
      : isForThis
        ? `WITHOUT IT AS WELL: ${healthy?.words} `
        : 'ANOTHER REASON: ';
  const isRight = caught !== undefined && wrong === '';
  passed += isRight ? 1 : 0;
  failed += isRight ? 0 : 1;
  const short = words.split('\n')[0]!.slice(0, isRight ? WORDS_MAX : 1_000);
  print(`${name.padEnd(42)}${String(caught?.seed ?? '-').padStart(15)}  ${wrong}${short}`);
}
