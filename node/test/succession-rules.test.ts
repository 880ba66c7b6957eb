/** The rules of a change of keys without disks or networks: what is asked for, when a sale must wait, what is said again in parts. */
import {
  Authority,
  type Entry,
  type FeedName,
  followRegistry,
  generateDeviceKey,
  type IncarnationPlan,
  MemoryStore,
  Registry,
  type ReplicationMessage,
  type WriterId,
} from '@branchline/feed';
import { ManualClock, makeStamp } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Alarms } from '../src/alarms.ts';
import { NumberSeries } from '../src/commit/number-series.ts';
import { GatheredTransaction } from '../src/commit/transaction.ts';
import { inheritanceParts, PART_ENTRIES_MAX } from '../src/succession/inherit.ts';
import { type Renewal, Succession } from '../src/succession/succession.ts';
import { raiseSuccession } from '../src/succession/succession-alarms.ts';

const rules = suite('rules of succession');
const TENANT = 'Superstore';
const PEER = 'aaaaaaaaaaaaaaaa' as WriterId;

async function setup(pending = false) {
  const clock = new ManualClock(1_000_000);
  const authorityKey = generateDeviceKey();
  const registry = new Registry(authorityKey.publicKey);
  const store = await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf });
  await followRegistry(store, registry);
  let ms = 1;
  const now = () => makeStamp(ms++, 0);
  const authority = await Authority.open({ key: authorityKey, tenant: TENANT, store, registry, clock, now });
  await authority.createTenant();
  const [old, next, rotation] = [generateDeviceKey(), generateDeviceKey(), generateDeviceKey()];
  const { grant } = await authority.admit({ branch: 'B001', role: 'branch', publicKey: old.publicKey });
  const { writer, publicKey } = next;
  if (pending) {
    const presumed = { ...grant, incarnation: 2 };
    registry.presume({ writer, key: publicKey, grant: presumed, at: 0, predecessor: old.writer });
  }
  const said: ReplicationMessage[] = [];
  const confirmed: string[] = [];
  const renewals: Renewal[] = [];
  const succession = new Succession({
    keys: pending ? [old, next] : [old],
    rotation: { read: async () => undefined, make: async () => rotation },
    tenant: TENANT,
    registry,
    authority: () => undefined,
    nowMs: () => clock.nowMs(),
    say: (message) => said.push(message),
    onConfirmed: (key) => confirmed.push(key.writer),
    onRenewal: (renewal) => renewals.push(renewal),
    failed: (error) => {
      throw error;
    },
  });
  await succession.start();
  return { authority, registry, old, next, rotation, succession, said, confirmed, renewals, clock };
}

const succeedBy = (message: ReplicationMessage, authority: Authority) => {
  assert.is(message.type, 'successor');
  return authority.succeed(message as never);
};

rules(
  'what a pending key needs is asked of every peer, again and again, until the registry has it',
  async () => {
    const { succession, said, confirmed, authority, old, next } = await setup(true);
    assert.ok(succession.isPending);
    assert.is(succession.speaker, old, 'peers are spoken to with the key they know');
    succession.take({ type: 'peerLive', peer: PEER });
    succession.ask();
    assert.is(said.length, 2);
    const { grant } = await succeedBy(said[1]!, authority);
    assert.is(grant.incarnation, 2);
    assert.equal(confirmed, [next.writer]);
    assert.is(succession.isPending, false);
    succession.ask();
    assert.is(said.length, 2);
  },
);

rules('G8: a fork stops sales while a peer is asked, not while nobody can be asked', async () => {
  const { succession, renewals, old } = await setup();
  const feed = `orders/B001/${old.writer}` as FeedName;
  succession.take({ type: 'ownForkFound', peer: PEER, feed });
  assert.ok(succession.isSearching);
  succession.take({ type: 'peerLeft', peer: 'bbbbbbbbbbbbbbbb' as WriterId, code: 'CUT' });
  assert.ok(succession.isSearching);
  succession.take({ type: 'peerLeft', peer: PEER, code: 'CUT' });
  assert.is(succession.isSearching, false);
  const plan: IncarnationPlan = { predecessor: old.writer, diverged: true, ends: [] };
  succession.take({ type: 'incarnationNeeded', peer: PEER, plan });
  succession.take({ type: 'incarnationNeeded', peer: PEER, plan });
  assert.equal(renewals, [{ reason: 'copied', plan }]);
});

