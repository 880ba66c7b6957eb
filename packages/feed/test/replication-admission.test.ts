import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { headAfter, signedBytes } from '../src/chain.ts';
import { encodeEntry } from '../src/entry.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { OUTBOX_MAX } from '../src/outflow.ts';
import { HELD_BYTES_MAX, RUN_BYTES_MAX } from '../src/reception.ts';
import type { ReplicationMessage } from '../src/replication-messages.ts';
import { FEEDS_MAX, STRIKES_MAX } from '../src/session.ts';
import type { Collection, FeedName } from '../src/types.ts';
import { type Device, draft, Fleet, headsOf } from './support/fleet.ts';

const test = suite('replication admits only what the registry says');
let fleet: Fleet;
test.before.each(() => {
  fleet = new Fleet(11);
});
test.after.each(() => {
  assert.equal(fleet.faults, []);
  fleet.close();
});

const refusals = (device: Device): string[] =>
  device.news.flatMap((each) => (each.type === 'entriesRefused' ? [each.code] : []));

async function relayAndBranches(): Promise<{ relay: Device; one: Device; two: Device }> {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  const two = await fleet.open('branch', 'B002');
  for (const device of [one, two]) await fleet.introduce(device);
  return { relay, one, two };
}

/** The last entries of a feed as a message. */
async function messageOf(
  device: Device,
  feed: FeedName,
  from = 1,
): Promise<ReplicationMessage & { type: 'entries' }> {
  const run = await device.store.read(feed, from, 1 << 19);
  return { type: 'entries', ...run! };
}

test('G9 an entry changed on its way changes nothing, is reported, and the rest flows on', async () => {
  const { relay, one } = await relayAndBranches();
  await one.writer.commit([draft('orders/B001', { total: 100 }), draft('stock/B001', { n: 1 }, 'change')]);
  const link = fleet.link(one, relay);
  link.tamper = (message) => {
    if (message.type !== 'entries' || !message.feed.startsWith('orders/')) return message;
    const forged = encodeEntry({ hlc: fleet.now(), kind: 'order', body: { total: 1 } });
    return { ...message, entries: [forged] };
  };
  await fleet.quiet();
  assert.equal(refusals(relay), ['FEED_SIGNATURE']);
  assert.not.ok(relay.store.feeds().has(one.writer.feed('orders/B001' as Collection)));
  assert.is(relay.store.feeds().get(one.writer.feed('stock/B001' as Collection))?.head.seq, 1);
  assert.equal(
    one.news.filter(({ type }) => type === 'ownForkFound'),
    [],
  );
  link.cut();
  fleet.link(one, relay);
  await fleet.quiet();
  assert.equal(headsOf(relay), headsOf(one), 'an honest line heals it');
});

test('G11 a device cannot write a feed of another, nor a collection it was not granted, itself or through others', async () => {
  const { relay, one, two } = await relayAndBranches();
  const link = fleet.link(one, relay);
  await fleet.quiet();
  // Its own key, signed correctly, in the catalog and in another branch's orders.
  await one.writer.commit([draft('catalog', { price: 1 }, 'change'), draft('orders/B002', { n: 1 })]);
  for (const collection of ['catalog', 'orders/B002']) {
    link.inject(await messageOf(one, one.writer.feed(collection as Collection)));
  }
  // Entries of the other branch, true ones, but not for this peer to give.
  await two.writer.commit([draft('orders/B002', { n: 1 })]);
  link.inject(await messageOf(two, two.writer.feed('orders/B002' as Collection)));
  await fleet.quiet();
  assert.ok(refusals(relay).includes('WRITER_NOT_GRANTED'));
  assert.ok(refusals(relay).includes('PEER_NOT_GRANTED'));
  assert.equal(
    headsOf(relay).filter((head) => !head.startsWith('registry/')),
    [],
  );
});

