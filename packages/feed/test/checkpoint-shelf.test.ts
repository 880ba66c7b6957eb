import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { feedsAhead } from '../src/checkpoint-admission.ts';
import { CheckpointShelf, SHELF_PER_COLLECTION_MAX } from '../src/checkpoint-shelf.ts';
import { type Checkpoint, checkpointParts, isSigned, signCheckpoint } from '../src/checkpoint-transfer.ts';
import type { FeedError } from '../src/errors.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { pruneBelow } from '../src/prune.ts';
import { SimDisk } from '../src/sim-disk.ts';
import type { Collection, FeedName, Head } from '../src/types.ts';
import { type Device, draft, Fleet, feedOf, headsOf, TENANT } from './support/fleet.ts';
import { DIR, JournalHome, STOCK } from './support/journal-home.ts';

const CATALOG = 'catalog' as Collection;
const signer = generateDeviceKey();
const writers = [generateDeviceKey(), generateDeviceKey()].map(({ writer }) => feedOf('catalog', writer));

function vectorOf(...seqs: number[]): Map<FeedName, Head> {
  return new Map(seqs.map((seq, at) => [writers[at]!, { seq, hash: new Uint8Array(32).fill(seq) }]));
}

function checkpoint(id: string, vector: Map<FeedName, Head>, bytes = 100) {
  const docs = [{ doc: 'catalog/0', bytes: new Uint8Array(bytes).fill(7) }];
  return signCheckpoint(signer, TENANT, { collection: CATALOG, id, vector, docs });
}

function openShelf(disk: SimDisk, mayVouch = () => true): Promise<CheckpointShelf> {
  return CheckpointShelf.open({ disk, dir: '/shelf', clock: new ManualClock(5), mayVouch });
}

const ids = (shelf: CheckpointShelf): string[] => shelf.marks().map(({ id }) => id);

const shelves = suite('a shelf of checkpoints');

shelves(
  'what was kept is there after a power cut, whole and signed; of a collection the newest stays',
  async () => {
    const disk = new SimDisk({ seed: 3 });
    const shelf = await openShelf(disk);
    await shelf.keep(checkpoint('a', vectorOf(10)));
    await shelf.keep(checkpoint('b', vectorOf(20)));
    await shelf.keep(checkpoint('older', vectorOf(15)));
    assert.equal(ids(shelf), ['b']);
    disk.crash();
    const again = await openShelf(disk);
    assert.equal(ids(again), ['b']);
    assert.equal(again.damaged, []);
    const [mark] = again.marks();
    assert.equal([mark!.entries, mark!.bytes, mark!.keptMs], [20, 100, 5]);
    const loaded = await again.load(CATALOG, 'b');
    assert.ok(isSigned(TENANT, loaded!));
    assert.is(isSigned('other', loaded!), false);
    assert.is(await again.load(CATALOG, 'a'), undefined);
  },
);

shelves('a power cut at any call leaves the old one or the new one', async () => {
  for (let call = 1; call < 12; call += 1) {
    const disk = new SimDisk({ seed: call });
    const shelf = await openShelf(disk);
    await shelf.keep(checkpoint('old', vectorOf(10)));
    disk.failCall(call, 'EIO');
    const kept = await shelf.keep(checkpoint('new', vectorOf(20))).then(
      () => true,
      () => false,
    );
    disk.crash();
    const again = await openShelf(disk);
    const [id] = ids(again);
    assert.is(ids(again).length, 1, `call ${call}: ${ids(again)}`);
    if (kept) assert.is(id, 'new', `call ${call}`);
    assert.ok(await again.load(CATALOG, id!), `call ${call}`);
  }
});

