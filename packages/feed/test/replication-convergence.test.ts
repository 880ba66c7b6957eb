import { randomInteger } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collectionOf, writerOf } from '../src/feed-name.ts';
import type { Collection, FeedName } from '../src/types.ts';
import { type Device, draft, Fleet, headsOf, type Link } from './support/fleet.ts';

/** Rerun one with `BRANCHLINE_SEED=<n> node --conditions=source --import tsx packages/feed/test/replication-convergence.test.ts`. */
const SEEDS = process.env.BRANCHLINE_SEED ? [Number(process.env.BRANCHLINE_SEED)] : [1, 2, 3, 4, 5, 6, 7, 8];
const STEPS = 150;

const test = suite('replication under trouble');
let opened: Fleet | undefined;
test.after.each(() => opened?.close());
function openFleet(seed: number): Fleet {
  opened = new Fleet(seed);
  return opened;
}

for (const seed of SEEDS) {
  test(`G3 G4 seven devices, cuts and partitions, seed ${seed}: all agree afterwards`, async () => {
    const fleet = openFleet(seed);
    const relay = await fleet.openRelay();
    const devices = [
      relay,
      await fleet.open('hq', 'HQ'),
      await fleet.open('branch', 'B001'),
      await fleet.open('branch', 'B001'),
      await fleet.open('branch', 'B002'),
      await fleet.open('carrier', 'B003'),
      await fleet.open('branch', 'B004'),
    ];
    for (const device of devices) await fleet.introduce(device);
    const links = new Map<string, Link>();
    for (let step = 0; step < STEPS; step += 1) {
      const a = pick(fleet, devices);
      const b = pick(fleet, devices);
      const dice = fleet.random();
      if (dice < 0.5) await sell(fleet, a);
      else if (dice < 0.75 && a !== b) connect(fleet, links, a, b);
      else if (dice < 0.9) [...links.values()][randomInteger(fleet.random, links.size)]?.cut();
      for (let turn = randomInteger(fleet.random, 12); turn > 0; turn -= 1) await fleet.clock.yield();
    }
    for (const link of links.values()) link.cut();
    for (const device of devices) if (device !== relay) fleet.link(device, relay);
    await fleet.quiet();

    assert.equal(fleet.faults, [], `seed ${seed}`);
    for (const device of devices) {
      const readable = (feed: FeedName): boolean =>
        device.registry.mayRead(device.key.writer, collectionOf(feed));
      assert.equal(headsOf(device), headsOf(relay, readable), `${device.name}, seed ${seed}`);
      assert.equal(
        device.news.filter(({ type }) => type === 'entriesRefused' || type === 'forkFound'),
        [],
      );
    }
    for (const link of fleet.links) assertNothingTwice(link, seed);
  });
}

test('G4 a catch-up that is cut again and again resumes each time at the first missing entry', async () => {
  const fleet = openFleet(99);
  const relay = await fleet.openRelay();
  const branch = await fleet.open('branch', 'B001');
  await fleet.introduce(branch);
  const feed = branch.writer.feed('orders/B001' as Collection);
  const entries = 4_000;
  for (let n = 0; n < entries; n += 100) {
    await branch.writer.commit(
      Array.from({ length: 100 }, (_, i) => draft('orders/B001', { n: n + i, pad: 'x'.repeat(600) })),
    );
  }
  let sent = 0;
  let arrived = 0;
  let resumed = 0;
  for (let cuts = 0; cuts < 200 && arrived < entries; cuts += 1) {
    const link = fleet.link(branch, relay);
    for (let turn = 0; turn < 22; turn += 1) await fleet.clock.yield();
    link.cut();
    for (let turn = 0; turn < 5; turn += 1) await fleet.clock.yield();
    const messages = link.log.map(({ message }) => message).filter((message) => message.type === 'entries');
    const first = messages.find(({ feed }) => feed.startsWith('orders/'));
    if (first) {
      assert.is(first.from, arrived + 1, 'resumes at the first missing entry');
      resumed += 1;
    }
    for (const message of messages) if (message.feed.startsWith('orders/')) sent += message.entries.length;
    arrived = relay.store.feeds().get(feed)?.head.seq ?? 0;
  }
  assert.is(arrived, entries);
  assert.ok(resumed > 2, `cut in the middle ${resumed} times`);
  assert.ok(
    sent < 4 * entries,
    `${sent} entries sent for ${entries}: what is on its way at a cut is all that is lost`,
  );
});

