/** S-13 as a user meets it: the command against a running head office, its words, its files and its exit codes. */
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IMPORT_FILE_BYTES_MAX } from '@branchline/model';
import { DataDirectory, NodeProgram, readConfig, readControl } from '@branchline/node';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { branchline } from './support/command-line.ts';

const test = suite('branchline catalog import');
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let dir: TempDir;
let hq: NodeProgram;
let data: string;

test.before(async () => {
  dir = await TempDir.open('catalog');
  data = join(dir.path, 'hq');
  await mkdir(data);
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
  const config = readConfig({ environment: {}, flags: { data, listen: '127.0.0.1:0' } });
  hq = await NodeProgram.open({ clock: systemClock(), random: seededRandom(1), log }, config);
});

test.after(async () => {
  await hq.close();
  await dir[Symbol.asyncDispose]();
});

async function run(text: string, flags: readonly string[] = []) {
  const file = join(dir.path, 'catalog.csv');
  await writeFile(file, text);
  return branchline(['catalog', 'import', file, '--data', data, ...flags]);
}

test('a dry run says how the file is read and what it would do', async () => {
  const { code, out } = await run('sku;name;price;vat\nA;Chair;12,50;22\n', ['--dry-run']);
  assert.is(code, 0, out);
  assert.match(out, /read as csv, utf-8, separator ";", titles in row 1, decimal mark ","/);
  assert.match(out, /A +Chair +12\.50 +vat22/);
  assert.match(
    out,
    /1 rows: 1 new, 0 changed, 0 as they were; 0 errors, 0 warnings: dry run, nothing was written/,
  );
  assert.is(hq.node.services.products.count, 0);
});

test('one wrong row refuses the file: exit 1, the row in words, all of them as CSV', async () => {
  const faults = join(dir.path, 'faults.csv');
  const { code, out } = await run('sku,name,price,vat\nA,Chair,x,22\n,Desk,1,22\n', ['--faults', faults]);
  assert.is(code, 1);
  assert.match(out, /2 +price +error +NUMBER_INVALID +is not an amount +x/);
  assert.match(out, /NOTHING was imported/);
  const text = await readFile(faults, 'utf8');
  assert.is(
    text,
    '\uFEFFrow,column,level,code,words,value\r\n2,price,error,NUMBER_INVALID,is not an amount,x\r\n3,sku,error,SKU_MISSING,has no SKU,\r\n',
  );
});

test('what is right is imported; --json is one line; a profile may be a file; decisions may be accepted', async () => {
  const first = await run('sku,name,price,vat\nA,Chair,100,22\n', ['--json']);
  assert.is(first.code, 0, first.err);
  assert.equal([JSON.parse(first.out).created, JSON.parse(first.out).committed], [1, true]);
  const profile = join(dir.path, 'acme.json');
  await writeFile(profile, JSON.stringify({ name: 'acme', columns: { sku: 'No', price: 'Retail' } }));
  const second = await run('No,Retail\nA,200\n', ['--profile', profile]);
  assert.is(second.code, 1);
  assert.match(second.out, /PRICE_JUMP +moves the price by 100 % \(it is 100\.00\)/);
  const third = await run('No,Retail\nA,200\n', ['--profile', profile, '--accept', 'PRICE_JUMP', '--json']);
  assert.is(third.code, 0, third.out);
  assert.is(hq.node.services.products.get('A')?.priceMinor, 20_000);
});

test('failures are one line with what to do', async () => {
  const { code, err } = await run('hello\n');
  assert.is(code, 1);
  assert.match(err, /^error IMPORT_FILE: None of the first 20 rows .+\n$/);
  assert.match((await run('sku\n', ['--profile', 'none.json'])).err, /^error FILE_UNREADABLE: /);
  const missing = await branchline(['catalog', 'import', join(dir.path, 'none.csv'), '--data', data]);
  assert.match(missing.err, /^error FILE_UNREADABLE: /);
  const large = join(dir.path, 'large.csv');
  await writeFile(large, '');
  await truncate(large, IMPORT_FILE_BYTES_MAX + 1);
  const refused = await branchline(['catalog', 'import', large, '--data', data]);
  assert.match(refused.err, /^error INPUT_TOO_LARGE: .+ cut it in parts\.\n$/);
  const nobody = await branchline(['catalog', 'import', large, '--data', join(dir.path, 'nowhere')]);
  assert.match(nobody.err, /^error NOT_RUNNING: /);
});

test('two files at once: the second is told to come back', async () => {
  const { url, token } = (await readControl(data))!;
  const rows = Array.from({ length: 20_000 }, (_, index) => `S${index},Chair ${index},1,22`);
  const body = `sku,name,price,vat\n${rows.join('\n')}\n`;
  const send = (key: string) =>
    fetch(`${url}/v1/catalog/imports?dryRun=true`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'text/csv', 'Idempotency-Key': key },
      body,
    });
  const answers = await Promise.all([send('one'), send('two')]);
  assert.equal(answers.map(({ status }) => status).sort(), [200, 503]);
  const [refused] = answers.filter(({ status }) => status === 503);
  assert.is(((await refused!.json()) as { code: string }).code, 'OVERLOADED');
});

test.run();