shelves('a changed bit is noticed: in the header when it opens, in a document when it is read', async () => {
  const disk = new SimDisk({ seed: 4 });
  await (await openShelf(disk)).keep(checkpoint('a', vectorOf(10)));
  const path = disk.files().find((file) => file.startsWith('/shelf/'))!;
  disk.flipBit(path, (disk.content(path).byteLength - 50) * 8);
  const damagedDoc = await openShelf(disk);
  assert.equal(ids(damagedDoc), ['a']);
  assert.is(await damagedDoc.load(CATALOG, 'a'), undefined);
  disk.flipBit(path, 40 * 8);
  const damagedHeader = await openShelf(disk);
  assert.equal([ids(damagedHeader).length, damagedHeader.damaged.length], [0, 1]);
});

shelves(
  'those that do not cover each other all stay, up to a limit; the one that helps is offered',
  async () => {
    const shelf = await openShelf(new SimDisk({ seed: 5 }));
    for (let n = 0; n < SHELF_PER_COLLECTION_MAX; n += 1) {
      await shelf.keep(checkpoint(`c${n}`, vectorOf(10 + n, 20 - n * 2)));
    }
    assert.is((await shelf.offer(CATALOG))?.id, 'c0');
    assert.is((await shelf.offer(CATALOG, { feed: writers[0]!, from: 13 }))?.id, 'c3');
    assert.is(await shelf.offer(CATALOG, { feed: writers[0]!, from: 14 }), undefined);
    const refused = await shelf
      .keep(checkpoint('x', vectorOf(30, 1)))
      .catch((error: FeedError) => error.code);
    assert.is(refused, 'FEED_LIMIT');
    await shelf.keep(checkpoint('all', vectorOf(30, 30)));
    assert.equal(ids(shelf), ['all']);
  },
);

shelves('one whose signer may not vouch any more is kept and not offered', async () => {
  let isMember = true;
  const shelf = await openShelf(new SimDisk({ seed: 6 }), () => isMember);
  await shelf.keep(checkpoint('a', vectorOf(10)));
  isMember = false;
  assert.is(await shelf.offer(CATALOG), undefined);
  assert.equal(ids(shelf), ['a']);
});
shelves.run();

const keepers = suite('keepers and takers');
let fleet: Fleet;
keepers.before.each(() => {
  fleet = new Fleet(43);
});
keepers.after.each(() => {
  assert.equal(fleet.faults, []);
  fleet.close();
});

async function scene() {
  const hqShelf = await openShelf(new SimDisk({ seed: 1 }));
  const relayShelf = await openShelf(new SimDisk({ seed: 2 }));
  const keeper = {
    apply: (each: Parameters<CheckpointShelf['keep']>[0]) => relayShelf.keep(each),
    held: () => relayShelf.marks(),
  };
  const relay = await fleet.openRelay({ source: relayShelf, sink: keeper });
  const hq = await fleet.open('hq', 'HQ', { source: hqShelf, sink: { apply: async () => undefined } });
  await fleet.introduce(hq);
  for (let n = 0; n < 10; n += 1) {
    await hq.writer.commit(Array.from({ length: 100 }, (_, i) => draft('catalog', { sku: i, n }, 'change')));
  }
  return { relay, hq, hqShelf, relayShelf };
}

function made(
  by: Device,
  id: string,
  docs: Checkpoint['docs'] = [{ doc: 'catalog/0', bytes: new Uint8Array(500) }],
) {
  const vector = new Map(
    [...by.store.feeds().values()]
      .filter(({ feed }) => feed.startsWith('catalog/'))
      .map(({ feed, head }) => [feed, head] as const),
  );
  return signCheckpoint(by.key, TENANT, { collection: CATALOG, id, vector, docs });
}

