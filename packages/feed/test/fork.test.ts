import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { entriesOf } from '../src/entry.ts';
import { FeedWriter } from '../src/feed-writer.ts';
import { EVIDENCE_MAX, levelEvidence, memoryEvidence, provesClaim } from '../src/fork-evidence.ts';
import { answerForkSearch, type ForkSearchStep, startForkSearch } from '../src/fork-search.ts';
import { generateDeviceKey } from '../src/identity.ts';
import {
  beginIncarnation,
  type IncarnationBody,
  type IncarnationPlan,
  onlyOurs,
  successionRequest,
} from '../src/incarnation.ts';
import type { ReplicationNews } from '../src/replication-context.ts';
import type { Collection, FeedName, Head } from '../src/types.ts';
import { type Device, draft, Fleet, headsOf, TENANT } from './support/fleet.ts';

const test = suite('G10 fork-safe');
let fleet: Fleet;
test.before.each(() => {
  fleet = new Fleet(31);
});
test.after.each(() => {
  assert.equal(fleet.faults, []);
  fleet.close();
});

const ORDERS = 'orders/B001' as Collection;
const of = <T extends ReplicationNews['type']>(device: Device, type: T) =>
  device.news.filter((each): each is ReplicationNews & { type: T } => each.type === type);
const planOf = (device: Device): IncarnationPlan => of(device, 'incarnationNeeded')[0]!.plan;
const sell = (device: Device, ...numbers: number[]) =>
  device.writer.commit(
    numbers.flatMap((n) => [draft('orders/B001', { n }), draft('stock/B001', { n }, 'change')]),
  );
const orderNumbers = async (device: Device): Promise<number[]> => {
  const numbers: number[] = [];
  for (const { feed, head } of device.store.feeds().values()) {
    if (!feed.startsWith('orders/')) continue;
    const run = await device.store.read(feed, 1, 1 << 20);
    assert.is(run?.entries.length, head.seq);
    for (const { kind, body } of entriesOf(run!))
      if (kind === 'order') numbers.push((body as { n: number }).n);
  }
  return numbers.sort((a, b) => a - b);
};

/** A copy of a device as it was: same key, same entries. */
async function cloneOf(device: Device, name: string, upTo = Number.POSITIVE_INFINITY): Promise<Device> {
  const clone = await fleet.join(name, { key: device.key });
  await fleet.introduce(clone);
  for (const { feed } of device.store.feeds().values()) {
    if (feed === device.registry.feed) continue;
    for (let from = 1; ; ) {
      const run = await device.store.read(feed, from, 1);
      if (!run || run.from + run.entries.length - 1 > upTo) break;
      await clone.store.append({ runs: [run] });
      from = run.from + run.entries.length;
    }
  }
  return clone;
}

async function goOn(device: Device, name: string): Promise<Device> {
  const plan = planOf(device);
  const next = generateDeviceKey();
  const old = device.replicator.session(of(device, 'incarnationNeeded')[0]!.peer)!;
  old.say(successionRequest(TENANT, device.key, next.publicKey));
  await fleet.quiet();
  assert.ok(device.registry.admit(next.publicKey).ok, 'the new key is in the registry');
  const fresh = await fleet.join(name, { key: next });
  await fleet.introduce(fresh);
  await beginIncarnation({ writer: fresh.writer, plan, entries: await onlyOurs(device.store, plan) });
  return fresh;
}

test('odd words about forks: of nobody, of what is not shared, without proof, about nothing', async () => {
  const relay = await fleet.openRelay();
  const one = await fleet.open('branch', 'B001');
  const other = await fleet.open('branch', 'B002');
  for (const device of [one, other]) await fleet.introduce(device);
  await sell(one, 1);
  await other.writer.commit([draft('orders/B002', { n: 2 })]);
  fleet.link(other, relay);
  const link = fleet.link(one, relay);
  await fleet.quiet();
  const hash = new Uint8Array(32).fill(7);
  const evidence = { from: 1, entries: [Uint8Array.of(1)], signature: new Uint8Array(64) };
  const stranger = generateDeviceKey();
  const said = link.log.length;
  for (const [feed, more] of [
    [`local/${other.key.writer}`, { evidence }],
    [`orders/B001/${stranger.writer}`, { evidence }],
    [`orders/B001/${one.key.writer}`, { evidence }],
    [`orders/B001/${one.key.writer}`, { evidence: { ...evidence, entries: [] } }],
    [`orders/B001/${other.key.writer}`, {}],
    [`prices/B001/${one.key.writer}`, {}],
  ] as const) {
    link.inject({ type: 'fork', feed: feed as FeedName, seq: 1, hash, ...more });
  }
  await fleet.quiet();
  assert.equal(relay.replicator.forks(), []);
  assert.equal(of(relay, 'forkFound'), []);
  const answers = link.log
    .slice(said)
    .flatMap(({ from, message }) => (from === relay.key.writer && message.type === 'fork' ? [message] : []));
  assert.equal(
    answers.map(({ feed, seq }) => [feed, seq]),
    [[`prices/B001/${one.key.writer}`, 0]],
    'of a feed that is not here it says that it has nothing',
  );
  await sell(one, 3);
  await fleet.quiet();
  assert.equal(await orderNumbers(relay), [1, 2, 3]);
});

