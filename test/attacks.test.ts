/** The table of attacks names tests that exist. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ROW = /^\| ([^|]+) \| \[`([^`]+)`\]\([^)]+\) \| ([^|]+) \|$/;
const ROWS_MIN = 40;

const test = suite('attacks');

test('each row of the table names a test that is there', () => {
  const lines = readFileSync(new URL('./attacks.md', import.meta.url), 'utf8').split('\n');
  const rows = lines.flatMap((line) => {
    const [, attack, file, name] = ROW.exec(line) ?? [];
    return name === undefined ? [] : [{ attack, file, name }];
  });
  assert.ok(rows.length >= ROWS_MIN, `${rows.length} rows`);
  for (const { attack, file, name } of rows) {
    const source = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
    assert.ok(source.includes(name), `${attack}: ${file} has no test "${name}"`);
  }
});

test.run();
