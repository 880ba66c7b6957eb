/** Commands on data nobody runs on: what they print, where, and how they end. */
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { branchline } from './support/command-line.ts';

const test = suite('cli commands');

/** A folder with a tenant in it. */
async function tenant(dir: TempDir): Promise<string> {
  const data = join(dir.path, 'relay');
  assert.is((await branchline(['init', '--data', data, '--tenant', 'acme'])).code, 0);
  return data;
}

test('init prints the admin token once, as words or as one line of JSON', async () => {
  await using dir = await TempDir.open('cli');
  const words = await branchline(['init', '--data', join(dir.path, 'a'), '--tenant', 'acme']);
  assert.is(words.code, 0);
  assert.match(words.out, /Admin token \(shown once, keep it\): [\w-]{43}\n/);
  const json = await branchline(['init', '--data', join(dir.path, 'b'), '--tenant', 'acme', '--json']);
  assert.is(json.out.trim().split('\n').length, 1);
  assert.match(JSON.parse(json.out).adminToken, /^[\w-]{43}$/);
  assert.is(words.err + json.err, '');
});

test('a failure is one line with a code and what to do, and exit code 1', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  const again = await branchline(['init', '--data', data, '--tenant', 'acme']);
  assert.is(again.code, 1);
  assert.match(again.err, /^error RELAY_EXISTS: .+ already holds a tenant\. Choose another folder.+\.\n$/);
  assert.is(again.out, '');
  const missing = await branchline(['verify', '--data', join(dir.path, 'none')]);
  assert.match(missing.err, /^error DATA_MISSING: /);
  const stopped = await branchline(['status', '--data', data]);
  assert.match(stopped.err, /^error NOT_RUNNING: .+ Start it/);
});

test('wrong usage ends with 2 and says what there is', async () => {
  for (const args of [
    ['verifi'],
    ['init'],
    ['branch', 'add', '--count', 'many'],
    ['demo', '--topology', 'ring'],
  ]) {
    const { code, err } = await branchline(args);
    assert.is(code, 2, args.join(' '));
    assert.match(err, /error: /);
  }
  assert.match((await branchline(['verifi'])).err, /Did you mean verify\?/);
  const help = await branchline(['--help']);
  assert.is(help.code, 0);
  for (const name of 'demo init relay branch node status doctor verify export import backup restore till bench'.split(
    ' ',
  )) {
    assert.match(help.out, new RegExp(`^  ${name}\\b`, 'm'));
  }
});

test('200 branches in one call, as tokens or as one config file each', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  const { out } = await branchline(['branch', 'add', '--count', '200', '--data', data, '--json']);
  const { tokens } = JSON.parse(out) as { tokens: { code: string; token: string }[] };
  assert.is(new Set(tokens.map(({ token }) => token)).size, 200);
  assert.equal([tokens[0]!.code, tokens[199]!.code], ['B001', 'B200']);
  const folder = join(dir.path, 'configs');
  const args = [
    'branch',
    'add',
    'C1',
    'C2',
    '--data',
    data,
    '--out',
    folder,
    '--relay',
    'https://relay.example',
  ];
  assert.is((await branchline(args)).code, 0);
  assert.equal((await readdir(folder)).sort(), ['C1.json', 'C2.json']);
  const config = JSON.parse(await readFile(join(folder, 'C1.json'), 'utf8'));
  assert.is(config.relay, 'https://relay.example');
  assert.match(config.token, /^[\w-]{43}$/);
  const over = await branchline(args);
  assert.match(over.err, /^error FILE_UNWRITABLE: /);
  const list = await branchline(['branch', 'list', '--data', data]);
  assert.match(list.out, /^C1 +branch +- +invited/m);
});