test('G11 a stranger reads and writes nothing', async () => {
  const { relay, one } = await relayAndBranches();
  await one.writer.commit([draft('orders/B001', { n: 1 })]);
  fleet.link(one, relay);
  const stranger = await fleet.join('stranger', { key: generateDeviceKey() });
  const link = fleet.link(stranger, relay);
  await fleet.quiet();
  assert.is(link.closedWith, 'PEER_UNKNOWN');
  assert.equal(headsOf(stranger), []);
});

test('G11 a revoked device is told of its revocation and of nothing that arrived together with it', async () => {
  const { relay, one } = await relayAndBranches();
  const reader = await fleet.open('hq', 'HQ');
  const carrier = await fleet.open('carrier', 'B003');
  for (const device of [reader, carrier]) await fleet.introduce(device);
  const link = fleet.link(carrier, reader);
  const orders = one.writer.feed('orders/B001' as Collection);
  await one.writer.commit([draft('orders/B001', { n: 1 })]);
  await carrier.store.append({ runs: [(await one.store.read(orders, 1, 1))!] });
  await fleet.quiet();
  assert.is(reader.store.feeds().get(orders)?.head.seq, 1, 'what it may read until then');
  const registryFeed = relay.registry.feed;
  const known = carrier.registry.position;
  await fleet.authority.revoke({ writer: reader.key.writer });
  await one.writer.commit([draft('orders/B001', { n: 2 })]);
  const revocation = await relay.store.read(registryFeed, known + 1, 1 << 20);
  const sale = await one.store.read(orders, 2, 1);
  const before = link.log.length;
  await carrier.store.append({ runs: [sale!, revocation!] });
  await fleet.quiet();
  assert.is(link.closedWith, 'PEER_REVOKED');
  const said = link.log
    .slice(before)
    .flatMap(({ message }) => (message.type === 'entries' ? [message.feed] : []));
  assert.equal(
    said.filter((feed) => feed !== registryFeed),
    [],
  );
});

test('G11 a revoked device is cut off at once, what it sold before stays, what it sells later counts nowhere', async () => {
  const { relay, one } = await relayAndBranches();
  const hq = await fleet.open('hq', 'HQ');
  const carrier = await fleet.open('carrier', 'B003');
  for (const device of [hq, carrier]) await fleet.introduce(device);
  const feed = one.writer.feed('orders/B001' as Collection);
  const link = fleet.link(one, relay);
  fleet.link(hq, relay);
  await one.writer.commit([draft('orders/B001', { n: 1 })]);
  await fleet.quiet();
  // The carrier has not heard of the revocation and takes a later sale.
  const lan = fleet.link(one, carrier);
  await fleet.quiet();
  await fleet.authority.revoke({ writer: one.key.writer });
  await fleet.quiet();
  assert.is(link.closedWith, 'PEER_REVOKED');
  await one.writer.commit([draft('orders/B001', { n: 2 })]);
  await fleet.quiet();
  assert.is(carrier.store.feeds().get(feed)?.head.seq, 2);
  lan.cut();
  const again = fleet.link(one, relay);
  const last = fleet.link(carrier, relay);
  await fleet.quiet();
  assert.is(again.closedWith, 'PEER_REVOKED');
  assert.is(last.isOpen, true);
  for (const device of [relay, hq]) assert.is(device.store.feeds().get(feed)?.head.seq, 1);
  assert.equal(
    new Set(refusals(relay)),
    new Set(['WRITER_REVOKED']),
    'offered before the revocation had crossed',
  );
  last.cut();
  const quiet = fleet.link(carrier, relay);
  await fleet.quiet();
  assert.is(quiet.messages, 2, 'who knows of the revocation agrees on what counts, and offers no more');
});

