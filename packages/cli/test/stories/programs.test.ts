// limit: 120 s
/** The programs as processes: they say where they listen, are operated through their control file, and stop when asked. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { until } from '../../../../test/support/within.ts';
import { branchline } from '../support/command-line.ts';
import { Started } from '../support/started.ts';

const test = suite('cli programs');

async function json(...args: string[]) {
  const { code, out, err } = await branchline([...args, '--json']);
  assert.is(code, 0, err);
  return JSON.parse(out);
}

test('a relay and a node from nothing: init, add, start, sell nothing, look, stop', async () => {
  await using dir = await TempDir.open('cli');
  const [relayData, nodeData] = [join(dir.path, 'relay'), join(dir.path, 'node')];
  await branchline(['init', '--data', relayData, '--tenant', 'acme']);
  await using relay = await Started.open('relay', '--data', relayData, '--listen', '127.0.0.1:0');
  await writeFile(join(dir.path, 'demo.json'), '{}');
  const { programs } = await json('status', '--data', dir.path);
  assert.equal(
    programs.map(({ kind, url }: { kind: string; url: string }) => [kind, url]),
    [['relay', relay.url]],
    'the folder of a demo stands for all its programs',
  );
  const { tokens, relay: url } = await json('branch', 'add', 'B001', '--data', relayData);
  assert.is(url, relay.url);
  const start = ['node', '--data', nodeData, '--listen', '127.0.0.1:0', '--relay', relay.url];
  await using node = await Started.open(...start, '--token', tokens[0].token);

  const till = await json('till', 'add', 'T1', '--role', 'cashier', '--data', nodeData);
  const headers = { Authorization: `Bearer ${till.token}` };
  assert.is((await fetch(`${node.url}/v1/products?q=a`, { headers })).status, 200);
  const online = async () => {
    const { branches } = await json('branch', 'list', '--data', relayData);
    return branches.some(
      (row: { branch: string; state: string }) => row.branch === 'B001' && row.state === 'online',
    );
  };
  await until(30_000, 'B001 online', online);
  const status = await json('status', '--data', nodeData);
  assert.equal([status.kind, status.sync.branch, status.ready.ready], ['node', 'B001', true]);
  assert.ok(status.sync.disk.totalBytes >= status.sync.disk.freeBytes && status.sync.disk.freeBytes > 0);
  assert.type(status.sync.peers[0].behindSeconds, 'number');
  assert.match((await branchline(['status', '--data', nodeData])).out, / free\npeer .* behind +cause\n/);
  assert.match((await branchline(['status', '--data', relayData])).out, /^B001 +online/m);
  assert.is((await branchline(['doctor', '--data', relayData])).code, 0);
  await json('till', 'revoke', 'T1', '--data', nodeData);
  assert.is((await fetch(`${node.url}/v1/products?q=a`, { headers })).status, 401);
  assert.match((await branchline(['till', 'list', '--data', nodeData])).out, /^T1 +cashier .* revoked$/m);
  assert.match((await branchline(['till', 'list', '--data', relayData])).err, /^error DATA_MISSING: /);

  const vera = await json('token', 'add', 'Vera', '--role', 'view', '--data', relayData);
  assert.is(vera.link, `${relay.url}/#token=${encodeURIComponent(vera.token)}`);
  const asVera = { headers: { Authorization: `Bearer ${vera.token}` } };
  assert.is((await fetch(`${relay.url}/v1/fleet`, asVera)).status, 200);
  assert.is((await fetch(`${relay.url}/v1/operators`, asVera)).status, 403, 'who looks makes no tokens');
  assert.match((await branchline(['token', 'list', '--data', relayData])).out, /^Vera +view/m);
  await json('token', 'revoke', 'Vera', '--data', relayData);
  assert.is((await fetch(`${relay.url}/v1/fleet`, asVera)).status, 401);
  assert.match((await branchline(['token', 'list', '--data', nodeData])).err, /^error DATA_MISSING: /);

  assert.match((await branchline(['branch', 'list', '--data', nodeData])).err, /^error STILL_RUNNING: /);

  const books = ['reconcile', '--data', nodeData];
  assert.match((await branchline(books)).out, /^B001, \S+: 0 orders, .+\nEvery book says the same\.\n$/);
  const { token } = await json('till', 'add', 'T2', '--role', 'admin', '--data', nodeData);
  const close = (path: string, body: object) =>
    fetch(`${node.url}/v1/shift/${path}`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': path,
      },
      body: JSON.stringify(body),
    });
  assert.is((await close('open', {})).status, 201);
  assert.is((await close('close', { countedCashMinor: 5 })).status, 200);
  const day = (at: number) => new Date(Date.now() + at).toISOString().slice(0, 10);
  // It may be midnight between the closing and the question.
  const differ = await Promise.all([-60_000, 60_000].map((at) => branchline([...books, '--day', day(at)])));
  const said = differ.find(({ code }) => code === 1);
  assert.match(said!.err, /^error BOOKS_DIFFER: 1 things do not fit\. The drawer was counted/);
  assert.match((await branchline(['reconcile', '--data', relayData])).err, /^error WRONG_PROGRAM: /);

  const bundle = join(dir.path, 'bundle');
  const exported = await json('export', '--to', bundle, '--data', relayData);
  assert.ok(exported.entries >= 3);
  const imported = await json('import', bundle, '--data', relayData);
  assert.is(imported.entries, exported.entries, 'the node goes on writing; what is in the file was counted');
  assert.is(imported.fresh, 0);

  assert.is((await branchline(['backup', '--data', nodeData, '--to', join(dir.path, 'backup')])).code, 0);
  assert.is((await branchline(['verify', '--data', join(dir.path, 'backup')])).code, 0);
  assert.is(await node.stop('SIGTERM'), 0);
  assert.is(await relay.stop('SIGINT'), 0);
  assert.match((await branchline(['status', '--data', nodeData])).err, /^error NOT_RUNNING: /);
});

test('a program started by another ends with it', async () => {
  await using dir = await TempDir.open('cli');
  const data = join(dir.path, 'relay');
  await branchline(['init', '--data', data, '--tenant', 'acme']);
  await using relay = await Started.open(
    'relay',
    '--data',
    data,
    '--listen',
    '127.0.0.1:0',
    '--until-stdin-ends',
  );
  assert.is(await relay.stop('stdin'), 0);
});

test('a control file that names a dead or silent program is understood', async () => {
  await using dir = await TempDir.open('cli');
  const control = join(dir.path, 'control.json');
  const content = { program: 'relay', url: 'http://127.0.0.1:9', token: 't' };
  await writeFile(control, JSON.stringify({ ...content, pid: 2 ** 22 + 1 }));
  assert.match((await branchline(['status', '--data', dir.path])).err, /^error NOT_RUNNING: /);
  await writeFile(control, JSON.stringify({ ...content, pid: process.pid }));
  assert.match((await branchline(['status', '--data', dir.path])).err, /^error PROGRAM_UNREACHABLE: /);
  await writeFile(control, '{"program":');
  assert.match((await branchline(['status', '--data', dir.path])).err, /^error NOT_RUNNING: /);
});

test('the launcher sets its flag before anything is loaded', async () => {
  const text = await readFile(new URL('../../bin/branchline.js', import.meta.url), 'utf8');
  assert.ok(text.indexOf('--no-turbo-inline-js-wasm-calls') < text.indexOf("import('../dist/main.js')"));
});

test.run();
