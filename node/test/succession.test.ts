/** G10, G11 on real disks: a restored, copied, rotated or revoked device; no sale is lost, none is numbered or counted twice. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CustomerPut, OrderRequest } from '@branchline/model';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { until } from '../../test/support/within.ts';
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
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 50_000, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 50_000 }],
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

  /** What `branchline restore` does with a copy made earlier. */
  async restore(backup: string, times = 1): Promise<void> {
    await rm(this.data, { recursive: true });
    await cp(backup, this.data, { recursive: true });
    const mark = { restoredAt: `2026-11-22T09:00:0${times}.000Z`, from: backup, times };
    await writeFile(join(this.data, 'restored.json'), JSON.stringify(mark));
  }

  async close(): Promise<void> {
    await this.hq.close();
    await this.#dir[Symbol.asyncDispose]();
  }
}

const alarmsOf = (node: NodeProgram) => node.node.services.sync.status().alarms.map(({ code }) => code);
const isLevel = (node: NodeProgram) => node.node.services.sync.status().peers[0]?.cause === 'level';
const atHq = (scene: Scene, numbers: readonly string[]) =>
  until(10_000, `${numbers.length} orders at head office`, async () => {
    const found = await numbersAt(scene.hq);
    assert.ok(found.length <= numbers.length, `doubled: ${found.join(' ')}`);
    return found.length === numbers.length && found.every((number, at) => number === numbers[at]);
  });
const bothAgree = async (scene: Scene, shop: NodeProgram, milli: number): Promise<void> => {
  await until(5_000, 'stock at head office', async () => (await onHand(scene.hq)) === milli);
  await until(5_000, 'stock at the branch', async () => (await onHand(shop)) === milli);
  const points = milli / -1000;
  const perSale = (await shop.node.services.customers.get('anna'))!.points.balance / points;
  await until(5_000, 'points at head office', async () => {
    const anna = await scene.hq.node.services.customers.get('anna');
    return anna?.points.balance === perSale * points;
  });
};

succession(
  'a restored device sells offline at once, under numbers nobody has; at contact nothing is lost',
  async () => {
    const scene = await Scene.open();
    const backup = await scene.copyTo('backup');
    const before = await scene.start();
    assert.is(await sell(before, 'third'), 'B001-000003');
    await until(5_000, 'everything sent', () => allSent(before));
    await before.close();
    await scene.restore(backup);

    const alone = await scene.start({ mode: 'offline' });
    assert.is(await sell(alone), 'B001.2-000001');
    assert.is(await sell(alone, 'second'), 'B001-000002', 'answers given before the backup stand');
    assert.ok(alarmsOf(alone).includes('SUCCESSION_PENDING'));
    assert.ok(alone.node.services.readiness().ready);
    assert.is((await readdir(scene.data)).includes('restored.json'), false);
    await alone.close();
    const again = await scene.start();
    assert.is(await sell(again), 'B001.2-000002', 'a restart is no other restore');
    const numbers = ['B001-000001', 'B001-000002', 'B001-000003', 'B001.2-000001', 'B001.2-000002'];
    await atHq(scene, numbers);
    await until(5_000, 'what came after the backup', async () => (await numbersAt(again)).length === 5);
    await until(5_000, 'everything sent', () => allSent(again));
    assert.not.ok(alarmsOf(again).includes('SUCCESSION_PENDING'));
    await bothAgree(scene, again, -5000);
    assert.is(await sell(again), 'B001.2-000003');
    await again.close();

    const later = await scene.start();
    assert.is(await sell(later), 'B001.2-000004', 'and under its own key from then on');
    await atHq(scene, [...numbers, 'B001.2-000003', 'B001.2-000004']);
    await later.close();
    await scene.close();
  },
);

