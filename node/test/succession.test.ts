/** G10 on real disks: a copied or restored device is found out, goes on under a new key, and no sale is lost or numbered twice. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CustomerPut, OrderRequest } from '@branchline/model';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { until, within } from '../../test/support/within.ts';
import { readConfig } from '../src/config.ts';
import { DataDirectory } from '../src/files/data-directory.ts';
import { type NodeConfigInput, type NodeError, type NodeLog, NodeProgram } from '../src/index.ts';

const succession = suite('G10 succession');

const log: NodeLog = process.env.BRANCHLINE_TEST_LOG
  ? { debug: () => {}, info: tell, warn: tell, error: tell }
  : { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock(), random: seededRandom(1), log };

function tell(fields: object, words: string): void {
  process.stderr.write(`${words} ${JSON.stringify(fields)}\n`);
}

const open = (flags: NodeConfigInput) =>
  NodeProgram.open(ports, readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', ...flags } }));

const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  customer: { id: 'anna' },
  redeemPoints: 0,
} as unknown as OrderRequest;

const request = <Body>(body: Body, key: string) => ({
  key,
  fingerprint: 'f'.repeat(64),
  till: { till: 'T1', role: 'cashier' as const },
  body,
});
const sell = async (node: NodeProgram, key = randomBytes(8).toString('hex')): Promise<string> =>
  await node.node.services.orders.place(request(sale, key)).then(
    ({ body }) => body.number as string,
    (error: NodeError) => error.code,
  );
const numbersAt = async (node: NodeProgram): Promise<string[]> =>
  (await node.node.services.orders.list({ limit: 200, branch: 'B001' })).orders
    .map(({ number }) => number)
    .sort();
const onHand = async (node: NodeProgram, branch = 'B001') =>
  (await node.node.services.stock.get('CHAIR', branch))?.onHandMilli;
const allSent = (node: NodeProgram) => node.node.services.sync.status().unsentEntries === 0;

class Scene {
  readonly base: string;
  readonly data: string;
  readonly hq: NodeProgram;
  readonly #dir: TempDir;

  private constructor(dir: TempDir, hq: NodeProgram) {
    this.#dir = dir;
    this.base = dir.path;
    this.data = join(dir.path, 'b001');
    this.hq = hq;
  }

  /** Head office with the authority, and a branch that has sold twice, all of it sent. */
  static async open(): Promise<Scene> {
    const dir = await TempDir.open('succession');
    const hqData = join(dir.path, 'hq');
    await mkdir(hqData);
    await new DataDirectory(hqData).readOrMakeKey('authority');
    await writeFile(join(hqData, 'relay.json'), JSON.stringify({ tenant: 'Superstore' }));
    const scene = new Scene(dir, await open({ data: hqData }));
    const [issued] = await scene.hq.node.services.branches!.add(
      [{ code: 'B001', role: 'branch' }],
      undefined,
    );
    const shop = await scene.start({ token: issued!.token });
    assert.is(await sell(shop, 'first'), 'B001-000001');
    assert.is(await sell(shop, 'second'), 'B001-000002');
    await until(5_000, 'everything sent', () => allSent(shop));
    await shop.close();
    return scene;
  }

  start(flags: NodeConfigInput = {}): Promise<NodeProgram> {
    return open({ data: this.data, peers: [this.hq.url], ...flags });
  }

  async copyTo(name: string): Promise<string> {
    const copy = join(this.base, name);
    await cp(this.data, copy, { recursive: true });
    return copy;
  }

  async close(): Promise<void> {
    await this.hq.close();
    await this.#dir[Symbol.asyncDispose]();
  }
}

succession(
  'a clone is found out; what it sold is said again under a new key, numbers and totals agree',
  async () => {
    const scene = await Scene.open();
    const clone = await scene.copyTo('clone');
    const original = await scene.start();
    assert.is(await sell(original, 'third'), 'B001-000003');
    await until(5_000, 'everything sent', () => allSent(original));
    await original.close();

    const offline = await open({ data: clone, mode: 'offline' });
    assert.is(await sell(offline, 'other'), 'B001-000003');
    assert.is(await sell(offline, 'more'), 'B001-000004');
    await offline.node.services.customers.put('anna', request({ name: 'Anna' } as CustomerPut, 'profile'));
    await offline.close();

    const found = await open({ data: clone, peers: [scene.hq.url] });
    const reason = (await within(10_000, 'the succession', found.failed)) as NodeError;
    assert.is(reason.code, 'NODE_SUCCEEDED');
    assert.match(await sell(found), /NOT_READY|NODE_STOPPING/);
    await found.close();

    const again = await open({ data: clone, peers: [scene.hq.url] });
    assert.is(await sell(again, 'other'), 'B001-000003', 'the answer given before stands');
    assert.is(await sell(again, 'new'), 'B001.2-000005');
    await until(5_000, 'everything sent', () => allSent(again));
    await until(5_000, 'all orders', async () => (await numbersAt(scene.hq)).length === 6);
    assert.equal(await numbersAt(scene.hq), [
      'B001-000001',
      'B001-000002',
      'B001-000003',
      'B001-000003',
      'B001-000004',
      'B001.2-000005',
    ]);
    await until(5_000, 'stock', async () => (await onHand(scene.hq)) === -6000);
    await until(5_000, 'stock at the branch', async () => (await onHand(again)) === -6000);
    assert.is((await scene.hq.node.services.customers.get('anna'))?.name, 'Anna');
    const kept = await readdir(clone);
    assert.ok(
      kept.some((name) => name.startsWith('journal.')),
      'the other history is kept as evidence',
    );
    assert.is(kept.includes('succession.json'), false);
    await again.close();
    await scene.close();
  },
);

succession(
  'a device restored from a backup does not sell before it knows what it sold, then goes on',
  async () => {
    const scene = await Scene.open();
    const backup = await scene.copyTo('backup');
    const before = await scene.start();
    assert.is(await sell(before, 'third'), 'B001-000003');
    await until(5_000, 'everything sent', () => allSent(before));
    await before.close();
    await rm(scene.data, { recursive: true });
    await cp(backup, scene.data, { recursive: true });
    await writeFile(join(scene.data, 'restored.json'), '{}');

    const alone = await scene.start({ mode: 'offline' });
    assert.is(await sell(alone), 'NOT_READY');
    assert.match(alone.node.services.readiness().reasons[0]!, /restored from a backup/);
    await alone.close();

    const found = await scene.start();
    const reason = (await within(10_000, 'the succession', found.failed)) as NodeError;
    assert.is(reason.code, 'NODE_SUCCEEDED');
    await found.close();
    const again = await scene.start();
    await until(5_000, 'what came after the backup', async () => (await numbersAt(again)).length === 3);
    assert.match(await sell(again), /^B001\.2-/);
    await until(5_000, 'stock', async () => (await onHand(scene.hq)) === -4000);
    await until(5_000, 'stock at the branch', async () => (await onHand(again)) === -4000);
    await again.close();
    await scene.close();
  },
);

succession('a current backup sells on under the old key, once head office has confirmed it', async () => {
  const scene = await Scene.open();
  await writeFile(join(scene.data, 'restored.json'), '{}');
  const restored = await scene.start();
  await until(5_000, 'confirmation', () => restored.node.services.readiness().ready);
  assert.is(await sell(restored), 'B001-000003');
  await restored.close();
  assert.is((await readdir(scene.data)).includes('restored.json'), false);
  await scene.close();
});

succession.run();