keepers(
  'a relay that lacks no entry is sent what is newer than on its shelf, once, live and when it returns',
  async () => {
    const { relay, hq, hqShelf, relayShelf } = await scene();
    await hqShelf.keep(made(hq, 'one'));
    const link = fleet.link(hq, relay);
    await fleet.quiet();
    assert.equal(ids(relayShelf), ['one']);
    assert.is(relay.store.feeds().get(hq.writer.feed(CATALOG))?.base.seq, 0, 'the entries came before it');
    await hq.writer.commit([draft('catalog', { n: 11 }, 'change')]);
    await hqShelf.keep(made(hq, 'two'));
    hq.replicator.shelfMoved();
    await fleet.quiet();
    assert.equal(ids(relayShelf), ['two']);
    link.cut();
    const again = fleet.link(hq, relay);
    await fleet.quiet();
    assert.is(again.bytesOf('checkpoint'), 0);
  },
);

keepers(
  'a peer that does not take checkpoints never gets one, also when it has a lot to catch up',
  async () => {
    const { relay, hq, relayShelf } = await scene();
    fleet.link(hq, relay);
    await fleet.quiet();
    await relayShelf.keep(made(hq, 'one'));
    const plain = await fleet.open('branch', 'B001');
    await fleet.introduce(plain);
    const link = fleet.link(plain, relay);
    await fleet.quiet();
    assert.is(link.bytesOf('checkpoint'), 0);
    assert.equal(
      headsOf(plain, (feed) => feed.startsWith('catalog/')),
      headsOf(hq, (feed) => feed.startsWith('catalog/')),
    );
  },
);

keepers('a peer that refused one gets the entries when it comes back', async () => {
  const { relay, hq, relayShelf } = await scene();
  fleet.link(hq, relay);
  await fleet.quiet();
  await relayShelf.keep(made(hq, 'one'));
  const { FeedError } = await import('../src/errors.ts');
  const picky = await fleet.open('branch', 'B001', {
    sink: {
      apply: async () => {
        throw new FeedError('CHECKPOINT_INVALID', 'documents no good');
      },
    },
  });
  await fleet.introduce(picky);
  const first = fleet.link(picky, relay);
  await fleet.quiet();
  assert.is(first.closedWith, 'CHECKPOINT_INVALID');
  assert.ok(picky.news.some(({ type }) => type === 'checkpointRefused'));
  assert.is(picky.store.feeds().get(hq.writer.feed(CATALOG)), undefined, 'nothing was changed');
  const second = fleet.link(picky, relay);
  await fleet.quiet();
  assert.is(second.bytesOf('checkpoint'), 0);
  assert.is(picky.store.feeds().get(hq.writer.feed(CATALOG))?.head.seq, 1000);
});

keepers('pruned below it, a new peer joins by it and the tail', async () => {
  const { relay, hq, relayShelf } = await scene();
  fleet.link(hq, relay);
  await fleet.quiet();
  await relayShelf.keep(made(hq, 'one'));
  await hq.writer.commit([draft('catalog', { n: 11 }, 'change')]);
  await fleet.quiet();
  assert.is(await pruneBelow(relay.store, relayShelf.marks()[0]!), 1);
  const taken: string[] = [];
  const branch = await fleet.open('branch', 'B001', {
    sink: { apply: async ({ id }) => void taken.push(id) },
  });
  await fleet.introduce(branch);
  fleet.link(branch, relay);
  await fleet.quiet();
  assert.equal(taken, ['one']);
  const { base, head } = branch.store.feeds().get(hq.writer.feed(CATALOG))!;
  assert.equal([base.seq, head.seq], [1000, 1001]);
});