succession('sales the backup had and nobody else are kept, signed as they were', async () => {
  const scene = await Scene.open();
  const offline = await scene.start({ mode: 'offline' });
  assert.is(await sell(offline), 'B001-000003');
  await offline.close();
  await scene.restore(await scene.copyTo('backup'));
  const restored = await scene.start();
  assert.is(await sell(restored), 'B001.2-000001');
  await atHq(scene, ['B001-000001', 'B001-000002', 'B001-000003', 'B001.2-000001']);
  await bothAgree(scene, restored, -4000);
  await restored.close();
  await scene.close();
});

succession('one backup put back twice, both times offline: three series, no number twice', async () => {
  const scene = await Scene.open();
  const backup = await scene.copyTo('backup');
  await scene.restore(backup, 1);
  const first = await scene.start({ mode: 'offline' });
  assert.is(await sell(first), 'B001.2-000001');
  await first.close();
  const lost = await scene.copyTo('lost');
  await scene.restore(backup, 2);
  const second = await scene.start({ mode: 'offline' });
  assert.is(await sell(second), 'B001.3-000001');
  await second.close();
  const online = await scene.start();
  await atHq(scene, ['B001-000001', 'B001-000002', 'B001.3-000001']);
  assert.is(await sell(online), 'B001.3-000002');
  await online.close();
  // The disk thought lost turns up: what it had sold is not lost, and its number is its own.
  const found = await open({ data: lost, peers: [scene.hq.url] });
  await atHq(scene, ['B001-000001', 'B001-000002', 'B001.2-000001', 'B001.3-000001', 'B001.3-000002']);
  await until(5_000, 'stock', async () => (await onHand(scene.hq)) === -5000);
  await found.close();
  await scene.close();
});

succession('a restored device is confirmed through a peer that reaches head office', async () => {
  const scene = await Scene.open();
  const [issued] = await scene.hq.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  const second = await open({
    data: join(scene.base, 'second'),
    peers: [scene.hq.url],
    token: issued!.token,
  });
  // A backup that has not heard of a peer cannot admit it: the two have to know each other.
  const shop = await scene.start();
  await until(5_000, 'both level', () => isLevel(second) && isLevel(shop));
  await shop.close();
  const backup = await scene.copyTo('backup');
  await scene.restore(backup);
  const restored = await scene.start({ peers: [second.url] });
  assert.is(await sell(restored), 'B001.2-000001');
  await atHq(scene, ['B001-000001', 'B001-000002', 'B001.2-000001']);
  await until(5_000, 'the confirmation', () => !alarmsOf(restored).includes('SUCCESSION_PENDING'));
  await restored.close();
  await second.close();
  await scene.close();
});

succession('a copied device is found out; both histories are kept, no sale is lost or doubled', async () => {
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
  const [, , , sold] = (await offline.node.services.orders.list({ limit: 9 })).orders;
  await offline.close();

  const found = await open({ data: clone, peers: [scene.hq.url] });
  const told: string[] = [];
  found.node.services.events.subscribe(undefined, ({ type, data }) => {
    told.push(type === 'alarm.raised' ? String((data as { code: string }).code) : type);
  });
  await until(10_000, 'the new key', () => alarmsOf(found).includes('DEVICE_COPIED'));
  assert.ok(told.includes('DEVICE_SUPERSEDED'), told.join(' '));
  assert.is(await sell(found, 'other'), 'B001-000003', 'the answer given before stands');
  assert.is(await sell(found, 'new'), 'B001.2-000001');
  await atHq(scene, [
    'B001-000001',
    'B001-000002',
    'B001-000003',
    'B001-000003',
    'B001-000004',
    'B001.2-000001',
  ]);
  assert.equal(await scene.hq.node.services.orders.get(sold!.id), sold, 'said again as it was');
  await bothAgree(scene, found, -6000);
  assert.is((await scene.hq.node.services.customers.get('anna'))?.name, 'Anna');
  const metric = found.node.services.metrics().find(({ labels }) => labels?.code === 'DEVICE_COPIED');
  assert.is(metric?.value, 1);
  assert.ok(alarmsOf(scene.hq).includes('FEED_FORKED'), 'head office has heard of it');
  const kept = (await readdir(clone)).filter((name) => /^(journal|index)\.[a-z2-7]{16}$/.test(name));
  assert.is(kept.length, 2, 'the other history is kept as evidence');
  await found.close();

  // The original comes back: its history is the one head office has, but its feed is closed now.
  const back = await scene.start();
  await sell(back, 'fifth');
  await until(10_000, 'six more', async () => (await numbersAt(scene.hq)).length === 7);
  assert.match(await sell(back, 'sixth'), /^B001(\.3)?-/);
  await until(10_000, 'and one', async () => (await numbersAt(scene.hq)).length === 8);
  await until(5_000, 'stock', async () => (await onHand(scene.hq)) === -8000);
  await back.close();
  await scene.close();
});

