/** Provisioning: rows are checked before anything is made; files hold what a node takes; a code says the same. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@branchline/node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { readInvitation, writeInvitation } from '../src/provision/invitation.ts';
import { parseProvisionList, ROWS_MAX } from '../src/provision/list.ts';
import { branchline } from './support/command-line.ts';

const test = suite('provision');

const refused = (text: string): string => {
  try {
    parseProvisionList(text, 'fleet.csv');
    return 'taken';
  } catch (error) {
    assert.is((error as { code?: string }).code, 'CONFIG_INVALID');
    return (error as Error).message;
  }
};

test('a list is read with either separator, comments, empty cells and a byte order mark', () => {
  const rows = parseProvisionList(
    '\ufeffcode;region;kkt;ofd\n# north\nB001;msk;/dev/ttyS0;ofd.example:7777\n\nB002;;;\n',
    'x',
  );
  assert.equal(rows, [
    { code: 'B001', role: 'branch', region: 'msk', kkt: '/dev/ttyS0', ofd: 'ofd.example:7777' },
    { code: 'B002', role: 'branch' },
  ]);
});

test('what is wrong is told by line, all at once', () => {
  const words = refused('code,role,listen\nB001,branch,\nb001,,\nB 2,,\nB003,boss,\nB004,,here\n');
  for (const part of [
    'line 3: b001 is in line 2 already',
    'line 4: code',
    'line 5: role',
    'line 6: listen: must be HOST:PORT',
  ]) {
    assert.ok(words.includes(part), `${part} in: ${words}`);
  }
  assert.match(refused('code,regoin\nB001,msk\n'), /line 2: no such column: regoin/);
  assert.match(refused('code,ofd\nB001,ofd.example:1\n'), /ofd needs a kkt/);
  assert.match(refused('code\n'), /no branch/);
  assert.match(refused('code\n"B001\n'), /fleet.csv/);
  const many = Array.from({ length: ROWS_MAX + 1 }, (_, at) => `B${at}`).join('\n');
  assert.match(refused(`code\n${many}\n`), /1001 branches; 1000 in one call/);
});

test('an invitation is read back as it was written, and anything else is refused', () => {
  const invitation = { branch: 'Ярмарка 1', relay: 'https://relay.example/x?y=1&z', token: 'a+b/c=' };
  assert.equal(readInvitation(` ${writeInvitation(invitation)}\n`), invitation);
  for (const text of ['', 'branchline:B001', 'branchline:B001?relay=x', 'https://relay.example']) {
    assert.throws(
      () => readInvitation(text),
      (error: { code?: string }) => error.code === 'CONFIG_INVALID',
    );
  }
});

test('a stopped relay provisions a fleet: private config files that a node takes, and a sheet of codes', async () => {
  await using dir = await TempDir.open('provision');
  const [data, out, csv] = ['relay', 'out', 'fleet.csv'].map((name) => join(dir.path, name)) as [
    string,
    string,
    string,
  ];
  assert.is((await branchline(['init', '--data', data, '--tenant', 'acme'])).code, 0);
  await writeFile(
    csv,
    'code,role,listen,kkt,ofd\nB001,,0.0.0.0:8080,10.0.1.7:7778,ofd.example:7777\nHQ,hq,,,\n',
  );
  const args = ['provision', '--data', data, '--csv', csv, '--out', out];
  const blind = await branchline(args);
  assert.is(blind.code, 1);
  assert.match(blind.err, /CONFIG_INVALID: the address of the relay is not known/);
  const made = await branchline([
    ...args,
    '--relay',
    'https://relay.example',
    '--qr',
    '--node-data',
    '/srv/{code}',
  ]);
  assert.is(made.code, 0, made.err);
  assert.equal((await readdir(out)).sort(), ['B001.json', 'HQ.json', 'codes.html']);
  for (const name of await readdir(out)) {
    assert.is((await stat(join(out, name))).mode & 0o077, 0, `${name} is private`);
  }
  const content = JSON.parse(await readFile(join(out, 'B001.json'), 'utf8')) as { token: string };
  const config = readConfig({ environment: {}, file: { name: 'B001.json', content } });
  assert.is(config.data, '/srv/B001');
  assert.is(config.branch, 'B001');
  assert.is(config.listen, '0.0.0.0:8080');
  assert.is(config.kkt?.address, '10.0.1.7:7778');
  assert.match(await readFile(join(out, 'codes.html'), 'utf8'), /<svg[\s\S]*HQ \(hq\)/);

  const again = await branchline([...args, '--relay', 'https://relay.example']);
  assert.is(again.code, 1, 'never over files that may hold unused tokens');
  assert.match(again.err, /FILE_UNWRITABLE/);
});

test.run();