test('a restored device that has sold nothing since learns it at once, and goes on under a new key', async () => {
  const relay = await fleet.openRelay();
  const device = await fleet.open('branch', 'B001');
  await fleet.introduce(device);
  await sell(device, 1, 2, 3);
  fleet.link(device, relay);
  await fleet.quiet();
  await sell(device, 4);
  await fleet.quiet();
  const restored = await cloneOf(device, 'restored', 3);
  fleet.link(restored, relay);
  await fleet.quiet();
  assert.ok(restored.replicator.superseded);
  assert.is(planOf(restored).diverged, false);
  const end = planOf(restored).ends.find(({ feed }) => feed.startsWith('orders/'))!;
  assert.equal([end.common.seq, end.ours], [3, 3]);

  const fresh = await goOn(restored, 'B001.2');
  await fresh.writer.commit([draft('orders/B001', { n: 5 })]);
  fleet.link(fresh, relay);
  await fleet.quiet();
  assert.equal(await orderNumbers(relay), [1, 2, 3, 4, 5]);
  assert.equal(await orderNumbers(fresh), [1, 2, 3, 4, 5]);
  assert.is(fresh.registry.member(fresh.key.writer)?.grant.incarnation, 2);
});

test('a clone that sold elsewhere: both histories are kept, what only one had is appended again, nothing is lost', async () => {
  const relay = await fleet.openRelay();
  const device = await fleet.open('branch', 'B001');
  await fleet.introduce(device);
  await sell(device, 1, 2, 3);
  const clone = await cloneOf(device, 'clone');
  await sell(device, 40, 50);
  await sell(clone, 41);
  await sell(clone, 51);
  await sell(clone, 61);
  fleet.link(device, relay);
  await fleet.quiet();
  const link = fleet.link(clone, relay);
  await fleet.quiet();
  assert.ok(clone.replicator.superseded, 'the clone knows');
  assert.equal(
    planOf(clone).ends.map(({ common, ours }) => [common.seq, ours]),
    [
      [3, 6],
      [3, 6],
    ],
  );
  assert.ok(of(relay, 'forkFound').length > 0, 'the relay has raised the alarm');
  const evidence = relay.replicator.forks().find(({ feed }) => feed.startsWith('orders/'))!;
  assert.ok(evidence.ours.entries.length > 0 && evidence.theirs.entries.length > 0, 'with both sides');
  assert.ok(link.isOpen, 'and still talks to it');
  assert.equal(await orderNumbers(relay), [1, 2, 3, 40, 50]);

  const fresh = await goOn(clone, 'B001.2');
  fleet.link(fresh, relay);
  await fleet.quiet();
  assert.equal(await orderNumbers(relay), [1, 2, 3, 40, 41, 50, 51, 61], 'every sale once');
  assert.equal(await orderNumbers(fresh), await orderNumbers(relay));
  const run = await relay.store.read(fresh.writer.feed(ORDERS), 1, 1);
  const [first] = entriesOf(run!);
  assert.is(first?.kind, 'incarnation');
  assert.is((first!.body as IncarnationBody).predecessor, device.key.writer);
});

