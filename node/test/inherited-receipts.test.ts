/** G6: receipts that an earlier key of this device left are finished or shown to somebody, and never registered twice. */
import type { Order } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INHERITED_BACK } from '../src/fiscal/receipts.ts';
import { RegisterScene } from './support/register-scene.ts';

const test = suite('receipts of an earlier key');
const RECEIPT = 3;

async function leftUnprinted(scene: RegisterScene): Promise<Order> {
  await scene.until(await scene.sell(), 'printed');
  scene.emulator.device.printer.hasPaper = false;
  const order = await scene.sell();
  await scene.chain.until(async () => (await scene.receipt(order)).reason === 'KKT_PAPER_OUT');
  await scene.crash();
  scene.emulator.device.printer.insertPaper();
  return order;
}

test('what was never begun is printed under the new key, once, also over restarts', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const order = await leftUnprinted(scene);
  await scene.renewKey();
  await scene.until(order, 'printed');
  assert.is(scene.count(RECEIPT), 2);
  await scene.crash();
  await scene.start();
  const next = await scene.sell('under the new key');
  await scene.until(next, 'printed');
  await scene.untilDelivered([order, next]);
  assert.is(scene.count(RECEIPT), 3);
});

test('what was printed after the backup was made is found in the storage and not printed again', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const order = await leftUnprinted(scene);
  // Somebody prints it and nobody remembers: the feeds are as they were before.
  const memory = await copyOf(scene);
  await scene.start();
  await scene.until(order, 'printed');
  await scene.crash();
  assert.is(scene.count(RECEIPT), 2);
  await scene.renewKey(memory);
  await scene.until(order, 'printed');
  await scene.chain.pass(30_000, 500);
  assert.is(scene.count(RECEIPT), 2);
  const { fd } = await scene.receipt(order);
  assert.is(scene.emulator.device.storage.documents.filter(({ form }) => form === RECEIPT).at(-1)?.fd, fd);
});

test('where even the storage cannot tell, somebody is asked and nothing is printed', async () => {
  await using scene = await RegisterScene.open();
  const order = await leftUnprinted(scene);
  const memory = await copyOf(scene);
  await scene.start();
  await scene.until(order, 'printed');
  for (let sold = 0; sold <= 2 * INHERITED_BACK + 8; sold += 1) {
    await scene.until(await scene.sell(), 'printed');
  }
  // The one looked for is behind more documents than a search reads.
  const late = scene.count(RECEIPT);
  await scene.crash();
  await scene.renewKey(memory);
  await scene.chain.until(async () => ['printed', 'review'].includes((await scene.receipt(order)).state));
  await scene.chain.pass(10_000, 500);
  assert.is(scene.count(RECEIPT), late);
});

async function copyOf(scene: RegisterScene) {
  return await scene.machine.copyStore();
}

test.run();
