/** What waits of one peer: bounded, in order, and let go of when the session ends. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FeedError, assert as mustHold } from '../src/errors.ts';
import { answerForkSearch, startForkSearch } from '../src/fork-search.ts';
import { INBOX_BYTES_MAX, Inbox } from '../src/inbox.ts';
import { followRegistry } from '../src/registry-follower.ts';
import type { ReplicationMessage } from '../src/replication-messages.ts';
import type { Appended, FeedName, FeedStore } from '../src/types.ts';
import { registryWorld } from './support/registry-world.ts';

const test = suite('what waits');
const FEED = 'orders/B001/aaaaaaaaaaaaaaaa' as FeedName;

const entries = (bytes: number): ReplicationMessage => ({
  type: 'entries',
  feed: FEED,
  from: 1,
  entries: [new Uint8Array(bytes)],
  signature: new Uint8Array(64),
});

/** An inbox whose owner takes nothing until `go`. */
function held() {
  const taken: string[] = [];
  const failures: unknown[] = [];
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const inbox = new Inbox({
    take: async (message) => {
      await gate;
      if (message.type === 'alarm' && message.code === 'THROW') throw new Error('a disk');
      taken.push(message.type);
    },
    takeEntries: async (batch) => {
      await gate;
      taken.push(...batch.map(({ type }) => type));
    },
    pause: () => Promise.resolve(),
    fail: (error) => void failures.push(error),
  });
  return { inbox, taken, failures, go: () => go() };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

test('INBOX_BYTES_MAX: a peer that waits is let in again, one that does not is told; the order stays', async () => {
  const { inbox, taken, failures, go } = held();
  inbox.receive({ type: 'alarm', code: 'X', detail: '' });
  await settled();
  assert.is(inbox.receive(entries(INBOX_BYTES_MAX / 2)), undefined, 'there is room');
  const full = inbox.receive({
    type: 'checkpoint',
    collection: 'c',
    id: 'i',
    part: 0,
    parts: 1,
    bytes: new Uint8Array(INBOX_BYTES_MAX),
  } as never);
  assert.instance(full, Promise);
  inbox.receive({
    type: 'fork',
    feed: FEED,
    seq: 1,
    hash: new Uint8Array(32),
    evidence: { from: 1, entries: [new Uint8Array(INBOX_BYTES_MAX)], signature: new Uint8Array(64) },
  });
  inbox.receive(entries(1));
  assert.is((failures[0] as FeedError).code, 'FEED_LIMIT');
  go();
  await full;
  await settled();
  assert.equal(taken, ['alarm', 'entries', 'checkpoint', 'fork']);
});

test('what was held back comes first; what ends the owner ends the inbox; after the end nothing is taken', async () => {
  const { inbox, taken, failures, go } = held();
  inbox.putBack([entries(8) as never]);
  inbox.receive({ type: 'alarm', code: 'THROW', detail: '' });
  go();
  await settled();
  assert.equal(taken, ['entries']);
  assert.match(String(failures[0]), 'a disk');
  inbox.close();
  assert.is(inbox.receive(entries(8)), undefined);
  await settled();
  assert.equal(taken, ['entries']);
});

test('commits that come while a registry is read are applied after it', async () => {
  const { registry, runs } = await registryWorld(3);
  let told: (appended: Appended) => void = () => undefined;
  const appended = (at: number): Appended => ({ position: at, runs: [runs[at - 1]!], local: false });
  const store = {
    watch: (listener: (appended: Appended) => void) => {
      told = listener;
      return () => undefined;
    },
    feeds: () => new Map([[registry.feed, { head: { seq: 2 } }]]),
    read: async (_: FeedName, from: number) => {
      if (from === 2) return undefined;
      told(appended(2));
      told(appended(3));
      return runs[from - 1];
    },
  } as unknown as FeedStore;
  await followRegistry(store, registry);
  assert.is(registry.position, 3);
});

test('an answer about nothing, one that is too late, and one beyond what is open change no search', () => {
  const base = { seq: 0, hash: new Uint8Array(32) };
  const { state } = startForkSearch([{ feed: FEED, base, ours: 4 }]);
  const answer = { feed: FEED, seq: 4, equal: false, mine: { seq: 4, hash: base.hash } };
  for (const odd of [
    { ...answer, feed: 'x/y' as FeedName },
    { ...answer, seq: 9 },
  ]) {
    assert.equal(answerForkSearch(state, odd), { state, asks: [] });
  }
  const found = startForkSearch([{ feed: FEED, base, ours: 0 }]).state;
  assert.is(found.phase, 'found');
  assert.equal(answerForkSearch(found, answer), { state: found, asks: [] });
});

test('what must be true whatever the input is no refusal when it is not', () => {
  assert.throws(() => mustHold(false, 'one is two'), /assertion failed: one is two/);
  try {
    mustHold(false, 'one is two');
  } catch (error) {
    assert.not.instance(error, FeedError);
  }
});

test.run();