test('a search that a lost line cut off begins again on the next one', async () => {
  const relay = await fleet.openRelay();
  const device = await fleet.open('branch', 'B001');
  await fleet.introduce(device);
  await sell(device, 1, 2, 3);
  const clone = await cloneOf(device, 'clone');
  await sell(device, 40);
  await sell(clone, 41);
  await sell(clone, 51);
  fleet.link(device, relay);
  await fleet.quiet();
  const link = fleet.link(clone, relay);
  // The relay proves its history to the clone, and never hears a word of what the clone says to that.
  let isProven = false;
  link.tamper = (message) => {
    if (message.type !== 'fork') return message;
    if (message.evidence && !isProven) {
      isProven = true;
      return message;
    }
    return undefined;
  };
  await fleet.quiet();
  link.cut();
  assert.ok(clone.replicator.superseded, 'the clone knows');
  assert.is(of(clone, 'incarnationNeeded').length, 0, 'and not yet where the histories part');
  fleet.link(clone, relay);
  await fleet.quiet();
  assert.is(of(clone, 'incarnationNeeded').length, 1);
});

test('the other one of two clones is told as well, and loses nothing either', async () => {
  const relay = await fleet.openRelay();
  const device = await fleet.open('branch', 'B001');
  await fleet.introduce(device);
  await sell(device, 1);
  const clone = await cloneOf(device, 'clone');
  await sell(device, 2);
  await sell(clone, 3);
  fleet.link(device, relay);
  await fleet.quiet();
  fleet.link(clone, relay);
  await fleet.quiet();
  assert.ok(clone.replicator.superseded && !device.replicator.superseded);
  await sell(device, 4);
  fleet.link(device, relay);
  await fleet.quiet();
  assert.ok(device.replicator.superseded, 'the first to come is not the only one');
  for (const [one, name] of [[device, 'B001.2'] as const, [clone, 'B001.3'] as const]) {
    if (!relay.replicator.session(one.key.writer)) fleet.link(one, relay);
    fleet.link(one, relay);
    await fleet.quiet();
    fleet.link(await goOn(one, name), relay);
    await fleet.quiet();
  }
  assert.equal(await orderNumbers(relay), [1, 2, 3, 4]);
});

test('two peers that hold different histories of a third find out, keep evidence, and go on with everything else', async () => {
  const relay = await fleet.openRelay();
  const hq = await fleet.open('hq', 'HQ');
  await fleet.introduce(hq);
  const device = await fleet.open('branch', 'B001');
  await fleet.introduce(device);
  await sell(device, 1);
  const clone = await cloneOf(device, 'clone');
  await sell(device, 20, 30);
  await sell(clone, 21);
  await fleet.introduce(hq);
  const first = fleet.link(device, relay);
  const second = fleet.link(clone, hq);
  await fleet.quiet();
  first.cut();
  second.cut();
  await hq.writer.commit([draft('catalog', { price: 1 }, 'change')]);
  const link = fleet.link(hq, relay);
  await fleet.quiet();
  for (const one of [relay, hq]) {
    assert.equal(
      one.replicator
        .forks()
        .map(({ feed }) => feed.split('/')[0])
        .sort(),
      ['orders', 'stock'],
      one.name,
    );
  }
  const catalog = hq.writer.feed('catalog' as Collection);
  assert.is(relay.store.feeds().get(catalog)?.head.seq, 1);
  link.cut();
  const again = fleet.link(hq, relay);
  await fleet.quiet();
  assert.is(again.messages, 2, 'both know: they do not compare it for ever');
});

test('nobody can put a fork onto another device: unproven claims change nothing', async () => {
  const relay = await fleet.openRelay();
  const device = await fleet.open('branch', 'B001');
  await fleet.introduce(device);
  await sell(device, 1);
  const link = fleet.link(relay, device);
  await fleet.quiet();
  const feed = device.writer.feed(ORDERS);
  const run = (await device.store.read(feed, 1, 1))!;
  const evidence = { from: 1, entries: run.entries, signature: run.signature };
  const hash = new Uint8Array(32).fill(7);
  link.inject({ type: 'fork', feed, seq: 9, hash, evidence });
  link.inject({ type: 'fork', feed, seq: 1, hash, evidence });
  link.inject({ type: 'fork', feed, seq: 1, hash });
  await fleet.quiet();
  assert.not.ok(device.replicator.superseded);
  assert.ok(link.isOpen);
});

