/** What a relay gives up, and when: entries of documents, a week after a checkpoint came to stand in for them. */
import {
  type CheckpointMark,
  CheckpointShelf,
  type Collection,
  type FeedName,
  pruneBelow,
  signCheckpoint,
  type WriterId,
} from '@branchline/feed';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Device, draft, Fleet, TENANT } from '../../packages/feed/test/support/fleet.ts';
import { SimDisk } from '../../packages/feed/test/support/sim-disk.ts';
import { pruneCovered, RETENTION_MS, type RetentionOptions, reasonToKeep } from '../src/retention.ts';

const CATALOG = 'catalog' as Collection;
const test = suite('retention');

interface Scene {
  readonly fleet: Fleet;
  readonly relay: Device;
  readonly hq: Device;
  readonly branch: Device;
  readonly mark: CheckpointMark;
  readonly options: RetentionOptions;
  /** What devices confirmed, and which of them take checkpoints. */
  readonly held: Map<WriterId, Map<FeedName, number>>;
  readonly takes: Set<WriterId>;
  nowMs: number;
  isWhole: boolean;
}

async function open(run: (scene: Scene) => Promise<void>): Promise<void> {
  const fleet = new Fleet(3);
  const relay = await fleet.openRelay();
  const hq = await fleet.open('hq', 'HQ');
  const branch = await fleet.open('branch', 'B001');
  await fleet.introduce(hq);
  for (let n = 0; n < 50; n += 1)
    await hq.writer.commit([draft('catalog', { n }, 'change'), draft('orders/HQ', n)]);
  fleet.link(hq, relay);
  await fleet.quiet();
  const feed = hq.writer.feed(CATALOG);
  const disk = new SimDisk({ seed: 1 });
  const clock = { nowMs: () => 0 };
  const shelf = await CheckpointShelf.open({ disk, dir: '/shelf', clock, mayVouch: () => true });
  const vector = new Map([[feed, relay.store.feeds().get(feed)!.head]]);
  const docs = [{ doc: 'catalog/0', bytes: new Uint8Array(100) }];
  await shelf.keep(signCheckpoint(hq.key, TENANT, { collection: CATALOG, id: 'one', vector, docs }));
  const held = new Map<WriterId, Map<FeedName, number>>();
  const takes = new Set<WriterId>();
  const scene: Scene = {
    fleet,
    relay,
    hq,
    branch,
    mark: shelf.marks()[0]!,
    held,
    takes,
    nowMs: RETENTION_MS,
    isWhole: true,
    options: {
      shelf: { marks: () => shelf.marks(), isWhole: async () => scene.isWhole },
      store: relay.store,
      registry: relay.registry,
      self: relay.key.writer,
      clock: { nowMs: () => scene.nowMs },
      held: (writer) => held.get(writer),
      takes: (writer) => takes.has(writer),
    },
  };
  takes.add(hq.key.writer);
  try {
    await run(scene);
  } finally {
    fleet.close();
  }
}

const baseOf = ({ relay, hq }: Scene): number => relay.store.feeds().get(hq.writer.feed(CATALOG))!.base.seq;

test('entries stay while somebody may need them: never seen, behind, or without checkpoints', () =>
  open(async (scene) => {
    const { options, mark, held, branch, hq } = scene;
    assert.match(reasonToKeep(mark, options)!, /B001 .* may need them/);
    held.set(branch.key.writer, new Map([[hq.writer.feed(CATALOG), 49]]));
    assert.is(await pruneCovered(options), 0);
    held.set(branch.key.writer, new Map([[hq.writer.feed(CATALOG), 50]]));
    assert.is(reasonToKeep(mark, options), undefined, 'it has passed');
    assert.is(await pruneCovered(options), 1);
    assert.is(baseOf(scene), 50);
    assert.is(await pruneCovered(options), 0);
  }));

test('they go when whoever is behind takes checkpoints, or is revoked', () =>
  open(async (scene) => {
    const { options, mark, takes, branch, fleet } = scene;
    takes.add(branch.key.writer);
    assert.is(reasonToKeep(mark, options), undefined);
    takes.delete(branch.key.writer);
    await fleet.authority.revoke({ writer: branch.key.writer });
    assert.is(await pruneCovered(options), 1);
    const orders = scene.hq.writer.feed('orders/HQ' as Collection);
    assert.is(scene.relay.store.feeds().get(orders)!.base.seq, 0, 'what was sold stays');
  }));

test('they stay for a week, while the file is not whole, and when its signer may not vouch any more', () =>
  open(async (scene) => {
    const { options, mark, takes, branch, hq, fleet } = scene;
    takes.add(branch.key.writer);
    scene.nowMs = RETENTION_MS - 1;
    assert.match(reasonToKeep(mark, options)!, /young/);
    scene.nowMs = RETENTION_MS;
    scene.isWhole = false;
    assert.is(await pruneCovered(options), 0);
    scene.isWhole = true;
    await fleet.authority.revoke({ writer: hq.key.writer });
    assert.match(reasonToKeep(mark, options)!, /vouch/);
    assert.is(await pruneCovered(options), 0);
    assert.is(baseOf(scene), 0);
    assert.is(await pruneBelow(options.store, mark), 1, 'and could go');
  }));

test.run();