succession('a crash while the new key takes over is finished by the next start', async () => {
  const scene = await Scene.open();
  const backup = await scene.copyTo('backup');
  await scene.restore(backup);
  const restored = await scene.start({ mode: 'offline' });
  assert.is(await sell(restored), 'B001.2-000001');
  await restored.close();
  // As it was on disk after the decision and before the key was put in place.
  const records = JSON.parse(await readFile(join(scene.data, 'succession.json'), 'utf8'));
  const { predecessor } = records.successions[0];
  await rename(join(scene.data, 'device.key'), join(scene.data, 'successor.key'));
  await cp(join(scene.data, `device.${predecessor}.key`), join(scene.data, 'device.key'));
  await mkdir(join(scene.data, 'journal.next.aaaaaaaaaaaaaaaa'));
  const again = await scene.start();
  assert.is(await sell(again), 'B001.2-000002');
  await atHq(scene, ['B001-000001', 'B001-000002', 'B001.2-000001', 'B001.2-000002']);
  assert.equal(
    (await readdir(scene.data)).filter((name) => /next|successor/.test(name)),
    [],
  );
  await again.close();
  await rm(join(scene.data, `device.${predecessor}.key`));
  const code = await scene.start().then(
    () => 'started',
    (error: NodeError) => error.code,
  );
  assert.is(code, 'NODE_DATA', 'without the old key nobody can prove whose successor it is');
  await scene.close();
});

succession(
  'a rotation ordered while the node is offline is taken up when it is back; both keys count',
  async () => {
    const scene = await Scene.open();
    await scene.hq.node.services.branches!.rotate('B001');
    const offline = await scene.start({ mode: 'offline' });
    assert.is(await sell(offline), 'B001-000003');
    await offline.close();
    const shop = await scene.start();
    await until(10_000, 'the new key', async () => (await sell(shop)).startsWith('B001.2-'));
    await until(5_000, 'everything sent', () => allSent(shop));
    const here = await numbersAt(shop);
    assert.ok(here.includes('B001-000003'));
    await atHq(scene, here);
    const states = scene.hq.node.services.branches!.list().filter(({ branch }) => branch === 'B001');
    assert.is(states.filter(({ state }) => state === 'revoked').length, 0, 'the overlap');
    assert.is((await readdir(scene.data)).includes('rotation.key'), false);
    await shop.close();
    const again = await scene.start();
    assert.match(await sell(again), /^B001\.2-/);
    await again.close();
    await scene.close();
  },
);

succession('a revoked node is cut off, refused with everything later, sells on and says so', async () => {
  const scene = await Scene.open();
  const shop = await scene.start();
  await until(5_000, 'level', () => isLevel(shop));
  await scene.hq.node.services.branches!.revoke('B001', 'stolen');
  await until(5_000, 'the end of the connection', () =>
    /revoked/.test(shop.node.services.sync.status().peers[0]!.cause),
  );
  assert.is(await sell(shop), 'B001-000003');
  assert.ok(shop.node.services.readiness().ready);
  const status = shop.node.services.sync.status();
  assert.ok(alarmsOf(shop).some((code) => code === 'PEER_REVOKED' || code === 'DEVICE_REVOKED'));
  assert.match(status.allowedNow.join(' '), /revoked by head office/);
  assert.is((await numbersAt(scene.hq)).length, 2);
  await shop.close();
  await scene.close();
});

succession.run();
