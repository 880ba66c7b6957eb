/** Full disks: said before a sale is begun, survived when it happens all the same, over by itself when there is room again. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FeedError } from '../src/errors.ts';
import { SimDisk } from '../src/sim-disk.ts';
import { CHECK_EVERY_BYTES, Space } from '../src/space.ts';
import { DIR, JournalHome, ORDERS, sale, salesIn } from './support/journal-home.ts';

const test = suite('space on the disk');
const BALLAST = 20_000;

test('the ballast takes real bytes, once', async () => {
  const home = new JournalHome({ ballastBytes: BALLAST, capacityBytes: 1_000_000 });
  await (await home.open()).close();
  assert.is(home.disk.content(`${DIR}/ballast`).byteLength, BALLAST);
  const { syncs } = home.disk;
  await (await home.open()).close();
  assert.is(home.disk.syncs, syncs);
});

test('STORE_FULL: below the reserve nothing new is begun, what was begun may finish, and it ends by itself', async () => {
  const home = new JournalHome({ ballastBytes: BALLAST, capacityBytes: 100_000 });
  const store = await home.open();
  const writer = await home.writer(store);
  await writer.commit(sale('a'));
  home.disk.setCapacity(BALLAST + 30_000);
  const full = await home.open().catch((error: unknown) => error as FeedError);
  assert.is((full as FeedError).code, 'STORE_LOCKED');
  await store.close();

  const again = await home.open();
  const next = await home.writer(again);
  const refused = await next.commit(sale('b')).catch((error: unknown) => error as FeedError);
  assert.is((refused as FeedError).code, 'STORE_FULL');
  assert.ok((refused as FeedError).retryable);
  assert.match((refused as FeedError).hint ?? '', 'free some space');
  await next.commit(sale('the receipt in the printer'), { urgent: true });

  home.disk.setCapacity(1_000_000);
  await next.commit(sale('still')).catch(() => undefined);
  await Promise.resolve();
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
  const { entries } = await next.commit(sale('c'));
  assert.is(entries[0]!.seq, 3, 'refused commits leave no hole');
  await again.close();
});

test('a disk that fills up under the store: poisoned, ballast released, everything acknowledged is there', async () => {
  const home = new JournalHome({ ballastBytes: BALLAST, capacityBytes: 100_000 });
  const store = await home.open();
  const writer = await home.writer(store);
  const acknowledged: string[] = [];
  let refusal: FeedError | undefined;
  for (let n = 0; refusal === undefined; n += 1) {
    const text = `sale ${n} ${'x'.repeat(900)}`;
    // Urgent, so that the reserve does not stop it before the disk does.
    await writer.commit(sale(text), { urgent: true }).then(
      () => void acknowledged.push(text),
      (error: unknown) => {
        refusal = error as FeedError;
      },
    );
  }
  assert.is(refusal.code, 'STORE_POISONED');
  assert.is(((refusal as Error).cause as { code: string }).code, 'ENOSPC');
  await store.failed;
  await store.close();
  assert.not(home.disk.files().includes(`${DIR}/ballast`));

  const again = await home.open();
  assert.equal((await salesIn(again)).slice(0, acknowledged.length), acknowledged);
  const next = await home.writer(again);
  const full = await next.commit(sale('b')).catch((error: unknown) => error as FeedError);
  assert.is((full as FeedError).code, 'STORE_FULL');
  await next.commit(sale('the receipt in the printer'), { urgent: true });
  await again.close();

  home.disk.setCapacity(1_000_000);
  const later = await home.open();
  assert.ok(home.disk.files().includes(`${DIR}/ballast`), 'the ballast is back');
  await (await home.writer(later)).commit([{ collection: ORDERS, kind: 'note', body: 'on we go' }]);
  await later.close();
});

test('free space is asked for after every megabyte, not after every write', async () => {
  const disk = new SimDisk({ seed: 1, capacityBytes: 10_000_000 });
  const space = await Space.open({ disk, dir: DIR, ballastBytes: 1000 });
  const { calls } = disk;
  for (let n = 0; n < 10; n += 1) space.wrote(CHECK_EVERY_BYTES / 10 - 1);
  assert.is(disk.calls, calls);
  disk.setCapacity(2000);
  space.wrote(100);
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  assert.ok(space.full);
});

test.run();
