/** Every family of registers at a node: settings with clear refusals, one document per sale whatever happens before the first. */
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kktConfig, openKkt } from '../src/fiscal/open-kkt.ts';
import { KktScene, kktFamilies } from './support/kkt-scene.ts';

const test = suite('registers of every family');

const cup = {
  lines: [{ sku: 'CUP', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat10' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
};
const RECEIPT = 3;

for (const family of kktFamilies) {
  test(`${family}: a sale is printed once`, async () => {
    await using scene = await KktScene.open({ family });
    const order = await scene.sell(cup);
    await scene.until(order, 'printed');
    const { fd, qr } = await scene.receipt(order);
    assert.is(scene.count(RECEIPT), 1);
    assert.is(scene.emulator.device.storage.documents.at(-1)?.fd, fd);
    assert.match(qr!, /&s=5\.00&/);
  });

  for (const fault of ['forgotten-reply', 'power-cut-after', 'power-cut-before', 'line-drop'] as const) {
    test(`G6, ${family}: ${fault} at the close and a power cut of the node are settled before the next sale`, async () => {
      await using scene = await KktScene.open({ family });
      await scene.until(await scene.sell(cup), 'printed');
      scene.emulator.faults.add([{ fault, command: 'close-receipt', ms: 1_000 }]);
      const order = await scene.sell(cup);
      await scene.chain.until(() => scene.emulator.faults.waiting === 0);
      await scene.crash();
      await scene.machine.start();
      const next = await scene.sell(cup);
      await scene.until(next, 'printed');
      await scene.until(order, 'printed');
      assert.is(scene.count(RECEIPT), 3);
      assert.ok((await scene.receipt(order)).fd! < (await scene.receipt(next)).fd!);
    });
  }
}

test('settings of each family are taken, and the first one need not be named', () => {
  const clock = new ManualClock();
  for (const [settings, model] of [
    [{ address: '127.0.0.1:7778', ofd: 'ofd.example:7777', password: 30 }, 'shtrih'],
    [{ driver: 'atol', address: '127.0.0.1:16732', password: 'user:secret' }, 'atol-web'],
    [{ driver: 'pirit', address: '/dev/ttyACM0', password: 'PIRI', utcOffsetMinutes: 180 }, 'pirit'],
  ] as const) {
    const { driver } = openKkt(kktConfig.parse(settings), 'hybrid', clock);
    assert.is(driver.capabilities.model, model);
  }
});

test('settings that cannot work are refused in words', () => {
  const words = (settings: object): string =>
    kktConfig
      .safeParse(settings)
      .error?.issues.map(({ message }) => message)
      .join() ?? '';
  assert.match(words({ driver: 'evotor', address: 'x:1' }), /one of shtrih, atol, pirit/);
  assert.match(words({ driver: 'atol', address: '/dev/ttyACM0' }), /HOST:PORT of the ATOL web server/);
  assert.match(words({ driver: 'atol', address: 'a:1', ofd: 'b:2' }), /carries its documents itself/);
  assert.match(words({ driver: 'pirit', address: 'COM3', password: 'PIR' }), /four characters/);
  assert.match(words({ driver: 'pirit', address: 'COM3', ofd: 'b:2' }), /carries its documents itself/);
});

test.run();
