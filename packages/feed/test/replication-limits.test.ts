import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FeedError } from '../src/errors.ts';
import { FeedWriter } from '../src/feed-writer.ts';
import { EVIDENCE_BYTES_MAX, proven } from '../src/fork-evidence.ts';
import { ANSWERS_MAX } from '../src/fork-talk.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { BATCH_MESSAGES_MAX, INBOX_BYTES_MAX, Inbox } from '../src/inbox.ts';
import { successionRequest } from '../src/incarnation.ts';
import { RECENT_BYTES_MAX, RecentRuns } from '../src/recent-runs.ts';
import type { EntriesMessage } from '../src/replication-messages.ts';
import { PASSED_ON_MAX, SESSIONS_MAX } from '../src/replicator.ts';
import { STRIKES_MAX } from '../src/session.ts';
import type { Collection, FeedName, WriterId } from '../src/types.ts';
import { draft, Fleet, TENANT } from './support/fleet.ts';

const test = suite('G12 bounded replication');
let fleet: Fleet;
test.before.each(() => {
  fleet = new Fleet(61);
});
test.after.each(() => {
  assert.equal(fleet.faults, []);
  fleet.close();
});

const entries = (bytes: number): EntriesMessage => ({
  type: 'entries',
  feed: `orders/B001/${'w'.repeat(16)}`,
  from: 1,
  entries: [new Uint8Array(bytes)],
  signature: new Uint8Array(64),
});

test('recent runs: bounded, the one asked for longest ago leaves first, none while nobody shares them', () => {
  let isShared = true;
  const recent = new RecentRuns(() => isShared);
  const feed = entries(1).feed as FeedName;
  const mega = 1024 * 1024;
  const put = (from: number): void => recent.put({ ...entries(mega), feed, from });
  for (let from = 0; from < RECENT_BYTES_MAX / mega; from += 1) put(from);
  assert.is(recent.bytes, RECENT_BYTES_MAX);
  assert.is(recent.get(feed, 0)?.from, 0);
  put(100);
  assert.is(recent.bytes, RECENT_BYTES_MAX);
  assert.is(recent.get(feed, 1), undefined);
  assert.is(recent.get(feed, 0)?.from, 0);
  put(100);
  assert.is(recent.bytes, RECENT_BYTES_MAX, 'the same again takes no more room');
  isShared = false;
  put(101);
  assert.is(recent.bytes, 0);
  assert.is(recent.get(feed, 101), undefined);
});

test('a full inbox makes the connection wait; a peer that sends on regardless is dropped', async () => {
  let release = (): void => undefined;
  const failures: unknown[] = [];
  const batches: number[] = [];
  const inbox = new Inbox({
    take: async () => undefined,
    takeEntries: async (batch) => {
      batches.push(batch.length);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    },
    pause: () => fleet.clock.yield(),
    fail: (error) => failures.push(error),
  });
  const states: string[] = [];
  const receive = (bytes: number): void => {
    const index = states.push('waits') - 1;
    void Promise.resolve(inbox.receive(entries(bytes))).then(() => {
      states[index] = 'taken';
    });
  };
  for (let n = 0; n < BATCH_MESSAGES_MAX + 2; n += 1) receive(10);
  receive(INBOX_BYTES_MAX);
  await fleet.clock.yield();
  assert.is(states.at(-1), 'waits');
  assert.ok(states.slice(0, -1).every((state) => state === 'taken'));
  receive(INBOX_BYTES_MAX);
  receive(10);
  assert.is((failures[0] as FeedError).code, 'FEED_LIMIT');
  release();
  await fleet.clock.yield();
  await fleet.clock.yield();
  assert.is(batches[0], BATCH_MESSAGES_MAX, 'many small ones share a commit, up to the limit');
  inbox.close();
  await fleet.clock.yield();
  assert.not.ok(states.includes('waits'), 'nobody waits for a closed inbox');
  release();
});

test('no more peers at once than the limit', async () => {
  const lone = await fleet.join('lone', { key: generateDeviceKey() });
  const channel = { bufferedBytes: 0, send: async () => undefined, close: () => undefined };
  const peer = (n: number) => `${n}`.padStart(16, 'p') as WriterId;
  for (let n = 0; n < SESSIONS_MAX; n += 1) lone.replicator.attach(channel, peer(n));
  assert.throws(
    () => lone.replicator.attach(channel, peer(SESSIONS_MAX)),
    (error: unknown) => error instanceof FeedError && error.code === 'FEED_LIMIT' && error.retryable,
  );
  lone.replicator.close();
  assert.throws(
    () => lone.replicator.attach(channel, peer(1)),
    (error: unknown) => error instanceof FeedError && error.code === 'STORE_CLOSED',
  );
});

