// limit: 120 s
/**
 * A new shop joins a chain with a history: head office makes a checkpoint, the relay keeps and forwards it without
 * understanding it, and the shop takes documents instead of what was ever changed. Real programs, disks and sockets.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { NodeDisk, verifyStore } from '@branchline/feed';
import { opticalProducts } from '@branchline/fixtures';
import type { ProductPut } from '@branchline/model';
import { type CatalogRow, NodeProgram, readConfig } from '@branchline/node';
import { initRelay, Relay, readRelayConfig } from '@branchline/relay';
import { type Clock, seededRandom, systemClock } from 'hlc-ts';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';

const PRODUCTS = 500;
const EDITS = 2_000;
const LIMIT_MS = 60_000;

const story = suite('the checkpoint story');

const system = systemClock();
/** What happens once a minute happens when the story is ready for it, and then without delay. */
let isTime = false;
let daysLater = 0;
const clock: Clock = {
  nowMs: () => system.nowMs() + daysLater * 24 * 3_600_000,
  monotonicMs: () => system.monotonicMs(),
  sleep: async (ms, options) => {
    if (ms < 60_000) {
      return system.sleep(ms, options);
    }
    do {
      await system.sleep(50, options);
    } while (!isTime);
  },
  setTimer: (delayMs, callback) => system.setTimer(delayMs, callback),
  yield: () => system.yield(),
};
const log = pino({ level: 'silent' });
const random = seededRandom(5);

const openNode = (flags: object): Promise<NodeProgram> =>
  NodeProgram.open(
    { clock, random, log },
    readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', ...flags } }),
  );

const shelfOf = async (data: string): Promise<string[]> =>
  (await readdir(join(data, 'checkpoints'))).filter((name) => name.endsWith('.checkpoint'));

/** Asks a running program as a command on the same machine does. */
async function command(data: string, name: string, body: object): Promise<{ readonly refused?: unknown[] }> {
  const { url, token } = JSON.parse(await readFile(join(data, 'control.json'), 'utf8'));
  const answer = await fetch(`${url}/v1/control/${name}`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': name,
    },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${name}: ${await answer.clone().text()}`);
  return (await answer.json()) as { refused?: unknown[] };
}

const request = (n: number, body: unknown) =>
  ({
    key: `edit-${n}`,
    fingerprint: 'f'.repeat(64),
    till: { till: 'T1', role: 'admin' },
    body,
  }) as never;

story('a new shop takes documents from a relay that never opens them, sells, and restarts', async () => {
  await using dir = await TempDir.open('checkpoints');
  const data = (name: string): string => join(dir.path, name);
  const told: string[] = [];
  const relayLog = pino({ level: 'info' }, { write: (line) => told.push(line) });
  const world = { clock, random, disk: new NodeDisk(), log: relayLog };
  const { adminToken } = await initRelay(world, { data: data('relay'), tenant: 'optics' });
  const flags = { data: data('relay'), listen: '127.0.0.1:0' };
  const relay = await Relay.open(world, readRelayConfig({ environment: {}, flags }));
  const tokenFor = async (code: string, role = 'branch'): Promise<string> => {
    const answer = await fetch(`${relay.url}/v1/branches`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ branches: [{ code, role }] }),
    });
    const { tokens } = (await answer.json()) as { tokens: { token: string }[] };
    return tokens[0]!.token;
  };

  const hq = await openNode({ data: data('hq'), relay: relay.url, token: await tokenFor('HQ', 'hq') });
  const rows = opticalProducts({ random, count: PRODUCTS }) as unknown as CatalogRow[];
  await hq.node.importCatalog(rows);
  for (let n = 0; n < EDITS; n += 20) {
    const edit = (at: number) =>
      hq.node.services.products.put(
        rows[(n + at) % PRODUCTS]!.sku,
        request(n + at, { priceMinor: 1000 + n + at } satisfies Partial<ProductPut>),
      );
    await Promise.all(Array.from({ length: 20 }, (_, at) => edit(at)));
  }
  isTime = true;
  await until(LIMIT_MS, 'head office has one', async () => (await shelfOf(data('hq'))).length === 1);
  await until(LIMIT_MS, 'the relay has it', async () => (await shelfOf(data('relay'))).length === 1);

  const shop = await openNode({ data: data('b001'), relay: relay.url, token: await tokenFor('B001') });
  const prices = (node: NodeProgram) =>
    rows.map(({ sku }) => node.node.services.products.get(sku)?.priceMinor);
  // Shards are taken one after another, so one price that is level says nothing of the others.
  await until(LIMIT_MS, 'the shop is level', () => isDeepStrictEqual(prices(shop), prices(hq)));
  assert.is((await shelfOf(data('b001'))).length, 1);
  for (let shard = 0; shard < 64; shard += 1) {
    const doc = `catalog/${shard}`;
    assert.equal(await shop.node.heads(doc), await hq.node.heads(doc), doc);
  }
  await shop.close();
  const again = await openNode({ data: data('b001'), relay: relay.url });
  assert.equal(prices(again), prices(hq));

  // A week later the relay gives up the entries. Who joins then gets the checkpoint and what came after it.
  const sku = rows[3]!.sku;
  await hq.node.services.products.put(sku, request(EDITS, { priceMinor: 7 } satisfies Partial<ProductPut>));
  await until(
    LIMIT_MS,
    'the shop hears of it',
    () => again.node.services.products.get(sku)?.priceMinor === 7,
  );
  daysLater = 8;
  await until(LIMIT_MS, 'the relay has given up', () => told.some((line) => line.includes('given up')));
  const late = await openNode({ data: data('b002'), relay: relay.url, token: await tokenFor('B002') });
  await until(LIMIT_MS, 'the late one is level', () => isDeepStrictEqual(prices(late), prices(hq)));
  await late.node.settle();

  // The same by file, for a shop nobody can reach: the entries are gone, so the checkpoint is on the stick.
  const stick = join(dir.path, 'stick.bundle');
  const token = await tokenFor('B003');
  const alone = await openNode({ data: data('b003'), relay: relay.url, token, mode: 'sync_on_demand' });
  assert.is(alone.node.services.products.get(sku), undefined);
  await command(data('relay'), 'export', { to: stick, since: {} });
  const { refused } = await command(data('b003'), 'import', { from: stick });
  assert.equal(refused, []);
  await until(LIMIT_MS, 'the stick is taken over', () => isDeepStrictEqual(prices(alone), prices(hq)));

  for (const program of [alone, late, again, hq, relay]) {
    await program.close();
  }
  for (const name of ['relay', 'hq', 'b001', 'b002', 'b003']) {
    const verified = await verifyStore({
      disk: new NodeDisk(),
      dir: join(data(name), 'journal'),
      tenant: 'optics',
    });
    assert.is(verified.broken, undefined, name);
  }
});

story.run();
