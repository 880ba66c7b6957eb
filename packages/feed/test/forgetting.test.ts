/** Forgetting: what was shredded stands in no file, the feed goes on, and every machine does it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCollection } from '../src/feed-name.ts';
import { CUTS_MAX, cutsOf, ERASURE_KIND, ERASURES_COLLECTION, startForgetting } from '../src/forgetting.ts';
import { JournalHome, ORDERS, readAll } from './support/journal-home.ts';

const test = suite('forgetting');

const KEYS = parseCollection('keys/main');
const SECRET = 'the-key-of-anna';
const note = (body: unknown, collection = KEYS) => [{ collection, kind: 'note', body }];

/** Whether any file of the journal holds the text. */
const isOnDisk = (home: JournalHome, text: string): boolean =>
  home.segments().some((path) => Buffer.from(home.disk.content(path)).includes(text));

test('shredded entries stand in no segment, the rest is as it was, and the journal verifies', async () => {
  const home = new JournalHome({});
  const store = await home.open();
  const writer = await home.writer(store);
  await writer.commit(note('one'));
  await writer.commit([...note(SECRET), ...note('an order', ORDERS)]);
  await writer.commit(note('three'));
  assert.ok(isOnDisk(home, SECRET));
  await store.shred(writer.feed(KEYS), 3);
  assert.not.ok(isOnDisk(home, SECRET));
  assert.equal(await readAll(store, writer.feed(KEYS), 3), ['three']);
  assert.equal(await readAll(store, writer.feed(ORDERS), 1), ['an order']);
  await writer.commit(note('four'));
  await store.close();
  assert.is((await home.verify()).broken, undefined);
  await home.level.clear();
  const again = await home.open();
  assert.equal(await readAll(again, writer.feed(KEYS), 3), ['three', 'four']);
  await again.close();
});

test('an entry in the middle of a run goes too: the run is cut, its signature stays good', async () => {
  const source = new JournalHome({});
  const first = await source.open();
  const writer = await source.writer(first);
  for (const text of ['one', SECRET, 'three', 'four']) await writer.commit(note(text));
  const feed = writer.feed(KEYS);
  const whole = await first.read(feed, 1, 1_000_000);
  assert.is(whole?.entries.length, 4);

  const home = new JournalHome({ key: source.key });
  const store = await home.open();
  await store.append({ runs: [whole!] });
  await store.shred(feed, 3);
  assert.not.ok(isOnDisk(home, SECRET));
  assert.equal(await readAll(store, feed, 3), ['three', 'four']);
  await store.close();
  const again = await home.open();
  assert.equal(await readAll(again, feed, 3), ['three', 'four']);
  assert.is(again.feeds().get(feed)?.base.seq, 2);
  await again.close();
  await first.close();
});

test('an erasure is done where it comes, by whoever has the entries and whoever never had them', async () => {
  const home = new JournalHome({});
  const store = await home.open();
  const writer = await home.writer(store);
  const feed = writer.feed(KEYS);
  const forgetting = await startForgetting(store);
  await writer.commit(note(SECRET));
  const { head } = store.feeds().get(feed)!;
  await writer.commit(note('goes on'));
  await writer.commit([
    { collection: ERASURES_COLLECTION, kind: ERASURE_KIND, body: { cuts: [{ feed, ...head }] } },
  ]);
  await forgetting.settled();
  assert.not.ok(isOnDisk(home, SECRET));
  assert.equal(await readAll(store, feed, 2), ['goes on']);

  const late = new JournalHome({ key: home.key });
  const other = await late.open();
  const erasures = await store.read(writer.feed(ERASURES_COLLECTION), 1, 1_000_000);
  await other.append({ runs: [erasures!] });
  const there = await startForgetting(other);
  await there.settled();
  await other.append({ runs: [(await store.read(feed, 2, 1_000_000))!] });
  assert.equal(await readAll(other, feed, 2), ['goes on']);
  for (const each of [forgetting, there]) each.stop();
  await other.close();
  await store.close();
});

