/** The known bugs can still be switched on: `npm run sim:mutants` has each of them found. */
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MUTANTS } from './sim/mutants.ts';

const test = suite('mutants of the simulation');

test('each mutation has its one place in the sources, and changes it', async () => {
  assert.ok(MUTANTS.length >= 12);
  for (const { name, file, find, put } of MUTANTS) {
    const text = await readFile(new URL(`../${file}`, import.meta.url), 'utf8');
    assert.is(text.split(find).length, 2, `${name}: ${file} reads otherwise; write the mutation anew`);
    assert.is.not(find, put, name);
  }
});

test('the command that finds them names its program', async () => {
  const program = './sim/mutants-main.ts';
  const { scripts } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  assert.match(scripts['sim:mutants'], program.slice(2));
});

test.run();
