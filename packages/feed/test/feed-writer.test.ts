/** The writer: numbers in the order of calls, no hole after a refusal, runs short enough to travel. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FeedError } from '../src/errors.ts';
import { feedName, parseCollection } from '../src/feed-name.ts';
import { COMMIT_DRAFTS_MAX, FeedWriter, RUN_SIGNED_BYTES } from '../src/feed-writer.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { MemoryStore } from '../src/memory-store.ts';
import type { Commit } from '../src/types.ts';
import { WATCHERS_MAX, Watchers } from '../src/watchers.ts';
import { JournalHome, ORDERS, readAll, STOCK, sale } from './support/journal-home.ts';

const test = suite('FeedWriter');

test('after a restart the writer goes on where its feeds end', async () => {
  const home = new JournalHome();
  const first = await home.open();
  await (await home.writer(first)).commit(sale('a'));
  await first.close();
  const second = await home.open();
  const writer = await home.writer(second);
  const { entries } = await writer.commit(sale('b'));
  assert.is(entries[0]!.seq, 2);
  assert.equal(await readAll(second, writer.feed(STOCK)), ['a', 'b']);
  await second.close();
});

test('commits chained onto a refused one are refused too, and the next ones take the numbers again', async () => {
  const key = generateDeviceKey();
  const store = await MemoryStore.open({ tenant: 'acme', keys: () => key.publicKey });
  let refuse = 0;
  const append = store.append.bind(store);
  store.append = async (commit: Commit, options) => {
    if (refuse > 0) {
      refuse -= 1;
      throw new FeedError('STORE_FULL', 'full', { retryable: true });
    }
    return append(commit, options);
  };
  let tick = 0n;
  const now = () => {
    tick += 1n;
    return tick as never;
  };
  const writer = await FeedWriter.open({ store, key, tenant: 'acme', now });
  await writer.commit(sale('a'));
  refuse = 1;
  const stock = { collection: STOCK, kind: 'note', body: 'stock' };
  const order = { collection: ORDERS, kind: 'note', body: 'order' };
  const receipt = { collection: parseCollection('receipts/B001'), kind: 'note', body: 'receipt' };
  const results = await Promise.allSettled([
    writer.commit([order]),
    writer.commit([order, receipt]),
    writer.commit([stock]),
    writer.commit([receipt]),
  ]);
  const codes = results.map((each) => (each.status === 'rejected' ? (each.reason as FeedError).code : 'ok'));
  assert.equal(codes, ['STORE_FULL', 'FEED_GAP', 'ok', 'FEED_GAP']);
  const again = await writer.commit([order, receipt, stock]);
  assert.equal(
    again.entries.map((entry) => entry.seq),
    [2, 1, 3],
  );
});

test('a long commit is cut into runs that fit a frame, and is one commit all the same', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  const drafts = Array.from({ length: 10 }, (_, index) => ({
    collection: ORDERS,
    kind: 'note',
    body: `${index} ${'x'.repeat(RUN_SIGNED_BYTES / 3)}`,
  }));
  const { entries, position } = await writer.commit(drafts);
  assert.is(position, 1);
  assert.equal(
    entries.map((entry) => entry.seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  const run = await store.read(writer.feed(ORDERS), 1, 1);
  assert.ok(run !== undefined && run.entries.length < 4, `${run?.entries.length} entries in a run`);
  await store.close();
  assert.is((await home.verify()).broken, undefined);
});

test('DEVICE_KEY: a key whose id is not its own is refused', async () => {
  const key = generateDeviceKey();
  const store = await MemoryStore.open({ tenant: 'acme', keys: () => key.publicKey });
  const stolen = { ...key, writer: generateDeviceKey().writer };
  const error = await FeedWriter.open({ store, key: stolen, tenant: 'acme', now: () => 1n as never }).catch(
    (reason: unknown) => reason as FeedError,
  );
  assert.is((error as FeedError).code, 'DEVICE_KEY');
});

test('FEED_LIMIT: drafts of a commit and watchers of a store are counted', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  const draft = { collection: ORDERS, kind: 'note', body: 1 };
  const error = await writer
    .commit(new Array(COMMIT_DRAFTS_MAX + 1).fill(draft))
    .catch((reason: unknown) => reason as FeedError);
  assert.is((error as FeedError).code, 'FEED_LIMIT');
  await store.close();
  const watchers = new Watchers();
  for (let n = 0; n < WATCHERS_MAX; n += 1) watchers.add(() => undefined);
  try {
    watchers.add(() => undefined);
    assert.unreachable();
  } catch (reason) {
    assert.is((reason as FeedError).code, 'FEED_LIMIT');
  }
});

test('the feed of a collection is named after the device', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  assert.is(writer.feed(ORDERS), feedName(ORDERS, writer.writer));
  await store.close();
});

test.run();
