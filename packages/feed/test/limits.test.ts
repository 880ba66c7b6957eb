/** G12: the store's queues, caches and commits are bounded, and each bound is reached here. */
import { ZERO_STAMP } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstHead, headAfter } from '../src/chain.ts';
import { encodeEntry } from '../src/entry.ts';
import type { FeedError } from '../src/errors.ts';
import { PENDING_ROWS_MAX } from '../src/feed-index.ts';
import { feedName, parseCollection } from '../src/feed-name.ts';
import { COMMIT_BYTES_MAX, COMMIT_RUNS_MAX, RUN_ENTRIES_MAX } from '../src/intake.ts';
import { GROUP_BYTES_MAX } from '../src/journal.ts';
import { OPEN_SEGMENTS_MAX } from '../src/segments.ts';
import type { Run } from '../src/types.ts';
import { JournalHome, ORDERS, readAll, sale, TENANT } from './support/journal-home.ts';

const test = suite('limits of the store');
const entry = encodeEntry({ hlc: ZERO_STAMP, kind: 'note', body: 1 });

test('PENDING_ROWS_MAX: an index that cannot keep up makes the store refuse, and catches up', async () => {
  const home = new JournalHome();
  const store = await home.open();
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const level = home.level as unknown as { _batch: (...args: unknown[]) => Promise<void> };
  const batch = level._batch.bind(level);
  level._batch = async (...args) => {
    await gate;
    return batch(...args);
  };
  const feed = feedName(ORDERS, home.key.writer);
  let head = firstHead(TENANT, feed, home.key.publicKey);
  // Own runs are not verified again, so they need no real signature here: a hundred thousand would take seconds.
  const signature = new Uint8Array(64);
  const commitRuns = (): Run[] =>
    Array.from({ length: COMMIT_RUNS_MAX }, () => {
      const run = { feed, from: head.seq + 1, entries: [entry], signature };
      head = headAfter(head, run.entries);
      return run;
    });
  for (let rows = 0; rows <= PENDING_ROWS_MAX; rows += COMMIT_RUNS_MAX) {
    await store.append({ runs: commitRuns() }, { local: true });
  }
  const next = commitRuns();
  const error = await store
    .append({ runs: next }, { local: true })
    .catch((reason: unknown) => reason as FeedError);
  assert.is((error as FeedError).code, 'FEED_LIMIT');
  assert.ok((error as FeedError).retryable);
  assert.is((await store.read(feed, 90_000, 1))?.from, 90_000, 'what waits for the index can be read');
  release();
  while (!(await store.append({ runs: next }, { local: true }).catch(() => undefined)))
    await Promise.resolve();
  await store.close();
});

test('COMMIT_BYTES_MAX, COMMIT_RUNS_MAX and RUN_ENTRIES_MAX: a commit over them is refused', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  const feed = feedName(ORDERS, home.key.writer);
  const large = { collection: ORDERS, kind: 'note', body: 'x'.repeat(500_000) };
  const commits = [
    writer.commit(new Array(Math.ceil(COMMIT_BYTES_MAX / 500_000)).fill(large)),
    store.append({ runs: [run(feed, RUN_ENTRIES_MAX + 1)] }, { local: true }),
    store.append({ runs: new Array(COMMIT_RUNS_MAX + 1).fill(run(feed, 1)) }, { local: true }),
  ];
  for (const commit of commits) {
    const error = await commit.catch((reason: unknown) => reason as FeedError);
    assert.is((error as FeedError).code, 'FEED_LIMIT');
  }
  assert.is(store.feeds().size, 0);
  await store.close();
});

test('GROUP_BYTES_MAX: more than one write holds is several writes, in order', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  await writer.commit(sale('the first makes the segment'));
  const { syncs } = home.disk;
  const large = { collection: ORDERS, kind: 'note', body: 'x'.repeat(400_000) };
  const half = new Array(Math.floor(GROUP_BYTES_MAX / 2 / 400_000) + 1).fill(large);
  await Promise.all([writer.commit(half), writer.commit(half), writer.commit(half)]);
  assert.is(home.disk.syncs - syncs, 3);
  await store.close();
});

test('OPEN_SEGMENTS_MAX: a journal of more segments than that is read from end to end', async () => {
  const home = new JournalHome({ segmentBytesMax: 500 });
  const store = await home.open();
  const writer = await home.writer(store);
  const texts = Array.from({ length: OPEN_SEGMENTS_MAX + 10 }, (_, index) => `sale ${index}`);
  for (const text of texts) await writer.commit(sale(text));
  assert.ok(home.segments().length > OPEN_SEGMENTS_MAX);
  assert.equal(await readAll(store, writer.feed(ORDERS)), texts);
  assert.ok(home.disk.openFiles <= OPEN_SEGMENTS_MAX + 1, `${home.disk.openFiles} files open`);
  await store.close();
  assert.is(home.disk.openFiles, 0);
});

test('the name of a feed and its collection are short', () => {
  const longest = parseCollection('c'.repeat(96));
  assert.is(feedName(longest, 'aaaaaaaaaaaaaaaa' as never).length, 113);
});

function run(feed: Run['feed'], count: number): Run {
  return { feed, from: 1, entries: new Array(count).fill(entry), signature: new Uint8Array(64) };
}

test.run();
