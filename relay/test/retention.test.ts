/** What a relay gives up, and when: entries of documents, a week after a checkpoint came to stand in for them. */
import {
  Authority,
  type CheckpointMark,
  type Collection,
  type FeedName,
  FeedWriter,
  feedName,
  followRegistry,
  generateDeviceKey,
  MemoryStore,
  pruneBelow,
  Registry,
  type WriterId,
} from '@branchline/feed';
import { ManualClock, makeStamp, type Stamp } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pruneCovered, RETENTION_MS, type RetentionOptions, reasonToKeep } from '../src/retention.ts';

const TENANT = 'acme';
const ENTRIES = 50;
const test = suite('retention');

/** A relay that holds fifty catalog entries of head office, and a checkpoint of them. */
async function scene() {
  const [authorityKey, self, hq, branch] = Array.from({ length: 4 }, () => generateDeviceKey());
  const clock = new ManualClock();
  const registry = new Registry(authorityKey!.publicKey);
  const store = await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf });
  await followRegistry(store, registry);
  let counter = 0;
  const now = (): Stamp => makeStamp(1, counter++);
  const authority = await Authority.open({ key: authorityKey!, tenant: TENANT, store, registry, clock, now });
  await authority.createTenant();
  await authority.admit({ publicKey: self!.publicKey, role: 'relay', branch: 'RELAY' });
  await authority.admit({ publicKey: hq!.publicKey, role: 'hq', branch: 'HQ' });
  await authority.admit({ publicKey: branch!.publicKey, role: 'branch', branch: 'B001' });
  const writer = await FeedWriter.open({ store, key: hq!, tenant: TENANT, now });
  const draft = (collection: string) => ({ collection: collection as Collection, kind: 'change', body: 1 });
  for (let n = 0; n < ENTRIES; n += 1) {
    await writer.commit([draft('catalog'), draft('orders/HQ')]);
  }
  const feed = feedName('catalog' as Collection, hq!.writer);
  const mark: CheckpointMark = {
    collection: 'catalog' as Collection,
    id: 'one',
    vector: new Map([[feed, store.feeds().get(feed)!.head]]),
    signer: hq!.publicKey,
    entries: ENTRIES,
    bytes: 100,
    keptMs: 0,
  };
  const world = { nowMs: RETENTION_MS, isWhole: true };
  const takes = new Set<WriterId>([hq!.writer]);
  const held = new Map<WriterId, Map<FeedName, number>>();
  const options: RetentionOptions = {
    shelf: { marks: () => [mark], isWhole: async () => world.isWhole },
    store,
    registry,
    self: self!.writer,
    clock: { nowMs: () => world.nowMs },
    held: (device) => held.get(device),
    takes: (device) => takes.has(device),
  };
  const baseOf = (collection: string): number =>
    store.feeds().get(feedName(collection as Collection, hq!.writer))!.base.seq;
  return {
    authority,
    hq: hq!.writer,
    branch: branch!.writer,
    feed,
    mark,
    world,
    takes,
    held,
    options,
    baseOf,
  };
}

test('entries stay while somebody may need them: never seen, behind, or without checkpoints', async () => {
  const { options, mark, held, branch, feed, baseOf } = await scene();
  assert.match(reasonToKeep(mark, options)!, /B001 .* may need them/);
  held.set(branch, new Map([[feed, ENTRIES - 1]]));
  assert.is(await pruneCovered(options), 0);
  held.set(branch, new Map([[feed, ENTRIES]]));
  assert.is(reasonToKeep(mark, options), undefined, 'it has passed');
  assert.is(await pruneCovered(options), 1);
  assert.is(baseOf('catalog'), ENTRIES);
  assert.is(await pruneCovered(options), 0);
});

test('they go when whoever is behind takes checkpoints, or is revoked', async () => {
  const { options, mark, takes, branch, authority, baseOf } = await scene();
  takes.add(branch);
  assert.is(reasonToKeep(mark, options), undefined);
  takes.delete(branch);
  await authority.revoke({ writer: branch });
  assert.is(await pruneCovered(options), 1);
  assert.is(baseOf('orders/HQ'), 0, 'what was sold stays');
});

test('they stay for a week, while the file is not whole, and when its signer may not vouch any more', async () => {
  const { options, mark, world, takes, branch, hq, authority, baseOf } = await scene();
  takes.add(branch);
  world.nowMs = RETENTION_MS - 1;
  assert.match(reasonToKeep(mark, options)!, /young/);
  world.nowMs = RETENTION_MS;
  world.isWhole = false;
  assert.is(await pruneCovered(options), 0);
  world.isWhole = true;
  await authority.revoke({ writer: hq });
  assert.match(reasonToKeep(mark, options)!, /vouch/);
  assert.is(await pruneCovered(options), 0);
  assert.is(baseOf('catalog'), 0);
  assert.is(await pruneBelow(options.store, mark), 1, 'and could go');
});

test.run();