test('what names no folder means the same one: init, relay and branch find each other', async () => {
  await using dir = await TempDir.open('cli');
  const environment = { BRANCHLINE_DATA: join(dir.path, 'chain') };
  assert.is((await branchline(['init', '--tenant', 'acme'], { environment })).code, 0);
  assert.is((await branchline(['branch', 'add', 'B1'], { environment })).code, 0);
  const listen = '127.0.0.1:99999';
  const relay = await branchline(['relay'], { environment: { BRANCHLINE_LISTEN: listen } });
  assert.match(relay.err, /^error RELAY_CONFIG: listen .+ port/, 'the folder is not what is wrong');
  for (const name of ['init', 'branch add']) {
    const help = await branchline([...name.split(' '), '--help']);
    assert.match(help.out, /default: "\.branchline"/, name);
  }
});

test('no token is made for a config file that cannot be written, or would hold no address', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  const out = join(dir.path, 'config');
  const add = (...more: string[]) => branchline(['branch', 'add', ...more, '--out', out, '--data', data]);
  assert.is((await add('B2')).code, 0);
  const again = await add('B1', 'B2');
  assert.is(again.code, 1);
  assert.match(again.err, /^error FILE_UNWRITABLE: .+B2\.json is there already\. .+no token was made/);
  const nowhere = await add('B3', '--relay', 'relay.example');
  assert.is(nowhere.code, 2);
  const list = await branchline(['branch', 'list', '--data', data]);
  assert.not.match(list.out, /B1|B3/);
});

test('branches come from a CSV with roles and regions, and from one source only', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  const csv = join(dir.path, 'branches.csv');
  await writeFile(csv, '\ufeffcode,role,region\r\nB1,,north\r\n# closed\r\nOFFICE,hq\r\n\r\n');
  const { out } = await branchline(['branch', 'add', '--csv', csv, '--data', data, '--json']);
  const { tokens } = JSON.parse(out) as { tokens: { code: string; role: string }[] };
  assert.equal(
    tokens.map(({ code, role }) => `${code} ${role}`),
    ['B1 branch', 'OFFICE hq'],
  );
  const both = await branchline(['branch', 'add', 'B2', '--csv', csv, '--data', data]);
  assert.is(both.code, 2);
  const none = await branchline(['branch', 'add', '--csv', join(dir.path, 'no.csv'), '--data', data]);
  assert.match(none.err, /^error FILE_UNREADABLE: /);
  const unknown = await branchline(['branch', 'revoke', 'B7', '--data', data]);
  assert.match(unknown.err, /^error BRANCH_UNKNOWN: /);
});

test('a config file that is no JSON, or holds a wrong setting, is named', async () => {
  await using dir = await TempDir.open('cli');
  const file = join(dir.path, 'relay.json');
  await writeFile(file, '{"data": ');
  assert.match(
    (await branchline(['relay', '--config', file])).err,
    /^error CONFIG_INVALID: .*relay\.json is not JSON/,
  );
  await writeFile(file, '{"data": "d", "port": 1}');
  assert.match(
    (await branchline(['relay', '--config', file])).err,
    /^error RELAY_CONFIG: "port" \(.*relay\.json\)/,
  );
  const environment = { BRANCHLINE_LISTEN: 'everywhere' };
  const wrong = await branchline(['relay', '--data', dir.path], { environment });
  assert.match(wrong.err, /^error RELAY_CONFIG: listen \(from BRANCHLINE_LISTEN\)/);
  const node = await branchline(['node', '--data', dir.path, '--relay', 'nowhere']);
  assert.match(node.err, /^error NODE_CONFIG: relay \(from --relay\)/);
});

