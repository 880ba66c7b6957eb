import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type FamilySummary,
  idle,
  isSettled,
  type ReplicationEffect,
  type ReplicationEvent,
  type ReplicationEventType,
  type ReplicationPhase,
  type ReplicationState,
  reachOf,
  replicationFaults,
  type Summary,
  step,
} from '../src/replication-state.ts';
import type { FeedName, Head, WriterId } from '../src/types.ts';

const PEER = 'p'.repeat(16) as WriterId;
const OTHER = 'w'.repeat(16) as WriterId;
const orders = `orders/B001/${OTHER}` as FeedName;
const peersOwn = `orders/B001/${PEER}` as FeedName;
const stock = `stock/B001/${OTHER}` as FeedName;

const head = (seq: number, mark = 0): Head => ({ seq, hash: new Uint8Array(32).fill(seq * 16 + mark) });
const digest = (heads: Iterable<readonly [FeedName, Head]>): Uint8Array => {
  const bytes = new Uint8Array(16);
  for (const [feed, { seq, hash }] of heads) {
    for (const [index, char] of [...feed].entries())
      bytes[index % 16]! ^= char.charCodeAt(0) + seq * 31 + hash[0]!;
  }
  return bytes;
};
const family = (heads: Record<FeedName, Head>): FamilySummary => {
  const map = new Map(Object.entries(heads) as [FeedName, Head][]);
  return { digest: digest(map), heads: map };
};
const summary = (heads: Record<FeedName, Head>): Summary => {
  const families = new Map<string, Record<FeedName, Head>>();
  for (const [feed, at] of Object.entries(heads) as [FeedName, Head][]) {
    const name = feed.slice(0, feed.indexOf('/'));
    families.set(name, { ...families.get(name), [feed]: at });
  }
  return new Map([...families].map(([name, each]) => [name, family(each)]));
};
const digestsOf = (mine: Summary): Map<string, Uint8Array> =>
  new Map([...mine].map(([name, each]) => [name, each.digest]));
const names = (effects: readonly ReplicationEffect[]): string[] => effects.map((effect) => effect.type);

/** Every step of every test goes through here: the invariants hold after each. */
function take(state: ReplicationState, event: ReplicationEvent): ReturnType<typeof step> {
  const next = step(state, event);
  assert.equal(replicationFaults(state, event, next), []);
  return next;
}

const MINE = summary({ [orders]: head(3), [stock]: head(5) });
const states: Record<ReplicationPhase, ReplicationState> = {
  idle: idle(PEER),
  comparing: take(idle(PEER), { type: 'open', mine: MINE }).state,
  exchanging: take(take(idle(PEER), { type: 'open', mine: MINE }).state, {
    type: 'have',
    digests: new Map(),
    reply: true,
    mine: MINE,
  }).state,
  live: take(take(idle(PEER), { type: 'open', mine: MINE }).state, {
    type: 'have',
    digests: digestsOf(MINE),
    reply: true,
    mine: MINE,
  }).state,
  closed: take(idle(PEER), { type: 'close', code: 'CUT' }).state,
};

const equalHave: ReplicationEvent = { type: 'have', digests: digestsOf(MINE), reply: false, mine: MINE };
const events: Record<ReplicationEventType, ReplicationEvent> = {
  open: { type: 'open', mine: MINE },
  rescoped: { type: 'rescoped', mine: MINE },
  have: equalHave,
  vector: { type: 'vector', family: 'orders', positions: [], mine: MINE },
  sent: { type: 'sent', feed: orders, seq: 2 },
  held: { type: 'held', feed: orders, seq: 2 },
  close: { type: 'close', code: 'CUT' },
};

interface Expected {
  readonly phase: ReplicationPhase;
  readonly effects: readonly ReplicationEffect['type'][];
}
const to = (phase: ReplicationPhase, ...effects: ReplicationEffect['type'][]): Expected => ({
  phase,
  effects,
});

const TABLE: Record<ReplicationPhase, Record<ReplicationEventType, Expected>> = {
  idle: {
    open: to('comparing', 'sendHave'),
    rescoped: to('idle'),
    have: to('live', 'sendHave', 'settled', 'live'),
    vector: to('idle'),
    sent: to('idle'),
    held: to('idle'),
    close: to('closed'),
  },
  comparing: {
    open: to('comparing'),
    rescoped: to('comparing', 'sendHave'),
    have: to('live', 'settled', 'live'),
    vector: to('comparing'),
    sent: to('comparing'),
    held: to('comparing'),
    close: to('closed'),
  },
  exchanging: {
    open: to('exchanging'),
    rescoped: to('comparing', 'sendHave'),
    have: to('live', 'sendHave', 'settled', 'live'),
    vector: to('exchanging', 'settled'),
    sent: to('exchanging'),
    held: to('exchanging'),
    close: to('closed'),
  },
  live: {
    open: to('live'),
    rescoped: to('comparing', 'sendHave'),
    have: to('live', 'sendHave', 'settled', 'live'),
    vector: to('live', 'sendVector', 'settled'),
    sent: to('live'),
    held: to('live'),
    close: to('closed'),
  },
  closed: {
    open: to('closed'),
    rescoped: to('closed'),
    have: to('closed'),
    vector: to('closed'),
    sent: to('closed'),
    held: to('closed'),
    close: to('closed'),
  },
};

const table = suite('replication state: every state meets every event');
for (const [phase, row] of Object.entries(TABLE) as [
  ReplicationPhase,
  Record<ReplicationEventType, Expected>,
][]) {
  for (const [type, expected] of Object.entries(row) as [ReplicationEventType, Expected][]) {
    table(`${phase} + ${type} -> ${expected.phase}`, () => {
      const next = take(states[phase], events[type]);
      assert.is(next.state.phase, expected.phase);
      assert.equal(names(next.effects), expected.effects);
    });
  }
}
table.run();

