/**
 * `npm run sim:mutants`: switches each known bug on, alone, in a copy of the sources, and runs seeds until one finds it.
 *
 * Fails when a bug survives SEEDS_MAX seeds, and when the copy without any bug is found wrong. Ends with a table and the plain
 * line `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MutantTree } from './mutant-tree.ts';
import { MUTANTS } from './mutants.ts';

const SEEDS_MAX = 200;
const SEEDS_HEALTHY = 20;
const STEPS = 300;
const WORDS_MAX = 110;

const { values } = parseArgs({
  options: { only: { type: 'string' }, workers: { type: 'string', default: '2' } },
});
const print = (text: string): void => void process.stdout.write(`${text}\n`);

interface Caught {
  readonly seed: number | undefined;
  readonly words: string;
}

const path = await mkdtemp(join(tmpdir(), 'branchline-mutants-'));
let [passed, failed] = [0, 0];
try {
  const tree = await MutantTree.make(path);
  print(`${'mutant'.padEnd(42)}${'caught at seed'.padStart(15)}  words`);
  if (values.only === undefined) {
    tell('none', await simulate(SEEDS_HEALTHY), false);
  }
  for (const mutant of MUTANTS.filter(
    ({ name }) => values.only === undefined || name.includes(values.only),
  )) {
    const restore = await tree.mutate(mutant);
    tell(mutant.name, await simulate(SEEDS_MAX), true);
    await restore();
  }
} finally {
  await rm(path, { recursive: true, force: true });
}
print(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function tell(name: string, { seed, words }: Caught, isWanted: boolean): void {
  const isRight = (seed !== undefined) === isWanted;
  passed += isRight ? 1 : 0;
  failed += isRight ? 0 : 1;
  print(`${name.padEnd(42)}${String(seed ?? '-').padStart(15)}  ${isRight ? '' : 'WRONG '}${words}`);
}

/** The real command, in the copy. */
function simulate(seeds: number): Promise<Caught> {
  const args = [
    '--no-turbo-inline-js-wasm-calls',
    '--conditions=source',
    '--import',
    'tsx',
    'test/sim/main.ts',
  ];
  const options = ['--seeds', seeds, '--steps', STEPS, '--workers', values.workers, '--until-failure'];
  const child = spawn(process.execPath, [...args, ...options.map(String)], {
    cwd: path,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const [, seed, words] = /^seed (\d+): (.*)$/m.exec(text) ?? [];
      if (seed === undefined && code !== 0) {
        reject(new Error(`the simulation itself failed:\n${text}`));
        return;
      }
      resolve({
        seed: seed === undefined ? undefined : Number(seed),
        words: (words ?? '').slice(0, WORDS_MAX),
      });
    });
  });
}
