import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CHECKPOINT_BYTES_MAX,
  CHECKPOINT_DOCS_MAX,
  CHECKPOINT_PART_BYTES,
  type Checkpoint,
  CheckpointAssembly,
  type CheckpointSource,
  checkpointParts,
  type SignedCheckpoint,
  signCheckpoint,
} from '../src/checkpoint-transfer.ts';
import { FeedError } from '../src/errors.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { pruneBelow } from '../src/prune.ts';
import type { CheckpointMessage } from '../src/replication-messages.ts';
import type { Collection, FeedName } from '../src/types.ts';
import { type Device, draft, Fleet, headsOf, TENANT } from './support/fleet.ts';

const CATALOG = 'catalog' as Collection;
const stories = suite('checkpoints instead of entries');
let fleet: Fleet;
stories.before.each(() => {
  fleet = new Fleet(41);
});
stories.after.each(() => {
  assert.equal(fleet.faults, []);
  fleet.close();
});

/** A keeper of checkpoints: the newest one signed by `signer`, whatever is asked for. */
class Shelf implements CheckpointSource {
  checkpoint: SignedCheckpoint | undefined;
  loads = 0;
  async offer(collection: Collection) {
    if (this.checkpoint?.collection !== collection) return undefined;
    const { id, vector, docs } = this.checkpoint;
    return { id, vector, bytes: docs.reduce((bytes, doc) => bytes + doc.bytes.byteLength, 0) };
  }
  async load() {
    this.loads += 1;
    return this.checkpoint;
  }
  put(device: Device, signer: Device, docBytes: number): Checkpoint {
    const feeds = [...device.store.feeds().values()].filter(({ feed }) => feed.startsWith('catalog/'));
    const docs = [
      { doc: 'catalog/0', bytes: new Uint8Array(docBytes).fill(1) },
      { doc: 'catalog/1', bytes: new Uint8Array(10).fill(2) },
    ];
    const vector = new Map(feeds.map(({ feed, head }) => [feed, head] as const));
    this.checkpoint = signCheckpoint(signer.key, TENANT, {
      collection: CATALOG,
      id: `c${docBytes}`,
      vector,
      docs,
    });
    return this.checkpoint;
  }
}

async function chain() {
  const shelf = new Shelf();
  const taken: Checkpoint[] = [];
  const sink = { apply: async (checkpoint: Checkpoint) => void taken.push(checkpoint) };
  const relay = await fleet.openRelay({ source: shelf });
  const hq = await fleet.open('hq', 'HQ', { source: shelf });
  await fleet.introduce(hq);
  const branch = await fleet.open('branch', 'B001', { sink });
  await fleet.introduce(branch);
  for (let n = 0; n < 30; n += 1) {
    await hq.writer.commit(Array.from({ length: 100 }, (_, i) => draft('catalog', { sku: i, n }, 'change')));
  }
  const link = fleet.link(hq, relay);
  await fleet.quiet();
  link.cut();
  return { shelf, taken, relay, hq, branch };
}

stories('a far-behind peer gets the checkpoint and the tail, in fewer bytes than the entries', async () => {
  const { shelf, taken, relay, hq, branch } = await chain();
  shelf.put(hq, relay, 2 * CHECKPOINT_PART_BYTES - 5);
  shelf.put(hq, relay, 20_000);
  await hq.writer.commit([draft('catalog', { sku: 1, n: 31 }, 'change')]);
  fleet.link(hq, relay);
  const link = fleet.link(branch, relay);
  await fleet.quiet();
  assert.is(taken.length, 1);
  assert.equal(
    taken[0]!.docs.map(({ doc, bytes }) => [doc, bytes.byteLength]),
    [
      ['catalog/0', 20_000],
      ['catalog/1', 10],
    ],
  );
  const feed = hq.writer.feed(CATALOG);
  const state = branch.store.feeds().get(feed)!;
  assert.equal([state.base.seq, state.head.seq], [3000, 3001]);
  assert.equal(
    headsOf(branch, (each) => each === feed),
    headsOf(relay, (each) => each === feed),
  );
  assert.ok(link.bytesOf() < 60_000, `${link.bytesOf()} bytes`);
  assert.is(branch.news.filter(({ type }) => type === 'checkpointApplied').length, 1);
  link.cut();
  const again = fleet.link(branch, relay);
  await fleet.quiet();
  assert.is(again.messages, 2, 'and then they are equal');
});

stories('entries are sent when they are fewer bytes than the checkpoint', async () => {
  const { shelf, taken, relay, hq, branch } = await chain();
  shelf.put(hq, relay, 3_000_000);
  fleet.link(branch, relay);
  await fleet.quiet();
  assert.equal([taken.length, shelf.loads], [0, 0]);
  assert.is(branch.store.feeds().get(hq.writer.feed(CATALOG))?.head.seq, 3000);
});

