/** G10, G11 on real disks: a copied, rotated or revoked device; no sale is lost, none is numbered or counted twice. */
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeDisk, verifyStore } from '@branchline/feed';
import type { CustomerPut } from '@branchline/model';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import { type NodeError, verifyProjections } from '../../src/index.ts';
import {
  alarmsOf,
  allSent,
  atHq,
  bothAgree,
  isLevel,
  numbersAt,
  onHand,
  open,
  request,
  Scene,
  sell,
} from '../support/scene.ts';

const succession = suite('G10 succession');

succession('a copied device is found out; both histories are kept, no sale is lost or doubled', async () => {
  const scene = await Scene.open();
  const clone = await scene.copyTo('clone');
  const original = await scene.start();
  assert.is(await sell(original, 'third'), 'B001-000003');
  await until(30_000, 'everything sent', () => allSent(original));
  await original.close();

  const offline = await open({ data: clone, mode: 'offline' });
  assert.is(await sell(offline, 'other'), 'B001-000003');
  assert.is(await sell(offline, 'more'), 'B001-000004');
  await offline.node.services.customers.put('anna', request({ name: 'Anna' } as CustomerPut, 'profile'));
  const [, , , sold] = (await offline.node.services.orders.list({ limit: 9 })).orders;
  await offline.close();

  const found = await open({ data: clone, peers: [scene.hq.url] });
  const told: string[] = [];
  found.node.services.events.subscribe('0.0', ({ type, data }) => {
    told.push(type === 'alarm.raised' ? String((data as { code: string }).code) : type);
  });
  await until(30_000, 'the new key', () => alarmsOf(found).includes('DEVICE_COPIED'));
  assert.ok(told.includes('DEVICE_SUPERSEDED'), told.join(' '));
  assert.is(await sell(found, 'other'), 'B001-000003', 'the answer given before stands');
  await until(30_000, 'the key confirmed', () => !alarmsOf(found).includes('SUCCESSION_PENDING'));
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
  const { broken, position } = await verifyStore({
    disk: new NodeDisk(),
    dir: join(clone, 'journal'),
    tenant: 'Superstore',
  });
  assert.is(broken, undefined);
  const rows = await verifyProjections({ data: clone, journalEnd: position, clock: systemClock() });
  assert.equal(rows?.difference, undefined);

  // The original comes back: its history is the one head office has, but its feed is closed now. While a peer is asked where the
  // histories part it refuses for a moment; a till asks again.
  const back = await scene.start();
  const surely = async (key: string): Promise<string> => {
    let number = await sell(back, key);
    await until(30_000, `sale ${key}`, async () => {
      number = await sell(back, key);
      return number.startsWith('B001');
    });
    return number;
  };
  await surely('fifth');
  await until(30_000, 'seven', async () => (await numbersAt(scene.hq)).length === 7);
  assert.match(await surely('sixth'), /^B001(\.3(\.[a-z2-7]{6})?)?-/);
  await until(30_000, 'eight', async () => (await numbersAt(scene.hq)).length === 8);
  await until(30_000, 'stock', async () => (await onHand(scene.hq)) === -8000);
  await back.close();
  await scene.close();
});

succession(
  'two copies that meet a peer while the authority is away never print the same number',
  async () => {
    const scene = await Scene.open();
    const [issued] = await scene.hq.node.services.branches!.add(
      [{ code: 'B001', role: 'branch' }],
      undefined,
    );
    const beside = { data: join(scene.base, 'beside'), peers: [scene.hq.url] };
    const second = await open({ ...beside, token: issued!.token });
    // The first node hears of the second before it is copied.
    const first = await scene.start();
    await until(30_000, 'the registry', () => isLevel(first));
    await first.close();
    const copies = [await scene.copyTo('copy-1'), await scene.copyTo('copy-2')];
    const original = await scene.start({ peers: [scene.hq.url, second.url] });
    assert.is(await sell(original, 'third'), 'B001-000003');
    await until(30_000, 'everything beside', async () => (await numbersAt(second)).length === 3);
    await original.close();
    await scene.hq.close();

    const numbers: string[] = [];
    for (const data of copies) {
      const offline = await open({ data, mode: 'offline' });
      assert.is(await sell(offline, 'other'), 'B001-000003');
      await offline.close();
      const found = await open({ data, peers: [second.url] });
      await until(30_000, 'the new key', () => alarmsOf(found).includes('DEVICE_COPIED'));
      numbers.push(await sell(found, 'new'), await sell(found, 'newer'));
      await found.close();
    }
    for (const [at, number] of numbers.entries()) {
      assert.match(number, at % 2 === 0 ? /^B001\.2\.[a-z2-7]{6}-000001$/ : /^B001\.2\.[a-z2-7]{6}-000002$/);
    }
    assert.is(new Set(numbers).size, numbers.length, numbers.join(' '));
    await second.close();
    await scene.close();
  },
);

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
    await until(30_000, 'the new key', async () => (await sell(shop)).startsWith('B001.2-'));
    await until(30_000, 'everything sent', () => allSent(shop));
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
  await until(30_000, 'level', () => isLevel(shop));
  await scene.hq.node.services.branches!.revoke('B001', 'stolen');
  await until(30_000, 'the end of the connection', () =>
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
