/** How a device comes to belong, on a real disk and real sockets: with a relay that is not there yet, and with tokens meant for others. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { until } from '../../test/support/within.ts';
import { readConfig } from '../src/config.ts';
import { DataDirectory } from '../src/files/data-directory.ts';
import {
  type NodeConfigInput,
  type NodeError,
  type NodeLog,
  NodeProgram,
  readControl,
} from '../src/index.ts';

const test = suite('enrolment');

const said: string[] = [];
const log: NodeLog = {
  debug: () => {},
  info: () => {},
  warn: (fields, words) => said.push(`${words} ${JSON.stringify(fields)}`),
  error: () => {},
};

const open = (flags: NodeConfigInput, signal = new AbortController().signal) =>
  NodeProgram.open(
    { clock: systemClock(), random: seededRandom(1), log, signal },
    readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', syncIntervalSeconds: 1, ...flags } }),
  );

const fault = async (work: Promise<unknown>): Promise<NodeError> => {
  try {
    await work;
  } catch (error) {
    return error as NodeError;
  }
  throw new Error('started');
};

/** A directory as `branchline init` leaves it: a tenant and its authority's key. */
async function tenantIn(data: string): Promise<void> {
  await mkdir(data, { recursive: true });
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'Superstore' }));
}

/** An address nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a folder that keeps the authority refuses a token instead of passing it over', async () => {
  await using dir = await TempDir.open('enrolment');
  const data = join(dir.path, 'hq');
  await tenantIn(data);
  const refused = await fault(open({ data, token: 'x'.repeat(43), relay: 'http://127.0.0.1:1' }));
  assert.is(refused.code, 'NODE_CONFIG');
  assert.match(refused.message, /keeps the authority of Superstore/);
  assert.match(refused.hint ?? '', /without --token.*another folder/);
  await using hq = await open({ data });
  assert.is(hq.branch, 'HQ');
});

test('a branch box that boots before its network says why it waits and comes up by itself', async () => {
  await using dir = await TempDir.open('enrolment');
  const hqData = join(dir.path, 'hq');
  await tenantIn(hqData);
  const listen = `127.0.0.1:${await freePort()}`;
  const relay = `http://${listen}`;
  const keeper = await open({ data: hqData, listen });
  const [issued] = await keeper.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  await keeper.close();

  const data = join(dir.path, 'b001');
  said.length = 0;
  const starting = open({ data, relay, token: issued!.token });
  await until(30_000, 'the waiting node', async () => (await readControl(data)) !== undefined);
  const { url } = (await readControl(data))!;
  const ready = await fetch(`${url}/readyz`);
  assert.is(ready.status, 503);
  const { reasons } = (await ready.json()) as { ready: boolean; reasons: string[] };
  assert.match(reasons[0]!, /not enrolled yet: .*127\.0\.0\.1:\d+\/v1\/enrol cannot be reached.*tries again/);
  assert.is((await fetch(`${url}/healthz`)).status, 200);
  const order = await fetch(`${url}/v1/orders`, { method: 'POST', body: '{}' });
  assert.is(order.status, 503);
  assert.is(((await order.json()) as { code: string }).code, 'NOT_ENROLLED');
  assert.match(said.join('\n'), /cannot be reached/);

  await using _hq = await open({ data: hqData, listen });
  await using shop = await starting;
  assert.is(shop.branch, 'B001');
  assert.is(shop.url, url);
  assert.is((await fetch(`${url}/readyz`)).status, 200);
});

test('a node that waits to be enrolled stops when asked, and says so when its token is refused at last', async () => {
  await using dir = await TempDir.open('enrolment');
  const stop = new AbortController();
  const data = join(dir.path, 'a');
  const starting = fault(open({ data, relay: 'http://127.0.0.1:1', token: 'x'.repeat(43) }, stop.signal));
  await until(30_000, 'the waiting node', async () => (await readControl(data)) !== undefined);
  const { url } = (await readControl(data))!;
  stop.abort();
  assert.is((await starting).name, 'AbortError');
  assert.is(await readControl(data), undefined);
  await fault(fetch(url));

  const listen = `127.0.0.1:${await freePort()}`;
  const wrong = fault(open({ data, relay: `http://${listen}`, token: 'x'.repeat(43) }));
  await until(30_000, 'the waiting node', async () => (await readControl(data)) !== undefined);
  await tenantIn(join(dir.path, 'hq'));
  await using _hq = await open({ data: join(dir.path, 'hq'), listen });
  const refused = await wrong;
  assert.is(refused.code, 'NODE_ENROL');
  assert.match(refused.message, /TOKEN_UNKNOWN/);
  assert.is(await readControl(data), undefined);
});

test('a token of another branch is not spent on a node that is told its branch', async () => {
  await using dir = await TempDir.open('enrolment');
  await tenantIn(join(dir.path, 'hq'));
  await using hq = await open({ data: join(dir.path, 'hq') });
  const [issued] = await hq.node.services.branches!.add([{ code: 'B002', role: 'branch' }], undefined);
  const { token } = issued!;
  const refused = await fault(
    open({ data: join(dir.path, 'b001'), enrol: hq.url, token, branch: 'B001', mode: 'offline' }),
  );
  assert.is(refused.code, 'NODE_ENROL');
  assert.match(refused.message, /TOKEN_BRANCH/);
  assert.match(refused.hint ?? '', /not spent/);
  await using shop = await open({
    data: join(dir.path, 'b002'),
    enrol: hq.url,
    token,
    branch: 'B002',
    mode: 'offline',
  });
  assert.is(shop.branch, 'B002');
});

test.run();