test('entries that outrun the registry wait for it, and no more of them than the limit', async () => {
  const relay = await fleet.openRelay();
  const known = await fleet.open('carrier', 'B001');
  await fleet.introduce(known);
  const link = fleet.link(known, relay);
  await fleet.quiet();
  // The registry learns of a new branch, but the relay's line to the carrier loses that.
  link.tamper = (message) =>
    message.type === 'entries' && message.feed.startsWith('registry/') ? undefined : message;
  const fresh = await fleet.open('branch', 'B002');
  await fleet.introduce(fresh);
  await fresh.writer.commit([draft('orders/B002', { n: 1 })]);
  const feed = fresh.writer.feed('orders/B002' as Collection);
  const ahead = await messageOf(fresh, feed);
  await link.sessions[0].receive(ahead);
  await fleet.quiet();
  assert.not.ok(known.store.feeds().has(feed), 'its writer is not known yet');
  await fleet.introduce(known);
  await fleet.quiet();
  assert.is(known.store.feeds().get(feed)?.head.seq, 1);

  const unknown = generateDeviceKey();
  const entry = encodeEntry({ hlc: fleet.now(), kind: 'order', body: 'x'.repeat(400_000) });
  const message = {
    type: 'entries',
    feed: `orders/B009/${unknown.writer}`,
    from: 1,
    entries: [entry],
    signature: new Uint8Array(64),
  } as const;
  for (let bytes = 0; bytes <= HELD_BYTES_MAX; bytes += entry.byteLength)
    await link.sessions[0].receive(message);
  await fleet.quiet();
  assert.is(link.closedWith, 'FEED_LIMIT');
});

test('G12 a peer that sends nonsense is dropped after a few tries, one that sends too much at once', async () => {
  const { relay, one } = await relayAndBranches();
  const link = fleet.link(one, relay);
  await fleet.quiet();
  const key = one.key;
  const feed = one.writer.feed('catalog' as Collection);
  const entries = [encodeEntry({ hlc: fleet.now(), kind: 'change', body: 1 })];
  const head = headAfter({ seq: 0, hash: new Uint8Array(32) }, entries);
  const bad = {
    type: 'entries',
    feed,
    from: 1,
    entries,
    signature: key.sign(signedBytes(feed, head)),
  } as const;
  for (let n = 0; n < STRIKES_MAX; n += 1) link.inject(bad);
  await fleet.quiet();
  assert.is(link.closedWith, 'WRITER_NOT_GRANTED');

  const second = fleet.link(one, relay);
  await fleet.quiet();
  const large = Array.from({ length: 3 }, () =>
    encodeEntry({ hlc: fleet.now(), kind: 'x', body: 'x'.repeat(400_000) }),
  );
  assert.ok(large.length * 400_000 > RUN_BYTES_MAX);
  second.inject({ ...bad, feed: one.writer.feed('orders/B001' as Collection), entries: large });
  await fleet.quiet();
  assert.ok(refusals(relay).includes('FEED_LIMIT'));
  assert.ok(second.isOpen);

  const hq = await fleet.open('hq', 'HQ');
  await fleet.introduce(hq);
  const third = fleet.link(hq, relay);
  await fleet.quiet();
  for (let family = 0; family <= FEEDS_MAX / 8192; family += 1) {
    const feeds = Array.from(
      { length: 8192 },
      (_, n) => [`f${family}/x${n}/${hq.key.writer}`, 1, new Uint8Array(8)] as const,
    );
    third.inject({ type: 'vector', collection: `f${family}`, feeds });
  }
  await fleet.quiet();
  assert.is(third.closedWith, 'FEED_LIMIT');
});

test('G12 a peer that does not read makes its own session end, not our memory grow', async () => {
  const { relay, one } = await relayAndBranches();
  const never = new Promise<void>(() => undefined);
  const session = relay.replicator.attach(
    { bufferedBytes: 0, send: () => never, close: () => undefined },
    one.key.writer,
  );
  for (let n = 0; n <= OUTBOX_MAX + 1; n += 1) session.say({ type: 'alarm', code: 'X', detail: '' });
  assert.is(await session.done, 'FEED_LIMIT');
});

test('a name that is no name ends the session', async () => {
  const { relay, one } = await relayAndBranches();
  const link = fleet.link(one, relay);
  await fleet.quiet();
  link.inject({ type: 'ack', feed: '../../etc/passwd', seq: 1 });
  await fleet.quiet();
  assert.is(link.closedWith, 'FEED_NAME');
});

test.run();