rules(
  'a pending device is not taken for a copy: that peers know more of its old key is why it is pending',
  async () => {
    const { succession, renewals, old } = await setup(true);
    succession.take({ type: 'ownForkFound', peer: PEER, feed: `orders/B001/${old.writer}` as FeedName });
    succession.take({
      type: 'incarnationNeeded',
      peer: PEER,
      plan: { predecessor: old.writer, diverged: false, ends: [] },
    });
    assert.is(succession.isSearching, false);
    assert.is(renewals.length, 0);
  },
);

rules('a rotation is taken up when the registry brings it, once, and not after its time', async () => {
  const { authority, old, said, renewals, rotation, clock, succession } = await setup();
  await authority.rotate({ writer: old.writer, ttlMs: -1 });
  await clock.yield();
  assert.is(said.length, 0);
  await authority.rotate({ writer: old.writer, ttlMs: 60_000 });
  await clock.yield();
  assert.is(said.length, 1);
  assert.is(renewals.length, 0, 'it sells on under the old key until the new one counts');
  const { grant, reason } = await succeedBy(said.at(-1)!, authority);
  assert.equal([reason, grant.incarnation], ['rotation', 2]);
  assert.equal(renewals, [{ reason: 'rotated' }]);
  succession.ask();
  assert.ok(rotation.writer);
});

rules('another suffix than the one used offline begins a series of its own, and is told', async () => {
  const { registry, next, old, authority, said, succession, clock } = await setup(true);
  const other = generateDeviceKey();
  succession.ask();
  const { grant } = registry.member(old.writer)!;
  assert.is(grant.incarnation, 1);
  const { successionRequest } = await import('@branchline/feed');
  await succeedBy(successionRequest(TENANT, old, other.publicKey, 2), authority);
  await succeedBy(said[0]!, authority);
  const series = new NumberSeries({ branch: 'B001' as never, incarnation: 2 }, 7);
  const alarms = new Alarms({ nowMs: () => 0, onRaised: () => {} });
  const ports = { clock, key: next, registry, succession: undefined };
  raiseSuccession({ ports, alarms, series, isPending: false });
  assert.is(series.take().number, 'B001.3-000001');
  assert.ok(alarms.has('NUMBERS_CHANGED'));
  await authority.revokeBranch('B001');
  raiseSuccession({ ports, alarms, series, isPending: false });
  raiseSuccession({ ports, alarms, series, isPending: true });
  assert.ok(alarms.has('DEVICE_REVOKED') && alarms.has('SUCCESSION_PENDING'));
  raiseSuccession({ ports, alarms, series, isPending: false });
  assert.not.ok(alarms.has('SUCCESSION_PENDING'));
});

rules('what only we had is said again in parts, as it was and when it was', () => {
  const feed = 'orders/B001/aaaaaaaaaaaaaaaa' as FeedName;
  const entry = (n: number, kind: string): Entry => ({
    feed,
    seq: n,
    hlc: makeStamp(1_000 + n, 0),
    kind,
    body: { n },
    bytes: new Uint8Array(0),
  });
  const orders = Array.from({ length: PART_ENTRIES_MAX + 1 }, (_, n) => entry(n + 1, 'order'));
  const common = { seq: 0, hash: new Uint8Array(32) };
  const plan = { predecessor: PEER, diverged: true, ends: [{ feed, common, ours: orders.length }] };
  const entries = [...orders, entry(9_999, 'change')];
  const change = { document: 'catalog/1', mutator: () => {} };
  const parts = inheritanceParts({ plan, entries, changes: [change] });
  const done = parts.map((part) => {
    const till = { till: 'control', role: 'admin' } as const;
    const transaction = new GatheredTransaction(() => makeStamp(9_000_000, 0), till, new Map());
    part(transaction);
    return transaction;
  });
  assert.equal(
    done.map(({ drafts, changes }) => [drafts.length, changes.length]),
    [
      [1, 0],
      [PART_ENTRIES_MAX, 0],
      [1, 0],
      [0, 1],
    ],
  );
  const [begin] = done[0]!.drafts;
  assert.is((begin!.body as { again: number }).again, orders.length);
  assert.ok(begin!.stamp < orders[0]!.hlc, 'the feed begins where what is said again begins');
  assert.is(done[1]!.drafts[0]!.stamp, orders[0]!.hlc);
});

rules.run();