test('G9: verify names the first broken entry; a backup verifies on its own', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  await branchline(['branch', 'add', '--count', '20', '--data', data]);
  const good = await branchline(['verify', '--data', data, '--json']);
  assert.is(JSON.parse(good.out).entries, 22);
  const copy = join(dir.path, 'backup');
  assert.is((await branchline(['backup', '--data', data, '--to', copy])).code, 0);
  assert.is((await branchline(['verify', '--data', copy])).code, 0);
  assert.match(
    (await branchline(['backup', '--data', data, '--to', copy])).err,
    /^error FILE_UNWRITABLE: .*not empty/,
  );

  const [segment] = (await readdir(join(data, 'journal'))).filter((name) => /\d/.test(name)).sort();
  const file = join(data, 'journal', segment!);
  const bytes = await readFile(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await writeFile(file, bytes);
  const broken = await branchline(['verify', '--data', data]);
  assert.is(broken.code, 1);
  assert.match(broken.err, /^error VERIFY_FAILED: .*not as it was written/);
  assert.is((await branchline(['verify', '--data', copy, '--feed', 'orders/x'])).code, 1);

  const restored = join(dir.path, 'restored');
  assert.is((await branchline(['restore', '--from', copy, '--data', restored])).code, 0);
  assert.ok((await readdir(restored)).includes('restored.json'));
  assert.is((await branchline(['verify', '--data', restored])).code, 0);
  assert.match(
    (await branchline(['branch', 'add', 'B9', '--data', restored])).err,
    /^error AUTHORITY_OFFLINE: /,
  );
  await truncate(file, 10);
});

test('verify leaves a mark for the alarms: when all was right, and what was wrong until it is right again', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  const marks = async () => (await readdir(data)).filter((name) => name.includes('verify')).sort();
  const verify = () => branchline(['verify', '--data', data, '--with-backup']);
  assert.match((await verify()).err, /^error VERIFY_FAILED: no backup of this folder was ever made/);
  assert.equal(await marks(), ['verify-failed.json']);
  assert.is((await branchline(['verify', '--data', data])).code, 0);
  assert.equal(await marks(), ['last-verify.json', 'verify-failed.json'], 'the backup was not looked at');

  const copy = join(dir.path, 'copy');
  assert.is((await branchline(['backup', '--data', data, '--to', copy])).code, 0);
  assert.not.ok(
    (await readdir(copy)).some((name) => name.includes('verify')),
    'marks are not copied',
  );
  const right = await verify();
  assert.match(right.out, /The last backup, .*copy, holds \d+ of them, as they were written/);
  assert.equal(await marks(), ['last-verify.json']);

  const [segment] = (await readdir(join(copy, 'journal'))).filter((name) => /\d/.test(name)).sort();
  const bytes = await readFile(join(copy, 'journal', segment!));
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await writeFile(join(copy, 'journal', segment!), bytes);
  assert.match((await verify()).err, /^error VERIFY_FAILED: the last backup, .*copy: .*Make another/s);
  assert.match(await readFile(join(data, 'verify-failed.json'), 'utf8'), /not as it was written/);
  const next = join(dir.path, 'next');
  assert.is((await branchline(['backup', '--data', data, '--to', next])).code, 0);
  assert.is((await verify()).code, 0);
  assert.equal(await marks(), ['last-verify.json']);
  await rm(next, { recursive: true });
  assert.match((await verify()).err, /^error VERIFY_FAILED: the last backup, .*next, is not a whole copy/);
});

test('progress is for terminals: piped and under --json nothing is said but the result', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  assert.match((await branchline(['verify', '--data', data], { terminal: true })).err, /verified 100 %/);
  assert.is((await branchline(['verify', '--data', data])).err, '');
  assert.is((await branchline(['verify', '--data', data, '--json'], { terminal: true })).err, '');
});

test('doctor says what to do and fails when a person is needed', async () => {
  await using dir = await TempDir.open('cli');
  const data = await tenant(dir);
  const { code, out, err } = await branchline(['doctor', '--data', data]);
  assert.is(code, 1);
  assert.match(out, /^ok +relay of acme/m);
  assert.match(out, /^ACT +it is not running\n +Start it: branchline relay/m);
  assert.match(err, /^error DOCTOR_FINDINGS: 1 of \d+ checks need you/);
});

test.run();
