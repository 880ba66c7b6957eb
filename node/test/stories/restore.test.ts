/** G10 on real disks: a backup that was put back sells at once, loses nothing, and gives out no number twice. */
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import type { NodeError, NodeProgram } from '../../src/index.ts';
import {
  alarmsOf,
  allSent,
  atHq,
  bothAgree,
  endsNamed,
  isLevel,
  numbersAt,
  onHand,
  open,
  Scene,
  sell,
} from '../support/scene.ts';

const restore = suite('G10 restore');

restore(
  'a restored device sells offline at once, under numbers nobody has; at contact nothing is lost',
  async () => {
    const scene = await Scene.open();
    const backup = await scene.copyTo('backup');
    const before = await scene.start();
    assert.is(await sell(before, 'third'), 'B001-000003');
    await until(30_000, 'everything sent', () => allSent(before));
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
    await until(30_000, 'what came after the backup', async () => (await numbersAt(again)).length === 5);
    await until(30_000, 'everything sent', () => allSent(again));
    assert.not.ok(alarmsOf(again).includes('SUCCESSION_PENDING'));
    await bothAgree(scene, again, -5000);
    assert.is(await sell(again), 'B001.2-000003');
    await until(30_000, 'the link', async () => (await endsNamed(scene.data, 'orders/B001')).length === 2);
    await again.close();

    const named = await endsNamed(scene.data, 'orders/B001');
    assert.equal(named, [2, 3], 'where the old feed ended in the backup, and where it really did');
    const later = await scene.start();
    assert.is(await sell(later), 'B001.2-000004', 'and under its own key from then on');
    await atHq(scene, [...numbers, 'B001.2-000003', 'B001.2-000004']);
    await later.close();
    await scene.close();
  },
);

restore('sales the backup had and nobody else are kept, signed as they were', async () => {
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

restore('one backup put back twice, both times offline: three series, no number twice', async () => {
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
  await until(30_000, 'stock', async () => (await onHand(scene.hq)) === -5000);
  await found.close();
  await scene.close();
});

restore('a restored device is confirmed through a peer that reaches head office', async () => {
  const scene = await Scene.open();
  const [issued] = await scene.hq.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  const second = await open({
    data: join(scene.base, 'second'),
    peers: [scene.hq.url],
    token: issued!.token,
  });
  // A backup that has not heard of a peer cannot admit it: the two have to know each other.
  const shop = await scene.start();
  await until(30_000, 'both level', () => isLevel(second) && isLevel(shop));
  await shop.close();
  const backup = await scene.copyTo('backup');
  await scene.restore(backup);
  const restored = await scene.start({ peers: [second.url] });
  assert.is(await sell(restored), 'B001.2-000001');
  await atHq(scene, ['B001-000001', 'B001-000002', 'B001.2-000001']);
  await until(30_000, 'the confirmation', () => !alarmsOf(restored).includes('SUCCESSION_PENDING'));
  await restored.close();
  await second.close();
  await scene.close();
});

restore(
  'a restored head office gives out no keys before a device has told it what it had decided',
  async () => {
    const scene = await Scene.open();
    const { port } = new URL(scene.hq.url);
    const hqData = join(scene.base, 'hq');
    const listen = `127.0.0.1:${port}`;
    await scene.hq.close();
    await cp(hqData, join(scene.base, 'hq-backup'), { recursive: true });
    const before = await open({ data: hqData, listen });
    const shop = await scene.start();
    await before.node.services.branches!.add([{ code: 'B002', role: 'branch' }], undefined);
    await until(30_000, 'level', () => isLevel(shop));
    await before.close();
    await shop.close();
    await rm(hqData, { recursive: true });
    await cp(join(scene.base, 'hq-backup'), hqData, { recursive: true });
    await writeFile(join(hqData, 'restored.json'), '{}');

    const alone = await open({ data: hqData, listen });
    const add = (node: NodeProgram) =>
      node.node.services.branches!.add([{ code: 'B003', role: 'branch' }], undefined).then(
        () => 'added',
        (error: NodeError) => error.code,
      );
    assert.is(await add(alone), 'NOT_READY');
    const back = await scene.start();
    await until(30_000, 'the confirmation', () => !alarmsOf(alone).includes('SUCCESSION_PENDING'));
    assert.ok(alone.node.services.branches!.list().some(({ branch }) => branch === 'B002'));
    assert.is(await add(alone), 'added');
    await until(15_000, 'level again', () => isLevel(back));
    assert.not.ok([...alarmsOf(alone), ...alarmsOf(back)].some((code) => /FORK/.test(code)));
    await back.close();
    await alone.close();
    await scene.close();
  },
);

restore(
  'a restored head office is known again to a branch that was away while its new key was confirmed',
  async () => {
    const scene = await Scene.open();
    const listen = `127.0.0.1:${new URL(scene.hq.url).port}`;
    const [issued] = await scene.hq.node.services.branches!.add(
      [{ code: 'B001', role: 'branch' }],
      undefined,
    );
    const away = { data: join(scene.base, 'away'), peers: [scene.hq.url], syncIntervalSeconds: 1 };
    const first = await open({ ...away, token: issued!.token });
    await until(30_000, 'level', () => isLevel(first));
    await first.close();
    await scene.hq.close();
    const hqData = join(scene.base, 'hq');
    await writeFile(join(hqData, 'restored.json'), '{}');

    const hq = await open({ data: hqData, listen });
    const shop = await scene.start();
    await until(30_000, 'the confirmation', () => !alarmsOf(hq).includes('SUCCESSION_PENDING'));
    await until(30_000, 'the shop knows the new key', () => isLevel(shop));
    const back = await open({ ...away });
    await until(20_000, 'the one that was away knows it too', () => isLevel(back));
    assert.equal(alarmsOf(back), []);
    for (const node of [back, shop, hq]) await node.close();
    await scene.close();
  },
);

restore.run();
