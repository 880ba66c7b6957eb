import { Encoder } from 'cbor-x';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { feedName } from '../src/feed-name.ts';
import { generateDeviceKey } from '../src/identity.ts';
import type { Collection } from '../src/types.ts';
import { type Device, draft, Fleet, headsOf } from './support/fleet.ts';

const test = suite('comparing');
let fleet: Fleet;
test.before.each(() => {
  fleet = new Fleet(21);
});
test.after.each(() => {
  assert.equal(fleet.faults, []);
  fleet.close();
});

test('equal peers need one message each way and 4 KiB, for a chain of 200 branches', async () => {
  const relay = await fleet.openRelay();
  const hq = await fleet.open('hq', 'HQ');
  const branches: Device[] = [];
  for (let n = 1; n <= 200; n += 1) {
    const branch = `B${String(n).padStart(3, '0')}`;
    const device = await fleet.open('branch', branch);
    await fleet.introduce(device);
    await device.writer.commit(
      ['orders', 'receipts', 'stock'].map((family) => draft(`${family}/${branch}`, { n })),
    );
    branches.push(device);
  }
  for (const branch of branches) fleet.link(branch, relay);
  fleet.link(hq, relay);
  await fleet.quiet();
  assert.equal(headsOf(hq), headsOf(relay));
  assert.ok(headsOf(hq).length > 600);
  for (const link of fleet.links) link.cut();

  const again = fleet.link(hq, relay);
  await fleet.quiet();
  assert.equal(
    again.log.map(({ message }) => message.type),
    ['have', 'have'],
  );
  const bytes = again.bytesOf();
  assert.ok(bytes <= 4096, `${bytes} bytes`);
  assert.equal(
    again.sessions.map((session) => session.phase),
    ['live', 'live'],
  );
  again.cut();

  // One branch sold one thing: only its family's vectors are exchanged, and they fit a frame with room to spare.
  await branches[7]!.writer.commit([draft('orders/B008', { n: 2 })]);
  fleet.link(branches[7]!, relay);
  await fleet.quiet();
  const news = fleet.link(hq, relay);
  await fleet.quiet();
  assert.equal(news.log.filter(({ message }) => message.type === 'vector').length, 2);
  assert.ok(news.bytesOf('vector') < 64 * 1024, `${news.bytesOf('vector')} bytes of vectors`);
  const entries = news.log.flatMap(({ message }) => (message.type === 'entries' ? message.entries : []));
  assert.is(entries.length, 1);
  assert.equal(headsOf(hq), headsOf(relay));
});

test('a device that was just enrolled starts with nothing but the authority key, and gets the registry first', async () => {
  const relay = await fleet.openRelay();
  const seller = await fleet.open('branch', 'B001');
  await fleet.introduce(seller);
  await seller.writer.commit([draft('loyalty/main', { c: 1 }, 'change')]);
  fleet.link(seller, relay);
  await fleet.quiet();
  const fresh = await fleet.open('branch', 'B002');
  const link = fleet.link(fresh, relay);
  await fleet.quiet();
  const order = link.log.flatMap(({ message }) =>
    message.type === 'entries' ? [message.feed.split('/')[0]] : [],
  );
  assert.equal(order, ['registry', 'loyalty']);
  assert.equal(fresh.registry.members(), relay.registry.members());
});

test('registry, then orders and receipts, then documents; a long feed does not hold up a short one', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  await fleet.introduce(one);
  const pad = 'x'.repeat(1000);
  for (let n = 0; n < 10; n += 1) {
    await one.writer.commit(Array.from({ length: 40 }, () => draft('stock/B001', pad, 'change')));
    await one.writer.commit(Array.from({ length: 40 }, () => draft('orders/B001', pad)));
  }
  await one.writer.commit([draft('receipts/B001', { fd: 1 })]);
  const link = fleet.link(one, relay);
  await fleet.quiet();
  const order = link.log.flatMap(({ message }) =>
    message.type === 'entries' ? [message.feed.split('/')[0]!] : [],
  );
  assert.ok(order.indexOf('receipts') < order.lastIndexOf('orders'), order.join());
  assert.ok(order.lastIndexOf('orders') < order.indexOf('stock'));
  const encoder = new Encoder({ useRecords: false });
  for (const { message } of link.log) assert.ok(encoder.encode(message).byteLength < 1024 * 1024);
});

test('a commit too large for a frame still travels', async () => {
  const relay = await fleet.openRelay();
  const hq = await fleet.open('hq', 'HQ');
  await fleet.introduce(hq);
  const pad = 'x'.repeat(100_000);
  await hq.writer.commit(Array.from({ length: 40 }, () => draft('catalog', pad, 'change')));
  await hq.writer.commit(Array.from({ length: 6_000 }, (_, n) => draft('catalog', n, 'change')));
  const link = fleet.link(hq, relay);
  await fleet.quiet();
  assert.equal(headsOf(relay), headsOf(hq));
  for (const { bytes, message } of link.log) {
    assert.ok(bytes < 1024 * 1024);
    if (message.type === 'entries') assert.ok(message.entries.length <= 4096);
  }
});

test('lag is shown per peer and feed: what is missing here, what is missing there, what is confirmed', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  await fleet.introduce(one);
  await one.writer.commit([draft('orders/B001', 1), draft('orders/B001', 2)]);
  const link = fleet.link(one, relay);
  link.tamper = (message) => (message.type === 'entries' ? undefined : message);
  await fleet.quiet();
  const feed = feedName('orders/B001' as Collection, one.key.writer);
  const here = one.replicator.progress()[0]!;
  assert.equal(
    here.feeds.find((each) => each.feed === feed),
    { feed, here: 2, missingHere: 0, missingThere: 2, ackedUpTo: 0 },
  );
  const there = relay.replicator.progress()[0]!;
  assert.is(there.feeds.find((each) => each.feed === feed)?.missingHere, 2);
  link.cut();
  await fleet.quiet();
  const left = one.replicator.progress()[0]!;
  assert.is(left.phase, 'closed');
  assert.is(left.missingThere, 2, 'still known when the peer is gone');
  assert.is(left.lastContactMs, fleet.clock.nowMs());
  await one.writer.commit([draft('orders/B001', 3), draft('stock/B001', 1)]);
  const away = one.replicator.progress()[0]!;
  assert.is(away.missingThere, 4, 'and grows with what is written meanwhile, also in new feeds');
  assert.equal(
    away.feeds.find((each) => each.feed === feed),
    { feed, here: 3, missingHere: 0, missingThere: 3, ackedUpTo: 0 },
  );
  assert.is(
    relay.replicator.progress()[0]!.feeds.find((each) => each.feed === feed)?.missingHere,
    2,
    'what a peer said it has is missing until it comes',
  );
  fleet.link(one, relay);
  await fleet.quiet();
  assert.is(one.replicator.progress()[0]!.missingThere, 0);
  await one.writer.commit([draft('orders/B001', 4)]);
  one.replicator.recompare();
  await fleet.quiet();
  assert.is(one.replicator.progress()[0]!.feeds.find((each) => each.feed === feed)?.ackedUpTo, 4);
});

test('a peer that connects again replaces its older session', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001', { key: generateDeviceKey() });
  await fleet.introduce(one);
  const first = fleet.link(one, relay);
  await fleet.quiet();
  const second = fleet.link(one, relay);
  await fleet.quiet();
  assert.is(first.closedWith, 'REPLACED');
  assert.ok(second.isOpen);
});

test.run();