keepers(
  'G11 orders, foreign feeds, other histories, revoked entries and our own future are refused',
  async () => {
    const { relay, hq } = await scene();
    const branch = await fleet.open('branch', 'B001', { sink: { apply: async () => assert.unreachable() } });
    await fleet.introduce(branch);
    await branch.writer.commit([draft('loyalty/main', { n: 1 }, 'change'), draft('orders/B001', { n: 1 })]);
    const link = fleet.link(branch, relay);
    const hqLink = fleet.link(hq, relay);
    await fleet.quiet();
    link.cut();
    hqLink.cut();
    const hash = new Uint8Array(32).fill(9);
    const hqFeed = hq.writer.feed(CATALOG);
    const own = branch.writer.feed('loyalty/main' as Collection);
    const cases: [string, string, [FeedName, Head][]][] = [
      ['never pruned', 'orders/B001', [[branch.writer.feed('orders/B001' as Collection), { seq: 9, hash }]]],
      ['another collection', 'catalog', [[feedOf('stock/B001', branch.key.writer), { seq: 9, hash }]]],
      ['no feed', 'catalog', [['catalog' as FeedName, { seq: 9, hash }]]],
      ['another history', 'catalog', [[hqFeed, { seq: 1000, hash }]]],
      ['another history', 'catalog', [[hqFeed, { seq: 500, hash }]]],
      ['our own feed', 'loyalty/main', [[own, { seq: 2, hash }]]],
      ['may not have written', 'catalog', [[feedOf('catalog', branch.key.writer), { seq: 2, hash }]]],
    ];
    for (const [words, collection, vector] of cases) {
      const context = {
        store: branch.store,
        registry: branch.registry,
        self: branch.key.writer,
        isForked: () => false,
      };
      const offered = { collection: collection as Collection, id: words, vector: new Map(vector) };
      const fault = await feedsAhead(context, offered).catch((error: FeedError) => error);
      assert.is((fault as FeedError).code, 'CHECKPOINT_INVALID', words);
      assert.match((fault as FeedError).message, words);
    }
    const before = headsOf(branch);
    const signed = signCheckpoint(relay.key, TENANT, {
      collection: 'orders/B001' as Collection,
      id: 'o',
      vector: new Map([[branch.writer.feed('orders/B001' as Collection), { seq: 9, hash }]]),
      docs: [],
    });
    const hostile = fleet.link(relay, branch);
    await fleet.quiet();
    for (const part of checkpointParts(signed)) hostile.inject(part);
    await fleet.quiet();
    assert.is(hostile.closedWith, 'CHECKPOINT_INVALID');
    assert.equal(headsOf(branch), before);
  },
);
keepers.run();

const journals = suite('verify with checkpoints');

journals(
  'G9 a journal that adopted and pruned verifies, before and after compaction, and goes on',
  async () => {
    const home = new JournalHome({ segmentBytesMax: 4096 });
    const store = await home.open();
    const writer = await home.writer(store);
    for (let n = 0; n < 200; n += 1)
      await writer.commit([{ collection: STOCK, kind: 'change', body: { n } }]);
    const feed = writer.feed(STOCK);
    const { head } = store.feeds().get(feed)!;
    const all = await store.read(feed, 1, 1 << 24);
    assert.is(
      await store.bytesOf(feed, 1, 200, 1 << 24),
      all!.entries.reduce((bytes, entry) => bytes + entry.byteLength, 0),
    );
    assert.ok((await store.bytesOf(feed, 1, 200, 100)) < 400, 'stops when it knows enough');
    await pruneBelow(store, { vector: new Map([[feed, head]]) });
    await writer.commit([{ collection: STOCK, kind: 'change', body: { n: 201 } }]);
    await store.close();
    assert.is((await home.verify()).broken, undefined);

    // Elsewhere: taken over instead of the entries, then the tail.
    const other = new JournalHome();
    Object.assign(other, { key: home.key });
    const elsewhere = await other.open();
    await elsewhere.adopt(feed, head);
    const reopened = await home.open();
    await elsewhere.append({ runs: [(await reopened.read(feed, 201, 1 << 20))!] });
    await elsewhere.close();
    const verified = await other.verify();
    assert.is(verified.broken, undefined);
    assert.is(verified.feeds.get(feed)?.seq, 201);
    const again = await other.open();
    assert.is(again.feeds().get(feed)?.base.seq, 200);
    await again.close();
    await reopened.close();
    assert.ok(other.disk.files().some((file) => file.startsWith(DIR)));
  },
);
journals.run();
