/** Devices meet at a relay: over real sockets, on real disk. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateDeviceKey } from '@branchline/feed';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Device, dial, enrolDevice } from '../../test/support/device.ts';
import { until, within } from '../../test/support/within.ts';
import { RunningRelay } from './support/running.ts';

const test = suite('relay');

/** The relay's rows by branch. */
async function fleet(relay: RunningRelay) {
  const { body } = await relay.admin('GET', '/v1/fleet');
  const rows = body.branches as {
    branch: string;
    state: string;
    writer: string;
    lag: { entriesThere: number };
  }[];
  return new Map(rows.map((row) => [row.branch, row]));
}

async function refusal(promise: Promise<unknown>): Promise<string | undefined> {
  return await promise.then(
    () => undefined,
    (error: { refusal?: string; code?: string; message: string }) =>
      error.refusal ?? error.code ?? error.message,
  );
}

async function twoBranches(relay: RunningRelay, role = 'hq'): Promise<[Device, Device]> {
  const { body } = await relay.admin('POST', '/v1/branches', {
    branches: [{ code: 'B001' }, { code: 'OFFICE', role }],
  });
  const [one, two] = body.tokens as { token: string }[];
  return [await enrolDevice(relay.url, one!.token), await enrolDevice(relay.url, two!.token)];
}

test('what one device commits reaches another that may read it, and nobody else', async () => {
  await using relay = await RunningRelay.open();
  const [shop, office] = await twoBranches(relay);
  const [token] = await relay.tokens('B002');
  const stranger = await enrolDevice(relay.url, token!);
  await shop.write('orders/B001', { total: 1 });
  const connections = [await shop.dial(), await office.dial(), await stranger.dial()];
  await until(30_000, 'the order at the office', () => office.held('orders/B001') === 1);
  await shop.write('orders/B001', { total: 2 });
  await until(30_000, 'the next order at the office', () => office.held('orders/B001') === 2);
  assert.is(stranger.held('orders/B001'), 0);
  for (const connection of connections) {
    connection.close();
  }
});

test('keys that head office has erased are in no file of the relay', async () => {
  await using relay = await RunningRelay.open();
  const [shop, office] = await twoBranches(relay);
  const secret = 'the-key-of-a-customer';
  await shop.write('keys/main', { secret });
  await shop.dial();
  await office.dial();
  await until(30_000, 'the key at the office', () => office.held('keys/main') === 1);
  const journal = join(relay.data, 'journal');
  const tells = async () => {
    const files = (await readdir(journal)).filter((name) => name.endsWith('.seg'));
    const texts = await Promise.all(files.map((name) => readFile(join(journal, name))));
    return texts.some((bytes) => bytes.includes(secret));
  };
  assert.ok(await tells());
  const [state] = [...office.store.feeds().values()].filter(({ feed }) => feed.startsWith('keys/'));
  const { feed, head } = state!;
  await office.write('erasures', { cuts: [{ feed, ...head }], after: [] }, 'erasure');
  await until(30_000, 'the key gone', async () => !(await tells()));
  await relay.restart();
  assert.not.ok(await tells());
});

test('G1: what the relay acknowledged is there after a restart, and the fleet remembers', async () => {
  await using relay = await RunningRelay.open();
  const [shop, office] = await twoBranches(relay);
  await shop.write('orders/B001', { total: 1 });
  const connection = await shop.dial();
  const acked = () =>
    shop.replicator.progress().some((peer) => peer.missingThere === 0 && peer.phase === 'live');
  await until(30_000, 'the acknowledgement', acked);
  connection.close();
  await until(30_000, 'the goodbye', async () => (await fleet(relay)).get('B001')?.state === 'offline');
  await relay.restart();
  assert.is((await fleet(relay)).get('B001')?.state, 'offline');
  assert.is((await fleet(relay)).get('B001')?.lag.entriesThere, 0);
  await office.dial();
  await until(30_000, 'the order at the office', () => office.held('orders/B001') === 1);
});

