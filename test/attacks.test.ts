/** The table of attacks names tests that exist. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ROW = /^\| ([^|]+) \| \[`([^`]+)`\]\([^)]+\) \| ([^|]+) \|$/;
const ROWS_MIN = 85;

/** What stands before the name of a test: its suite is called with it, perhaps after a figure. */
const TESTED = /\b[a-z][A-Za-z]*\(\s*['"`][^'"`]*$/;

const test = suite('attacks');

/** The source up to the first place of the name where a test may begin. */
function beforeName(source: string, name: string): string {
  const places = source.split(name).slice(0, -1);
  return places.length === 0 ? '' : (places.find((text) => TESTED.test(text.slice(-120))) ?? '').slice(-120);
}

test('each row of the table names a test that is there', () => {
  const lines = readFileSync(new URL('./attacks.md', import.meta.url), 'utf8').split('\n');
  const rows = lines.flatMap((line) => {
    const [, attack, file, name] = ROW.exec(line) ?? [];
    return name === undefined ? [] : [{ attack, file, name }];
  });
  assert.ok(rows.length >= ROWS_MIN, `${rows.length} rows`);
  for (const { attack, file, name } of rows) {
    const source = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
    assert.ok(TESTED.test(beforeName(source, name)), `${attack}: ${file} has no test "${name}"`);
  }
  assert.is(new Set(rows.map(({ attack }) => attack)).size, rows.length, 'no attack twice');
});

test.run();