const story = suite('replication state: what it knows');

story('equal digests settle a family without a vector and say how much the peer holds', () => {
  assert.equal(reachOf(states.live, orders), { has: 3, sent: 3 });
  assert.ok(isSettled(states.live, 'orders'));
});

story('nothing flows of a family that is waited for', () => {
  assert.not.ok(isSettled(states.exchanging, 'orders'));
  assert.is(reachOf(states.exchanging, orders), undefined);
  const { state } = take(states.exchanging, events.vector);
  assert.ok(isSettled(state, 'orders'));
  assert.not.ok(isSettled(state, 'stock'));
  assert.equal(reachOf(state, orders), { has: 0, sent: 0 });
});

story('the last awaited vector makes it live', () => {
  const one = take(states.exchanging, events.vector).state;
  const two = take(one, { type: 'vector', family: 'stock', positions: [], mine: MINE });
  assert.equal(names(two.effects), ['settled', 'live']);
  assert.is(two.state.phase, 'live');
});

story(
  'what was sent in a session is not sent again because a later vector was written before it arrived',
  () => {
    const sent = take(states.live, { type: 'sent', feed: orders, seq: 9 }).state;
    const again = take(sent, { type: 'rescoped', mine: MINE }).state;
    const waiting = take(again, { type: 'have', digests: new Map(), reply: true, mine: MINE }).state;
    const positions = [{ feed: orders, seq: 3, hashPrefix: head(3).hash.subarray(0, 8) }];
    const { state } = take(waiting, { type: 'vector', family: 'orders', positions, mine: MINE });
    assert.equal(reachOf(state, orders), { has: 3, sent: 9 });
  },
);

story('G10 the same number under another hash is noticed', () => {
  const positions = [{ feed: orders, seq: 3, hashPrefix: head(3, 1).hash.subarray(0, 8) }];
  const { effects } = take(states.exchanging, { type: 'vector', family: 'orders', positions, mine: MINE });
  assert.equal(names(effects), ['diverged', 'settled']);
});

story(
  'G10 a writer that knows less of its own feed than we do is noticed, even when it knows nothing',
  () => {
    const mine = summary({ [peersOwn]: head(7) });
    const comparing = take(idle(PEER), { type: 'open', mine }).state;
    const waiting = take(comparing, { type: 'have', digests: new Map(), reply: true, mine }).state;
    const { effects } = take(waiting, { type: 'vector', family: 'orders', positions: [], mine });
    assert.equal(names(effects), ['ownerBehind', 'settled', 'live']);
  },
);
story.run();

const pair = suite('replication state: two of them');

interface Side {
  state: ReplicationState;
  heads: Record<FeedName, Head>;
  inbox: ReplicationEffect[];
}

function act(side: Side, event: ReplicationEvent, peer: Side): void {
  const next = take(side.state, event);
  side.state = next.state;
  for (const effect of next.effects) if (effect.type.startsWith('send')) peer.inbox.push(effect);
}

function receive(side: Side, peer: Side): void {
  const effect = side.inbox.shift();
  const mine = summary(side.heads);
  if (effect?.type === 'sendHave') {
    act(side, { type: 'have', digests: digestsOf(effect.mine), reply: effect.reply, mine }, peer);
  } else if (effect?.type === 'sendVector') {
    const positions = [...effect.heads].map(([feed, { seq, hash }]) => ({
      feed,
      seq,
      hashPrefix: hash.subarray(0, 8),
    }));
    act(side, { type: 'vector', family: effect.family, positions, mine }, peer);
  }
}

pair('whatever is compared when, and however messages cross, both end live and know the other', () => {
  const feed = fc.constantFrom(orders, stock, peersOwn);
  const move = fc.oneof(
    fc.record({ type: fc.constant('receive' as const), side: fc.nat(1) }),
    fc.record({ type: fc.constant('rescope' as const), side: fc.nat(1) }),
    fc.record({ type: fc.constant('grow' as const), side: fc.nat(1), feed }),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
      const sides: [Side, Side] = [
        { state: idle(OTHER), heads: { [orders]: head(2) }, inbox: [] },
        { state: idle(PEER), heads: { [orders]: head(2), [stock]: head(1) }, inbox: [] },
      ];
      const peerOf = (side: Side): Side => (side === sides[0] ? sides[1] : sides[0]);
      for (const side of sides) act(side, { type: 'open', mine: summary(side.heads) }, peerOf(side));
      for (const each of moves) {
        const side = sides[each.side]!;
        if (each.type === 'receive') receive(side, peerOf(side));
        else if (each.type === 'rescope')
          act(side, { type: 'rescoped', mine: summary(side.heads) }, peerOf(side));
        else side.heads = { ...side.heads, [each.feed]: head((side.heads[each.feed]?.seq ?? 0) + 1) };
      }
      for (let turn = 0; turn < 200 && sides.some((side) => side.inbox.length > 0); turn += 1) {
        for (const side of sides) receive(side, peerOf(side));
      }
      for (const side of sides) {
        assert.is(side.inbox.length, 0, 'they stop talking');
        assert.is(side.state.phase, 'live');
        for (const [name, at] of Object.entries(peerOf(side).heads) as [FeedName, Head][]) {
          assert.ok(
            (reachOf(side.state, name)?.has ?? 0) <= at.seq,
            'nobody is believed to hold more than it does',
          );
        }
      }
    }),
    { numRuns: 500 },
  );
});
pair.run();
