/** The checker of the replication invariants can fail: each invariant is broken once, by hand, and named. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  idle,
  type ReplicationState,
  type ReplicationStep,
  replicationFaults,
  step,
} from '../src/replication-state.ts';
import type { FeedName, WriterId } from '../src/types.ts';

const test = suite('the invariants of replication');
const PEER = 'bbbbbbbbbbbbbbbb' as WriterId;
const FEED = 'orders/B001/aaaaaaaaaaaaaaaa' as FeedName;
const FAMILY = 'orders';
const DIGEST = new Uint8Array(16).fill(7);
const MINE = new Map([
  [FAMILY, { digest: DIGEST, heads: new Map([[FEED, { seq: 3, hash: new Uint8Array(32) }]]) }],
]);

const compared = step(idle(PEER), { type: 'open', mine: MINE as never }).state;
const faults = (
  before: ReplicationState,
  event: unknown,
  after: unknown,
  effects: unknown[] = [],
): string[] =>
  replicationFaults(before, event as never, { state: after, effects } as unknown as ReplicationStep);
const at = (has: number, sent: number) => ({
  ...compared,
  reaches: new Map([[FAMILY, new Map([[FEED, { has, sent }]])]]),
});
const vector = { type: 'sendVector', family: FAMILY, heads: new Map([[FEED, { seq: 3 }]]) };

test('what the machine does breaks none', () => {
  assert.equal(
    replicationFaults(
      idle(PEER),
      { type: 'open', mine: MINE as never },
      step(idle(PEER), { type: 'open', mine: MINE as never }),
    ),
    [],
  );
});

test('I1 and I2: a peer has no more than was sent to it, and no reach shrinks', () => {
  const sent = { type: 'sent', feed: FEED, seq: 1 };
  assert.equal(faults(at(0, 0), sent, at(2, 1)), [`I1 ${FEED}: has 2, sent 1`]);
  assert.equal(faults(at(2, 3), sent, at(1, 3)), [`I2 ${FEED} shrank`]);
  assert.equal(faults(at(1, 3), sent, at(1, 2)), [`I2 ${FEED} shrank`]);
});

test('I3 and I4: an exchange waits for something, and tells a family once', () => {
  const exchanging = {
    ...compared,
    phase: 'exchanging',
    waiting: new Set<string>(),
    told: new Set([FAMILY]),
    reaches: new Map(),
  };
  const waits = { ...exchanging, waiting: new Set([FAMILY]) };
  const event = { type: 'vector', family: FAMILY, positions: [], mine: MINE };
  assert.equal(faults(waits as never, event, exchanging), ['I3 exchanging waits for nothing']);
  assert.equal(faults(waits as never, event, waits, [vector]), [`I4 ${FAMILY} told twice`]);
  assert.equal(faults(compared, { type: 'sent' }, compared, [vector, vector]), ['I4 two vectors at once']);
});

test('I5 and I6: a greeting is answered once, and equal families are not told', () => {
  const asked = { type: 'have', reply: false, mine: MINE, digests: new Map() };
  assert.match(faults(compared, asked, compared, [{ type: 'sendHave', reply: true }]).join(), 'I5 1 answers');
  assert.match(faults(idle(PEER), asked, compared).join(), 'I5 0 answers');
  const equal = { type: 'have', reply: true, mine: MINE, digests: new Map([[FAMILY, DIGEST]]) };
  assert.equal(faults(compared, equal, compared, [vector]), [`I6 ${FAMILY} is equal`]);
});

test('I7: what is closed says nothing and stays as it was', () => {
  const closed = { phase: 'closed', peer: PEER, code: 'CLOSED' } as ReplicationState;
  assert.equal(faults(closed, { type: 'sent' }, closed), []);
  assert.equal(faults(closed, { type: 'sent' }, { ...closed }), ['I7 closed spoke']);
  assert.equal(faults(closed, { type: 'sent' }, closed, [{ type: 'live' }]), ['I7 closed spoke']);
  assert.is(step(closed, { type: 'close', code: 'AGAIN' }).state, closed);
});

test('before the first comparison there is nothing to reach or to compare anew', () => {
  const before = idle(PEER);
  for (const event of [
    { type: 'rescoped', mine: MINE },
    { type: 'sent', feed: FEED, seq: 1 },
    { type: 'held', feed: FEED, seq: 1 },
  ]) {
    assert.is(step(before, event as never).state, before, event.type);
  }
});

test.run();