stories(
  'below a pruned base only the checkpoint can help, and it does; without one the peer is told',
  async () => {
    const { shelf, taken, relay, hq, branch } = await chain();
    const checkpoint = shelf.put(hq, relay, 3_000_000);
    assert.is(await pruneBelow(relay.store, checkpoint), 1);
    assert.is(await pruneBelow(relay.store, checkpoint), 0);
    assert.is(relay.store.feeds().get(hq.writer.feed(CATALOG))?.base.seq, 3000);
    const kept = shelf.checkpoint;
    shelf.checkpoint = undefined;
    const poor = fleet.link(branch, relay);
    await fleet.quiet();
    assert.ok(branch.news.some((news) => news.type === 'alarmReceived' && news.code === 'FEED_PRUNED'));
    poor.cut();
    shelf.checkpoint = kept;
    fleet.link(branch, relay);
    await fleet.quiet();
    assert.is(taken.length, 1);
    assert.is(branch.store.feeds().get(hq.writer.feed(CATALOG))?.head.seq, 3000);
  },
);

stories('the registry, orders and receipts are never pruned', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  await fleet.introduce(one);
  await one.writer.commit(['orders', 'receipts', 'stock'].map((family) => draft(`${family}/B001`, 1)));
  const vector = new Map([...one.store.feeds().values()].map(({ feed, head }) => [feed, head] as const));
  assert.is(await pruneBelow(one.store, { vector }), 1);
  for (const { feed, base } of one.store.feeds().values())
    assert.is(base.seq, feed.startsWith('stock/') ? 1 : 0);
  assert.ok(relay);
});

stories(
  'a checkpoint signed by a branch, changed on its way, or speaking of other feeds ends the session',
  async () => {
    const { shelf, taken, relay, hq, branch } = await chain();
    shelf.put(hq, branch, 20_000);
    const first = fleet.link(branch, relay);
    await fleet.quiet();
    assert.is(first.closedWith, 'CHECKPOINT_INVALID');
    shelf.put(hq, relay, 20_001);
    const second = fleet.link(branch, relay);
    second.tamper = (message) =>
      message.type === 'checkpoint' && message.bytes
        ? { ...message, bytes: message.bytes.map((byte) => byte ^ 1) }
        : message;
    await fleet.quiet();
    assert.is(second.closedWith, 'CHECKPOINT_INVALID');
    const foreign = new Map([
      [`stock/B001/${branch.key.writer}` as FeedName, { seq: 9, hash: new Uint8Array(32) }],
    ]);
    const { docs } = shelf.checkpoint!;
    const mixed = signCheckpoint(relay.key, TENANT, { collection: CATALOG, id: 'x', vector: foreign, docs });
    shelf.checkpoint = undefined;
    const third = fleet.link(relay, branch);
    await fleet.quiet();
    for (const part of checkpointParts(mixed)) third.inject(part);
    await fleet.quiet();
    assert.is(third.closedWith, 'CHECKPOINT_INVALID');
    assert.equal(taken, []);
    // Somewhere without documents a checkpoint is no use.
    const fourth = fleet.link(relay, hq);
    await fleet.quiet();
    for (const part of checkpointParts(mixed)) fourth.inject(part);
    await fleet.quiet();
    assert.is(fourth.closedWith, 'CHECKPOINT_INVALID');
  },
);
stories.run();

const assembly = suite('putting a checkpoint together');
const key = generateDeviceKey();
const everybody = () => true;
const parts = (bytes: number, docs = 1): CheckpointMessage[] => {
  const checkpoint = {
    collection: CATALOG,
    id: 'c',
    vector: new Map([['catalog/w' as FeedName, { seq: 1, hash: new Uint8Array(32) }]]),
    docs: Array.from({ length: docs }, (_, n) => ({ doc: `catalog/${n}`, bytes: new Uint8Array(bytes) })),
  };
  return [...checkpointParts(signCheckpoint(key, TENANT, checkpoint))];
};
const refuses = (messages: readonly CheckpointMessage[]): void => {
  assert.throws(
    () => {
      const taking = new CheckpointAssembly(TENANT, everybody, messages[0]!);
      for (const message of messages) taking.take(message);
    },
    (error: unknown) => error instanceof FeedError && error.code === 'CHECKPOINT_INVALID',
  );
};

assembly('large documents are cut into parts and come out whole', () => {
  const messages = parts(2 * CHECKPOINT_PART_BYTES + 1, 2);
  assert.is(messages.length, 7);
  const taking = new CheckpointAssembly(TENANT, everybody, messages[0]!);
  const results = messages.map((message) => taking.take(message));
  assert.is(results.filter(Boolean).length, 1);
  assert.equal(
    results.at(-1)?.docs.map(({ bytes }) => bytes.byteLength),
    [524_289, 524_289],
  );
});

assembly('parts that are missing, doubled, mixed, or of another tenant are refused', () => {
  const messages = parts(CHECKPOINT_PART_BYTES * 3);
  refuses([messages[0]!, messages[2]!]);
  refuses([messages[0]!, messages[1]!, messages[1]!]);
  refuses([messages[1]!]);
  refuses([messages[0]!, { ...messages[1]!, id: 'd' }]);
  const elsewhere = new CheckpointAssembly('other', everybody, messages[0]!);
  assert.throws(() => messages.map((message) => elsewhere.take(message)));
});

assembly('G12 neither its bytes nor its documents exceed the limit', () => {
  refuses(parts(CHECKPOINT_BYTES_MAX + 1));
  refuses(parts(1, CHECKPOINT_DOCS_MAX + 1));
});
assembly.run();
