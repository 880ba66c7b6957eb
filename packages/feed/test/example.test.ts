/** The example of the README, run. */

import { HybridClock, ManualClock, memoryBound } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import {
  entriesOf,
  FeedWriter,
  generateDeviceKey,
  JournalStore,
  NodeDisk,
  parseCollection,
} from '../src/index.ts';

const test = suite('README of feed');

test('the example does what it says', async () => {
  await using home = await TempDir.open('example');
  const dir = home.path;
  const level = new MemoryLevel();
  const clock = new ManualClock(1_735_689_600_000);
  const hybrid = await HybridClock.open({ clock, bound: memoryBound() });
  const seen: unknown[] = [];

  const key = generateDeviceKey();
  const keys = (writer: string) => (writer === key.writer ? key.publicKey : undefined);
  const store = await JournalStore.open({ disk: new NodeDisk(), dir, level, tenant: 'acme', keys, clock });
  const writer = await FeedWriter.open({ store, key, tenant: 'acme', now: () => hybrid.now() });

  const orders = parseCollection('orders/B001');
  store.watch(({ position, runs }) =>
    seen.push(
      position,
      runs.flatMap(entriesOf).map((entry) => entry.kind),
    ),
  );
  await writer.commit([{ collection: orders, kind: 'order', body: { totalMinor: 26196 } }]);
  const run = await store.read(writer.feed(orders), 1, 65_536);
  await store.close();

  assert.equal(seen, [1, ['order']]);
  assert.is(run?.entries.length, 1);
  await hybrid.close();
});

test.run();