test('a device that is merely ahead of a slow vector is not taken for a clone', async () => {
  const relay = await fleet.openRelay();
  const carrier = await fleet.open('carrier', 'B002');
  const device = await fleet.open('branch', 'B001');
  for (const each of [carrier, device]) await fleet.introduce(each);
  fleet.link(carrier, relay);
  fleet.link(device, carrier);
  await fleet.quiet();
  const slow = fleet.link(device, relay);
  // The relay hears of these through the carrier before it reads where the device said it was.
  await sell(device, 1, 2);
  await fleet.quiet();
  assert.not.ok(device.replicator.superseded);
  assert.ok(slow.isOpen);
  assert.equal(headsOf(relay), headsOf(device));
});
test.run();

const search = suite('the search for the last common entry');

/** Plays the peer: holds `theirs` entries, equal to ours up to `common`. */
function play(ours: number, theirs: number, common: number, base = 0): { low: number; questions: number } {
  const feed = 'orders/B001/w' as FeedName;
  const at = (seq: number): Head => ({ seq, hash: new Uint8Array(32) });
  let next: ForkSearchStep = startForkSearch([{ feed, base: at(base), ours }]);
  let questions = 0;
  while (next.state.phase === 'asking') {
    const [ask] = next.asks;
    assert.ok(ask, 'never stuck');
    questions += 1;
    const seq = Math.min(ask.seq, theirs);
    next = answerForkSearch(next.state, { feed, seq, equal: seq <= common, mine: at(seq) });
  }
  return { low: next.state.feeds.get(feed)!.low.seq, questions };
}

search('finds it for every pair of lengths', () => {
  for (let ours = 0; ours < 9; ours += 1) {
    for (let theirs = 0; theirs < 9; theirs += 1) {
      for (let common = 0; common <= Math.min(ours, theirs); common += 1) {
        assert.is(play(ours, theirs, common).low, common, `${ours} ${theirs} ${common}`);
      }
    }
  }
});

search('takes about twenty questions for a million entries', () => {
  assert.ok(play(1_000_000, 999_999, 123_456).questions <= 21);
});

search('stops at what was pruned here', () => {
  assert.is(play(10, 2, 2, 5).low, 5);
});
search.run();

const ledger = suite('evidence');

ledger('is kept in memory or in a sublevel, the first of each feed, up to a limit', async () => {
  const level = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' });
  for (const kept of [memoryEvidence(), levelEvidence(level)]) {
    const run = {
      from: 1,
      entries: [new Uint8Array(3)],
      signature: new Uint8Array(64),
      hash: new Uint8Array(32),
    };
    for (let n = 0; n <= EVIDENCE_MAX; n += 1) {
      const feed = `orders/B001/w${n}` as FeedName;
      await kept.record({ feed, seq: 1, ours: { ...run, feed }, theirs: { ...run, feed }, foundMs: 5 });
      await kept.record({ feed, seq: 2, ours: { ...run, feed }, theirs: { ...run, feed }, foundMs: 6 });
    }
    const all = await kept.all();
    assert.is(all.length, EVIDENCE_MAX);
    assert.ok(all.every(({ seq }) => seq === 1));
    assert.equal(new Uint8Array(all[0]!.ours.signature), run.signature);
  }
});

ledger('proves a claim from its end or from its start, and nothing else', async () => {
  const one = new Fleet(1);
  await one.openRelay();
  const device = await one.open('branch', 'B001');
  await one.introduce(device);
  const writer = await FeedWriter.open({
    store: device.store,
    key: device.key,
    tenant: TENANT,
    now: one.now,
  });
  await writer.commit([draft('orders/B001', 1)]);
  const before = device.store.feeds().get(writer.feed(ORDERS))!.head;
  await writer.commit([draft('orders/B001', 2), draft('orders/B001', 3)]);
  const feed = writer.feed(ORDERS);
  const after = device.store.feeds().get(feed)!.head;
  const run = (await device.store.read(feed, 2, 1))!;
  const evidence = { from: 2, entries: run.entries, signature: run.signature };
  const key = device.key.publicKey;
  assert.ok(provesClaim({ type: 'fork', feed, ...after, evidence }, key));
  assert.ok(provesClaim({ type: 'fork', feed, ...before, evidence }, key));
  assert.not.ok(provesClaim({ type: 'fork', feed, ...before, hash: after.hash, evidence }, key));
  assert.not.ok(provesClaim({ type: 'fork', feed, ...before }, key));
  assert.not.ok(provesClaim({ type: 'fork', feed, seq: 7, hash: after.hash, evidence }, key));
  one.close();
});
ledger.run();