test('G11: a key nobody enrolled is turned away at the first frame, and counted', async () => {
  await using relay = await RunningRelay.open();
  assert.is(await refusal(dial(relay.url, generateDeviceKey(), 'acme')), 'PEER_UNKNOWN');
  const [token] = await relay.tokens('B001');
  const { key } = await enrolDevice(relay.url, token!);
  assert.is(await refusal(dial(relay.url, key, 'another company')), 'TENANT_MISMATCH');
  const { body } = await relay.admin('GET', '/v1/fleet');
  assert.is(body.relay.refusals.PEER_UNKNOWN, 1);
  const metrics = await relay.call('GET', '/metrics');
  assert.match(metrics.body as string, /branchline_relay_refusals_total\{code="PEER_UNKNOWN"\} 1/);
});

test('G11: revocation closes the open connection and the door, everywhere', async () => {
  await using relay = await RunningRelay.open();
  const [shop, office] = await twoBranches(relay);
  const connection = await shop.dial();
  await office.dial();
  await shop.write('orders/B001', { total: 1 });
  await until(30_000, 'the order at the office', () => office.held('orders/B001') === 1);
  const answer = await relay.admin('POST', '/v1/branches/B001/revoke', { reason: 'stolen' });
  assert.equal(answer.body, { revoked: 1 });
  const closed = await within(30_000, 'the end of the connection', connection.closed);
  assert.is(closed.code, 'PEER_REVOKED');
  assert.is(await refusal(dial(relay.url, shop.key, 'acme')), 'PEER_REVOKED');
  assert.is((await fleet(relay)).get('B001')?.state, 'revoked');
  const again = await relay.admin('POST', '/v1/branches/B001/revoke');
  assert.is(again.body.code, 'BRANCH_UNKNOWN');
});

test('a key that connects again replaces its half-open older connection', async () => {
  await using relay = await RunningRelay.open();
  const [shop] = await twoBranches(relay);
  const first = await shop.dial();
  const second = await shop.dial();
  const closed = await within(30_000, 'the end of the first', first.closed);
  assert.is(closed.code, 'REPLACED');
  assert.is((await fleet(relay)).get('B001')?.state, 'online');
  second.close();
});

test('lag is exact in entries while a device is away', async () => {
  await using relay = await RunningRelay.open();
  const [shop, office] = await twoBranches(relay);
  await shop.dial();
  const away = await office.dial();
  await until(30_000, 'both online', async () => (await fleet(relay)).get('OFFICE')?.state === 'online');
  away.close();
  await until(30_000, 'the office away', async () => (await fleet(relay)).get('OFFICE')?.state === 'offline');
  const before = (await fleet(relay)).get('OFFICE')!.lag.entriesThere;
  for (let total = 1; total <= 3; total++) {
    await shop.write('orders/B001', { total });
  }
  await until(30_000, 'three entries behind', async () => {
    return (await fleet(relay)).get('OFFICE')!.lag.entriesThere - before === 3;
  });
  await office.dial();
  await until(30_000, 'caught up', async () => (await fleet(relay)).get('OFFICE')!.lag.entriesThere === 0);
});

test('a restored relay decides nothing until a device has brought what the backup lacks', async () => {
  await using relay = await RunningRelay.open();
  const [shop] = await twoBranches(relay);
  await writeFile(join(relay.data, 'restored.json'), '{}');
  await relay.restart();
  const refused = await relay.admin('POST', '/v1/branches', { branches: [{ code: 'B009' }] });
  assert.equal([refused.status, refused.body.code], [503, 'AUTHORITY_OFFLINE']);
  await shop.dial();
  await until(30_000, 'the authority', async () => {
    return (await relay.admin('POST', '/v1/branches', { branches: [{ code: 'B009' }] })).status === 201;
  });
});

test.run();