test('a crash between the base and the segments: the next start finishes, and then it is known to be done', async () => {
  const home = new JournalHome({});
  const store = await home.open();
  const writer = await home.writer(store);
  const feed = writer.feed(KEYS);
  await writer.commit(note(SECRET));
  const { head } = store.feeds().get(feed)!;
  await writer.commit([
    ...note('two'),
    { collection: ERASURES_COLLECTION, kind: ERASURE_KIND, body: { cuts: [{ feed, ...head }] } },
  ]);
  // As far as it came: the base is durable, the index has dropped the run, the segment is as it was.
  await store.prune(feed, 2);
  assert.ok(isOnDisk(home, SECRET));
  await store.close();

  const again = await home.open();
  const done: number[] = [];
  const forgetting = await startForgetting(again, { onForgotten: ({ seq }) => done.push(seq) });
  await forgetting.settled();
  assert.not.ok(isOnDisk(home, SECRET));
  assert.equal(done, [1]);
  assert.equal(await readAll(again, feed, 2), ['two']);
  const files = home.segments();
  await again.shred(feed, 2);
  assert.equal(home.segments(), files, 'nothing is written anew twice');
  forgetting.stop();
  await again.close();
});

test('a machine keeps the old until it has what was said again', async () => {
  const source = new JournalHome({});
  const first = await source.open();
  const writer = await source.writer(first);
  const feed = writer.feed(KEYS);
  await writer.commit(note(SECRET));
  const { head } = first.feeds().get(feed)!;
  await writer.commit(note('said again'));
  await writer.commit([
    {
      collection: ERASURES_COLLECTION,
      kind: ERASURE_KIND,
      body: { cuts: [{ feed, ...head }], after: [{ feed, seq: 2 }] },
    },
  ]);
  const home = new JournalHome({ key: source.key });
  const store = await home.open();
  const copy = async (name: typeof feed, from: number, bytes: number) =>
    store.append({ runs: [(await first.read(name, from, bytes))!] });
  const forgetting = await startForgetting(store);
  await copy(feed, 1, 1);
  await copy(writer.feed(ERASURES_COLLECTION), 1, 1_000);
  await forgetting.settled();
  assert.is(forgetting.waiting, 1);
  if (store.feeds().get(feed)?.head.seq === 1) {
    assert.ok(isOnDisk(home, SECRET));
    await copy(feed, 2, 1_000);
  }
  await forgetting.settled();
  assert.is(forgetting.waiting, 0);
  assert.not.ok(isOnDisk(home, SECRET));
  forgetting.stop();
  await store.close();
  await first.close();
});

test('only keys can be forgotten', () => {
  const hash = new Uint8Array(32);
  const writer = 'a'.repeat(16);
  assert.is(cutsOf({ cuts: [{ feed: `keys/main/${writer}`, seq: 1, hash }] }).length, 1);
  assert.is(cutsOf({ cuts: [{ feed: `orders/B001/${writer}`, seq: 1, hash }] }).length, 0);
  assert.is(cutsOf({ cuts: [{ feed: `keys/main/${writer}`, seq: 0, hash }] }).length, 0);
  assert.is(cutsOf({ cuts: 'all' }).length, 0);
  const cut = { feed: `keys/main/${writer}`, seq: 1, hash };
  assert.is(cutsOf({ cuts: Array.from({ length: CUTS_MAX }, () => cut) }).length, CUTS_MAX);
  assert.is(cutsOf({ cuts: Array.from({ length: CUTS_MAX + 1 }, () => cut) }).length, 0);
});

test('an erasure that cannot be read, names no feed, or waits for what never comes holds up no other', async () => {
  const home = new JournalHome({});
  const store = await home.open();
  const done: number[] = [];
  const failures: Error[] = [];
  const forgetting = await startForgetting(store, {
    onForgotten: ({ seq }) => void done.push(seq),
    onFailed: (error) => void failures.push(error),
  });
  const writer = await home.writer(store);
  await writer.commit(note(SECRET));
  const { feed, head } = [...store.feeds().values()].find((each) => each.feed.startsWith('keys/'))!;
  const cut = { feed, seq: head.seq, hash: head.hash };
  for (const [kind, body] of [
    ['note', { cuts: [cut] }],
    [ERASURE_KIND, 5],
    [ERASURE_KIND, { cuts: [{ ...cut, feed: 'no name' }] }],
    [ERASURE_KIND, { cuts: [], after: [{ feed: 'orders/B001/aaaaaaaaaaaaaaaa', seq: 99 }] }],
    [ERASURE_KIND, { cuts: [cut] }],
  ] as const) {
    await writer.commit([{ collection: ERASURES_COLLECTION, kind, body }]);
  }
  await forgetting.settled();
  assert.equal([done, failures, forgetting.waiting], [[3, 5], [], 1]);
  assert.not.ok(isOnDisk(home, SECRET));
  await writer.commit(note('the store goes on'));
  forgetting.stop();
  const again = await startForgetting(store, {});
  await again.settled();
  assert.is(again.waiting, 1, 'after a restart as before');
  again.stop();
  await store.close();
});

test.run();
