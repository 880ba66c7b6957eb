/** Settings: where they come from, which wins, and what a wrong one says. Folders: what init makes and refuses. */
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import manifest from '../package.json' with { type: 'json' };
import { initRelay, Relay, RelayCore, readRelayConfig, SOFTWARE, VERSION } from '../src/index.ts';
import { ports, RunningRelay } from './support/running.ts';

const test = suite('relay config and data');

async function refusal(
  promise: Promise<unknown>,
): Promise<{ code?: string; message?: string; hint?: string }> {
  return await promise.then(
    () => ({}),
    (error: { code: string; message: string }) => error,
  );
}

function wrong(sources: Parameters<typeof readRelayConfig>[0]): string {
  try {
    readRelayConfig(sources);
    return '';
  } catch (error) {
    assert.is((error as { code: string }).code, 'RELAY_CONFIG');
    return (error as Error).message;
  }
}

test('flags win over the environment, that over the file, that over defaults', () => {
  const file = { name: 'relay.config.json', content: { data: 'file', listen: '127.0.0.1:1', log: 'error' } };
  const environment = { BRANCHLINE_LISTEN: '127.0.0.1:2', BRANCHLINE_DATA: 'environment' };
  const config = readRelayConfig({ file, environment, flags: { data: 'flag' } });
  assert.equal(
    [config.data, config.listen, config.log, config.connectionsMax],
    ['flag', '127.0.0.1:2', 'error', 1_000],
  );
});

test('a wrong setting is named, with where it came from', () => {
  const environment = { BRANCHLINE_LISTEN: '8090', BRANCHLINE_DATA: 'd' };
  assert.match(wrong({ environment }), /listen \(from BRANCHLINE_LISTEN\): must be HOST:PORT/);
  assert.match(wrong({ environment: {} }), /data/);
  assert.match(
    wrong({ environment: {}, file: { name: 'r.json', content: { data: 'd', lisen: 'x' } } }),
    /"lisen" \(r\.json\) is not a setting/,
  );
  assert.match(wrong({ environment: {}, file: { name: 'r.json', content: [] } }), /one JSON object/);
  assert.match(wrong({ environment: {}, flags: { data: 'd', listen: '127.0.0.1:99999' } }), /at most 65535/);
});

test('init makes private keys and refuses to make them twice', async () => {
  await using dir = await TempDir.open('relay-init');
  const data = join(dir.path, 'relay');
  const made = await initRelay(ports, { data, tenant: 'Ópticas García' });
  assert.is(Buffer.from(made.adminToken, 'base64url').length, 32);
  for (const name of ['authority.key', 'relay.key', 'admin.json']) {
    assert.is((await stat(join(data, name))).mode & 0o777, 0o600, name);
  }
  assert.is((await refusal(initRelay(ports, { data, tenant: 'other' }))).code, 'RELAY_EXISTS');
  assert.is(
    (await refusal(initRelay(ports, { data: join(dir.path, 'b'), tenant: '' }))).code,
    'RELAY_CONFIG',
  );
});

test('a folder without a relay, and a damaged one, say what to do', async () => {
  await using dir = await TempDir.open('relay-data');
  const none = await refusal(RelayCore.open(ports, dir.path));
  assert.is(none.code, 'RELAY_DATA');
  assert.match(none.hint!, /branchline init/);
  await mkdir(join(dir.path, 'x'));
  await writeFile(join(dir.path, 'x', 'relay.json'), '{"format":1');
  assert.is((await refusal(RelayCore.open(ports, join(dir.path, 'x')))).code, 'RELAY_DATA');
});

test('an address in use and data in use are refused, and the first relay goes on', async () => {
  await using relay = await RunningRelay.open();
  await using other = await RunningRelay.open();
  const listen = new URL(relay.url).host;
  await other.relay.close();
  const config = readRelayConfig({ environment: {}, flags: { data: other.data, listen } });
  assert.is((await refusal(Relay.open(ports, config))).code, 'RELAY_LISTEN');
  assert.is((await refusal(RelayCore.open(ports, relay.data))).code, 'RELAY_LOCKED');
  assert.is((await relay.call('GET', '/readyz')).status, 200);
});

test("a relay without the authority's key stores and forwards, but admits nobody new", async () => {
  await using relay = await RunningRelay.open();
  const [token] = await relay.tokens('B001');
  await rename(join(relay.data, 'authority.key'), join(relay.data, 'authority.key.offline'));
  await relay.restart();
  const answer = await relay.admin('POST', '/v1/branches', { branches: [{ code: 'B002' }] });
  assert.equal([answer.status, answer.body.code], [503, 'AUTHORITY_OFFLINE']);
  const publicKey = Buffer.alloc(32, 7).toString('base64url');
  const enrol = await relay.call('POST', '/v1/enrol', { body: { token, publicKey } });
  assert.is(enrol.body.code, 'AUTHORITY_OFFLINE');
});

test('the version told to peers is the version of the package', () => {
  assert.is(VERSION, manifest.version);
  assert.match(SOFTWARE, new RegExp(`/${VERSION}$`));
});

test('a folder of a newer version is refused in words', async () => {
  await using dir = await TempDir.open('newer');
  await initRelay(ports, { data: dir.path, tenant: 'acme' });
  await writeFile(
    join(dir.path, 'relay.json'),
    JSON.stringify({ format: 2, tenant: 'acme', somethingNew: 1 }),
  );
  const error = await refusal(RelayCore.open(ports, dir.path));
  assert.is(error.code, 'RELAY_FORMAT_NEWER');
  assert.match(error.message ?? '', /format 2; this one knows 1/);
  assert.match(error.hint ?? '', /backup made before the upgrade/);
});

test.run();