test('G3 the receipts of a branch reach the relay through another branch, signed as they were', async () => {
  const fleet = openFleet(5);
  const relay = await fleet.openRelay();
  const cutOff = await fleet.open('branch', 'B001');
  const carrier = await fleet.open('carrier', 'B002');
  for (const device of [cutOff, carrier]) await fleet.introduce(device);
  await cutOff.writer.commit([draft('receipts/B001', { fd: 1 }), draft('orders/B001', { n: 1 })]);
  const lan = fleet.link(cutOff, carrier);
  await fleet.quiet();
  lan.cut();
  fleet.link(carrier, relay);
  await fleet.quiet();
  const feed = cutOff.writer.feed('receipts/B001' as Collection);
  const [original, carried] = await Promise.all([
    cutOff.store.read(feed, 1, 1),
    relay.store.read(feed, 1, 1),
  ]);
  assert.equal(carried?.signature, original?.signature);
  assert.equal(carried?.entries, original?.entries);
});

test('a new entry is pushed at once, to every peer that may read it and to no other', async () => {
  const fleet = openFleet(6);
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  const two = await fleet.open('branch', 'B002');
  const hq = await fleet.open('hq', 'HQ');
  for (const device of [one, two, hq]) {
    await fleet.introduce(device);
    fleet.link(device, relay);
  }
  await fleet.quiet();
  await one.writer.commit([draft('orders/B001', { n: 1 }), draft('local', { till: 'T1' })]);
  await fleet.quiet();
  const feed = one.writer.feed('orders/B001' as Collection);
  assert.is(hq.store.feeds().get(feed)?.head.seq, 1);
  assert.not.ok(two.store.feeds().has(feed), 'another branch is not told');
  assert.not.ok(
    [...relay.store.feeds().keys()].some((name) => name.startsWith('local/')),
    'local stays local',
  );
  const progress = relay.replicator.progress().find(({ peer }) => peer === hq.key.writer);
  assert.equal(
    progress?.feeds.find((each) => each.feed === feed),
    { feed, here: 1, missingHere: 0, missingThere: 0, ackedUpTo: 1 },
  );
});

function pick(fleet: Fleet, devices: readonly Device[]): Device {
  return devices[randomInteger(fleet.random, devices.length)]!;
}

async function sell(fleet: Fleet, device: Device): Promise<void> {
  const { grant } = device.registry.member(device.key.writer)!;
  if (grant.role === 'relay') return;
  const n = randomInteger(fleet.random, 1000);
  const branch = grant.branch;
  const drafts = [draft(`orders/${branch}`, { n }), draft(`stock/${branch}`, { n }, 'change')];
  if (fleet.random() < 0.3) drafts.push(draft('loyalty/main', { n }, 'change'));
  await device.writer.commit(drafts);
}

/** As the wire does: one connection between two devices, the newer one wins. */
function connect(fleet: Fleet, links: Map<string, Link>, a: Device, b: Device): void {
  const id = [a.key.writer, b.key.writer].sort().join();
  links.get(id)?.cut();
  links.set(id, fleet.link(a, b));
}

function assertNothingTwice(link: Link, seed: number): void {
  const upTo = new Map<string, number>();
  for (const { from, message } of link.log) {
    if (message.type !== 'entries') continue;
    const key = `${from} ${message.feed}`;
    assert.ok(message.from > (upTo.get(key) ?? 0), `${key} from ${message.from} again, seed ${seed}`);
    upTo.set(key, message.from + message.entries.length - 1);
    assert.is.not(writerOf(message.feed as FeedName), undefined);
  }
}

test.run();