test('a writer that asks about its feeds without end is answered up to the limit', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  await fleet.introduce(one);
  await one.writer.commit([draft('orders/B001', 1)]);
  const link = fleet.link(one, relay);
  await fleet.quiet();
  const feed = one.writer.feed('orders/B001' as Collection);
  const ask = { type: 'fork', feed, seq: 1, hash: new Uint8Array(32) } as const;
  // In portions, as an honest reader of the answers would: the outbox has a limit of its own.
  for (let asked = 0; asked < ANSWERS_MAX + STRIKES_MAX; asked += 16) {
    for (let n = 0; n < 16; n += 1) link.inject(ask);
    for (let turn = 0; turn < 60; turn += 1) await fleet.clock.yield();
  }
  await fleet.quiet();
  const answers = link.log.filter(
    ({ from, message }) => from === relay.key.writer && message.type === 'fork',
  );
  assert.is(answers.length, ANSWERS_MAX);
  assert.is(link.closedWith, 'FEED_LIMIT');
});

test('a request for a new key reaches the authority through others, each request once, up to the limit', async () => {
  const relay = await fleet.openRelay();
  const hq = await fleet.open('hq', 'HQ');
  const one = await fleet.open('branch', 'B001');
  for (const device of [hq, one]) await fleet.introduce(device);
  const up = fleet.link(hq, relay);
  const lan = fleet.link(one, hq);
  await fleet.quiet();
  const next = generateDeviceKey();
  const request = successionRequest(TENANT, one.key, next.publicKey);
  lan.inject(request);
  lan.inject(request);
  await fleet.quiet();
  assert.ok(one.registry.admit(next.publicKey).ok, 'and the answer comes back as a registry entry');
  const passed = () => up.log.filter(({ message }) => message.type === 'successor').length;
  assert.is(passed(), 1);
  for (let n = 0; n < PASSED_ON_MAX + 4; n += 1) {
    lan.inject({ ...request, key: new Uint8Array(32).fill(n & 255, 0, 16).fill(n >> 8, 16) });
    for (let turn = 0; turn < 4; turn += 1) await fleet.clock.yield();
  }
  await fleet.quiet();
  assert.ok(passed() <= PASSED_ON_MAX);
  const alarm = hq.news.find((news) => news.type === 'alarmReceived');
  assert.is(alarm?.code, 'SUCCESSION_PROOF', 'forged requests are answered with an alarm');
});

test('a request for a new key that found nobody who could answer is passed on when it is asked again', async () => {
  const relay = await fleet.openRelay();
  const hq = await fleet.open('hq', 'HQ');
  const one = await fleet.open('branch', 'B001');
  for (const device of [hq, one]) await fleet.introduce(device);
  const lan = fleet.link(one, hq);
  await fleet.quiet();
  const next = generateDeviceKey();
  const request = successionRequest(TENANT, one.key, next.publicKey, 2);
  lan.inject(request);
  await fleet.quiet();
  fleet.link(hq, relay);
  await fleet.quiet();
  assert.not.ok(one.registry.admit(next.publicKey).ok);
  lan.inject(request);
  await fleet.quiet();
  assert.ok(one.registry.admit(next.publicKey).ok);
});

test('what a key nobody knows yet has written stays here until the registry has the key, and then travels', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  await fleet.introduce(one);
  const next = generateDeviceKey();
  const { grant } = one.registry.member(one.key.writer)!;
  const { writer, publicKey } = next;
  one.registry.presume({ writer, key: publicKey, grant, at: 0, predecessor: one.key.writer });
  const { store, registry } = one;
  const ahead = await FeedWriter.open({ store, key: next, tenant: TENANT, now: fleet.now });
  await ahead.commit([draft('orders/B001', { n: 1 })]);
  const first = fleet.link(one, relay);
  await fleet.quiet();
  assert.is(relay.store.feeds().size, 1, 'the registry alone');
  assert.is(one.replicator.progress()[0]?.missingThere, 0, 'and nothing waits for it');
  first.inject(successionRequest(TENANT, one.key, publicKey));
  await fleet.quiet();
  assert.ok(registry.isConfirmed(writer));
  first.cut();
  fleet.link(one, relay);
  await fleet.quiet();
  assert.is(relay.store.feeds().get(ahead.feed('orders/B001' as Collection))?.head.seq, 1);
});

test('evidence keeps the end of a long run, which is what proves', () => {
  const run = {
    feed: 'orders/B001/w' as FeedName,
    from: 5,
    entries: Array.from({ length: 10 }, () => new Uint8Array(EVIDENCE_BYTES_MAX / 4)),
    signature: new Uint8Array(64),
  };
  const kept = proven(run, new Uint8Array(32));
  assert.equal([kept.from, kept.entries.length], [11, 4]);
  const one = { ...run, entries: [new Uint8Array(2 * EVIDENCE_BYTES_MAX)] };
  assert.is(proven(one, new Uint8Array(32)).entries.length, 1);
});

test('a status and an alarm are handed to the program, and nothing more', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  await fleet.introduce(one);
  fleet.link(one, relay);
  await fleet.quiet();
  assert.is(one.replicator.broadcast({ type: 'status', report: { backlog: 3 } }), 1);
  await fleet.quiet();
  assert.equal(
    relay.news.filter(({ type }) => type === 'statusReceived'),
    [{ type: 'statusReceived', peer: one.key.writer, report: { backlog: 3 } }],
  );
});

test.run();
