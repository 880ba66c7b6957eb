/**
 * `npm run sim:mutants`: switches each known bug on, alone, in a copy of the sources, and runs seeds until one finds it; then the programs
 * as they are must pass the same seed.
 *
 *     npm run sim:mutants -- --only fsync      those with this in their name
 *
 * Fails when a bug survives SEEDS_MAX seeds. A seed that finds something for another reason than the bug gives (`breaks`), or that finds
 * something without the bug, too, is told and does not count.
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
      const caught = await firstCatch(sick, healthy, mutant);
      sick.kill();
      await restore();
      tell(mutant, caught);
    }
  } finally {
    healthy.kill();
    await rm(path, { recursive: true, force: true });
  }
}

/** The first seed that finds the bug for its reason, and finds nothing without it. */
async function firstCatch(
  sick: ChildProcess,
  healthy: ChildProcess,
  mutant: Mutant,
): Promise<Told | undefined> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS_MAX; seed += 1) {
    const options = { ...mutant.of, steps: STEPS, seed };
    const told = await ask(sick, options);
    if (told.words === undefined) {
      continue;
    }
    if (!isBroken(mutant, told.words)) {
      print(`${mutant.name}, seed ${seed}, for another reason: ${told.words}`);
      continue;
    }
    const { words } = await ask(healthy, options);
    if (words === undefined) {
      return told;
    }
    print(`${mutant.name}, seed ${seed}, WITHOUT IT AS WELL: ${words}`);
  }
  return undefined;
}

function isBroken({ breaks }: Mutant, words: string): boolean {
  const numbers = (/^([\d, ]+):/.exec(words)?.[1] ?? '').split(', ').map(Number);
  return numbers.some((number) => breaks.includes(number));
}

function tell({ name }: Mutant, caught: Told | undefined): void {
  passed += caught === undefined ? 0 : 1;
  failed += caught === undefined ? 1 : 0;
  const words = (caught?.words ?? 'SURVIVED').split('\n')[0]!.slice(0, WORDS_MAX);
  print(`${name.padEnd(42)}${String(caught?.seed ?? '-').padStart(15)}  ${words}`);
}
