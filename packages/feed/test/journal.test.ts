/** The journal store on a disk that behaves: group commit, opening, damage that must not be served, limits. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FeedError } from '../src/errors.ts';
import { GATHER_MS } from '../src/feed-index.ts';
import { QUEUE_BYTES_MAX } from '../src/journal.ts';
import { encodeHeader, HEADER_BYTES } from '../src/segment.ts';
import { DIR, JournalHome, ORDERS, readAll, sale, salesIn } from './support/journal-home.ts';

const test = suite('JournalStore');

test('all commits that wait share one fdatasync', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  await writer.commit(sale('the first makes the segment'));
  const before = home.disk.syncs;
  await Promise.all(Array.from({ length: 100 }, (_, index) => writer.commit(sale(`sale ${index}`))));
  assert.is(home.disk.syncs - before, 1);
  await store.close();
});

test('commits that come during an fdatasync share the next one', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  const before = home.disk.syncs;
  const first = writer.commit(sale('first'));
  while (home.disk.syncs === before) await Promise.resolve();
  const rest = Array.from({ length: 20 }, (_, index) => writer.commit(sale(`later ${index}`)));
  await Promise.all([first, ...rest]);
  assert.ok(home.disk.syncs - before <= 4, `${home.disk.syncs - before} syncs`);
  await store.close();
});

test('an index that is lost, behind or garbage is made again from the journal', async () => {
  const home = new JournalHome({ segmentBytesMax: 1500 });
  const first = await home.open();
  const writer = await home.writer(first);
  const feed = writer.feed(ORDERS);
  await writer.commit(sale('a'));
  await home.clock.advance(GATHER_MS);
  const old = await home.indexRows();
  for (const text of ['b', 'c', 'd', 'e', 'f']) await writer.commit(sale(text));
  await first.close();
  const full = await home.indexRows();

  const behind = async () => home.restoreIndex(old);
  const lost = async () => home.restoreIndex([]);
  const garbage = async () =>
    home.restoreIndex(full.map(([key, value]) => [key, value.map((byte) => byte ^ 1)]));
  for (const [damage, rebuilt] of [
    [behind, false],
    [lost, true],
    [garbage, true],
  ] as const) {
    await damage();
    const store = await home.open();
    assert.is(store.opening.rebuilt, rebuilt);
    assert.equal(await readAll(store, feed), ['a', 'b', 'c', 'd', 'e', 'f']);
    assert.is(store.position, 6);
    await store.close();
  }
});

test('whatever row of the index is gone or garbage: every sale is read as it was, or the read is refused', async () => {
  const home = new JournalHome({ segmentBytesMax: 1500 });
  const first = await home.open();
  const writer = await home.writer(first);
  const texts = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  for (const text of texts) await writer.commit(sale(text));
  await first.close();
  const rows = await home.indexRows();
  let refusals = 0;
  for (const [key, value] of rows) {
    const short = value.slice(0, Math.floor(value.length / 2));
    const flipped = Uint8Array.from(value, (byte, at) => (at === value.length - 1 ? byte ^ 1 : byte));
    for (const now of [undefined, short, flipped]) {
      await home.restoreIndex(rows);
      if (now === undefined) await home.level.del(key);
      else await home.level.put(key, now);
      const again = await home.open().catch((error: FeedError) => error);
      if (again instanceof FeedError) {
        assert.is(again.code, 'STORE_CORRUPT');
        refusals += 1;
        continue;
      }
      assert.equal(await salesIn(again), texts);
      const found = await readAll(again, writer.feed(ORDERS)).catch((error: FeedError) => error.code);
      if (typeof found === 'string') refusals += 1;
      else assert.equal(found, texts, Buffer.from(key).toString('latin1'));
      await again.close();
    }
  }
  assert.ok(rows.length * 3 > refusals, `${refusals} refusals of ${rows.length * 3}`);
});

test('rows of commits that come within GATHER_MS reach the index in one batch, and can be read before', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  const before = (await home.indexRows()).length;
  for (const text of ['a', 'b', 'c']) await writer.commit(sale(text));
  assert.is((await home.indexRows()).length, before);
  assert.equal(await readAll(store, writer.feed(ORDERS)), ['a', 'b', 'c']);
  await home.clock.advance(GATHER_MS);
  assert.ok((await home.indexRows()).length > before);
  await store.close();
});

test('opening again reads the tail behind the index, not the whole journal', async () => {
  const home = new JournalHome({ segmentBytesMax: 2000 });
  const first = await home.open();
  const writer = await home.writer(first);
  for (let n = 0; n < 100; n += 1) await writer.commit(sale(`sale ${n}`));
  await first.close();
  const before = home.disk.calls;
  const store = await home.open();
  const segments = home.segments().length;
  assert.ok(segments > 20, `${segments} segments`);
  // One open, size, header and close for each segment; nothing is read of their content.
  assert.ok(home.disk.calls - before < segments * 4 + 20, `${home.disk.calls - before} calls`);
  assert.is(store.opening.rebuilt, false);
  await store.close();
});

test('STORE_CORRUPT: one flipped bit anywhere in a closed store is found at open or by verify', async () => {
  const home = new JournalHome();
  const first = await home.open();
  const writer = await home.writer(first);
  for (const text of ['a', 'b', 'c']) await writer.commit(sale(text));
  await first.close();
  const [path] = home.segments();
  const intact = home.disk.content(path!);
  let silent = 0;
  for (let bit = 0; bit < intact.byteLength * 8; bit += 23) {
    home.disk.overwrite(path!, intact);
    home.disk.flipBit(path!, bit);
    const verified = await home.verify().catch(() => 'refused');
    const found = verified === 'refused' || (verified as { broken: unknown }).broken !== undefined;
    // The mark of the orderly end is the last record: damage there reads as a torn tail and loses nothing.
    if (!found && bit < (intact.byteLength - 26) * 8) silent += 1;
  }
  assert.is(silent, 0);
});

test('STORE_CORRUPT: damage to what was acknowledged refuses to serve and says where and what to do', async () => {
  const home = new JournalHome();
  const first = await home.open();
  const writer = await home.writer(first);
  for (const text of ['a', 'b', 'c']) await writer.commit(sale(text));
  await first.close();
  const [path] = home.segments();
  home.disk.flipBit(path!, (HEADER_BYTES + 100) * 8);
  await home.level.clear();
  const error = await refused('STORE_CORRUPT', home.open());
  assert.match(error.message, '0000000000000001-0.seg at 256');
  assert.match(error.hint ?? '', 'branchline verify');
});

test('STORE_CORRUPT: a journal that lost what the index had seen is not served', async () => {
  const home = new JournalHome({ segmentBytesMax: 1500 });
  const first = await home.open();
  const writer = await home.writer(first);
  for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) await writer.commit(sale(text));
  await first.close();
  const last = home.segments().at(-1)!;
  const content = home.disk.content(last);
  home.disk.overwrite(last, content.slice(0, HEADER_BYTES));
  const cut = await refused('STORE_CORRUPT', home.open());
  assert.match(cut.hint ?? '', 'branchline restore');
  await home.disk.remove(last);
  await refused('STORE_CORRUPT', home.open());
  home.disk.crash();
});

test('STORE_CORRUPT: the last record is not taken for a torn one when the index had seen it durable', async () => {
  const home = new JournalHome();
  const first = await home.open();
  const writer = await home.writer(first);
  for (const text of ['a', 'b']) await writer.commit(sale(text));
  home.disk.kill();
  await first.close().catch(() => undefined);
  const [path] = home.segments();
  home.disk.flipBit(path!, (home.disk.content(path!).byteLength - 3) * 8);
  const damaged = home.disk.content(path!);
  for (const _ of ['first', 'second']) {
    await refused('STORE_CORRUPT', home.open());
    assert.is(home.disk.content(path!), damaged, 'nothing is cut off');
  }
});

test('what is written where a torn tail was cut off is read back as it is now', async () => {
  const home = new JournalHome();
  const first = await home.open();
  const writer = await home.writer(first);
  await writer.commit(sale('a'));
  await home.clock.advance(1_000);
  home.disk.kill();
  // The disk took a part of the next commit and failed.
  const [path] = home.segments();
  home.disk.overwrite(path!, Buffer.concat([home.disk.content(path!), Buffer.alloc(5_000, 7)]));
  const second = await home.open();
  assert.is(second.opening.tornBytes, 5_000);
  await (await home.writer(second)).commit(sale('c'));
  assert.equal(await readAll(second, `orders/B001/${home.key.writer}`), ['a', 'c']);
  await second.close();
});

test('STORE_CORRUPT: a segment missing in the middle is noticed, with the index or without', async () => {
  const home = new JournalHome({ segmentBytesMax: 1200 });
  const first = await home.open();
  const writer = await home.writer(first);
  for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) await writer.commit(sale(text));
  await first.close();
  const segments = home.segments();
  assert.ok(segments.length > 2);
  await home.disk.remove(segments[1]!);
  await refused('STORE_CORRUPT', home.open());
  await home.level.clear();
  const error = await refused('STORE_CORRUPT', home.open());
  assert.match(error.message, 'hole');
});

test('STORE_CORRUPT: segments of another tenant, name or format are refused', async () => {
  const home = new JournalHome();
  const store = await home.open();
  await (await home.writer(store)).commit(sale('a'));
  await store.close();
  const other = await refused('STORE_CORRUPT', home.open('other'));
  assert.match(other.message, 'acme');
  const [path] = home.segments();
  const bytes = Uint8Array.from(home.disk.content(path!));
  bytes.set(encodeHeader({ first: 7, generation: 0 }, 'acme'));
  home.disk.overwrite(path!, bytes);
  await refused('STORE_CORRUPT', home.open());
});

test('STORE_LOCKED: one store of a directory at a time', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const error = await refused('STORE_LOCKED', home.open());
  assert.is(error.code, 'STORE_LOCKED');
  await store.close();
  await (await home.open()).close();
});

test('STORE_POISONED: waiting commits hear that the outcome is unknown, later ones are not written', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  await writer.commit(sale('a'));
  home.disk.failCall(2, 'EIO');
  const waiting = await Promise.allSettled([writer.commit(sale('b')), writer.commit(sale('c'))]);
  for (const each of waiting) {
    assert.is(each.status, 'rejected');
    assert.is(((each as PromiseRejectedResult).reason as FeedError).code, 'STORE_POISONED');
  }
  assert.is(((await store.failed) as FeedError).code, 'STORE_POISONED');
  const { calls } = home.disk;
  await refused('STORE_POISONED', writer.commit(sale('d')));
  await refused('STORE_POISONED', store.read(writer.feed(ORDERS), 1, 10));
  assert.is(home.disk.calls, calls);
  await store.close();
  const again = await home.open();
  const found = await salesIn(again);
  assert.ok(['a', 'a,b,c'].includes(found.join()), found.join());
  await again.close();
});

test('STORE_POISONED: an index that cannot be written stops the store, the journal keeps everything', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  await home.level.close();
  await writer.commit(sale('a'));
  await home.clock.advance(GATHER_MS);
  assert.is(((await store.failed) as FeedError).code, 'STORE_POISONED');
  await store.close();
  await home.level.open();
  const again = await home.open();
  assert.equal(await salesIn(again), ['a']);
  await again.close();
});

test('FEED_LIMIT: more than the queue holds is refused, not buffered', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  const large = Array.from({ length: 30 }, () => ({
    collection: ORDERS,
    kind: 'note',
    body: 'x'.repeat(500_000),
  }));
  const commits = Array.from({ length: Math.ceil(QUEUE_BYTES_MAX / 15_000_000) + 1 }, () =>
    writer.commit(large),
  );
  const done = await Promise.allSettled(commits);
  const refusals = done.filter((each) => each.status === 'rejected');
  assert.ok(refusals.length >= 1);
  assert.is((refusals[0]!.reason as FeedError).code, 'FEED_LIMIT');
  assert.ok((refusals[0]!.reason as FeedError).retryable);
  const { entries } = await writer.commit([{ collection: ORDERS, kind: 'note', body: 'next' }]);
  assert.is(entries[0]!.seq, (done.length - refusals.length) * 30 + 1);
  await store.close();
});

test('a record that went bad after opening rejects the read that meets it, and selling goes on', async () => {
  const home = new JournalHome({ segmentBytesMax: 1500 });
  const store = await home.open();
  const writer = await home.writer(store);
  for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) await writer.commit(sale(text));
  home.disk.flipBit(home.segments()[0]!, (HEADER_BYTES + 60) * 8);
  await refused('STORE_CORRUPT', store.read(writer.feed(ORDERS), 1, 10));
  await writer.commit(sale('g'));
  await store.close();
});

test('files that are no segments are left alone, unfinished ones go', async () => {
  const home = new JournalHome();
  await home.disk.open(`${DIR}/0000000000000001-1.seg.tmp`, 'create');
  await home.disk.open(`${DIR}/notes.txt`, 'create');
  const store = await home.open();
  await store.close();
  assert.equal(home.disk.files(), [`${DIR}/notes.txt`]);
});

async function refused(code: string, work: Promise<unknown>): Promise<FeedError> {
  const error = await work.then(
    () => assert.unreachable(`expected ${code}`),
    (reason: unknown) => reason,
  );
  assert.instance(error, FeedError);
  assert.is((error as FeedError).code, code, String(error));
  return error as FeedError;
}

test.run();
