/** `config check`: what would start is fine, what would not is named with what to do, secrets stay hidden, nothing is changed. */
import { readdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { branchline } from './support/command-line.ts';

const test = suite('config check');

interface Checked {
  readonly ok: boolean;
  readonly settings: Record<string, unknown>;
  readonly findings: readonly { readonly level: string; readonly what: string }[];
}

async function check(dir: TempDir, content: object, ...args: string[]) {
  const file = join(dir.path, 'settings.json');
  await writeFile(file, JSON.stringify(content));
  const ran = await branchline(['--json', 'config', 'check', '--config', file, ...args]);
  return { ...ran, checked: ran.out === '' ? undefined : (JSON.parse(ran.out) as Checked) };
}

test('settings that would start are fine; nothing is made and the token is not shown', async () => {
  await using dir = await TempDir.open('config');
  const data = join(dir.path, 'node');
  const { code, out, checked } = await check(dir, {
    data,
    listen: '127.0.0.1:0',
    relay: 'http://127.0.0.1:9',
    token: 'secret-one-time-token',
    webhooks: [{ url: 'http://127.0.0.1:9/', secret: 'sixteen characters' }],
  });
  assert.is(code, 0, out);
  assert.ok(checked!.ok);
  assert.not(out.includes('secret-one-time-token'));
  assert.not(out.includes('sixteen characters'));
  assert.is(checked!.settings.token, '(set)');
  const watched = checked!.findings.filter(({ level }) => level === 'watch').map(({ what }) => what);
  assert.ok(
    watched.some((what) => what.startsWith('http://127.0.0.1:9 is not reached')),
    'it sells without, and is told so',
  );
  assert.equal(await readdir(dir.path), ['settings.json']);
});

test('no token, a taken address and a missing register are named, each with what to do', async () => {
  await using dir = await TempDir.open('config');
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const listen = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
  const { code, err, checked } = await check(dir, {
    data: join(dir.path, 'node'),
    listen,
    mode: 'offline',
    kkt: { address: join(dir.path, 'ttyS9') },
  });
  await new Promise((resolve) => taken.close(resolve));
  assert.is(code, 1);
  assert.match(err, /^error DOCTOR_FINDINGS/);
  const acts = checked!.findings.filter(({ level }) => level === 'act').map(({ what }) => what);
  assert.is(acts.length, 3, acts.join('; '));
  assert.match(acts.join('; '), /cannot listen on .*it is not enrolled and has no token.*register: ENOENT/);
});

test('a misspelt setting is refused as the program would refuse it', async () => {
  await using dir = await TempDir.open('config');
  const node = await check(dir, { data: 'x', relais: 'http://127.0.0.1:9' });
  assert.match(node.err, /^error NODE_CONFIG: "relais"/);
  const relay = await check(dir, { data: dir.path, listen: '127.0.0.1:0' }, '--program', 'relay');
  assert.is(relay.code, 1);
  assert.match(relay.err, /branchline init/, 'there is no relay in it');
});

test.run();
