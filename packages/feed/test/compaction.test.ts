/** Pruning gives the room back: segments with nothing left go, others shrink, and what is kept stays exactly as it was. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { JournalHome, ORDERS, readAll, STOCK, sale } from './support/journal-home.ts';

const test = suite('prune and compaction');

const texts = Array.from({ length: 40 }, (_, index) => `sale ${index + 1} ${'x'.repeat(100)}`);

test('segments of which nothing is needed are dropped, also when only bases are left in them', async () => {
  const home = new JournalHome({ segmentBytesMax: 2500 });
  const store = await home.open();
  const writer = await home.writer(store);
  for (const text of texts) await writer.commit(sale(text));
  const before = home.segments().length;
  for (const upTo of [10, 20, 30]) {
    await store.prune(writer.feed(ORDERS), upTo);
    await store.prune(writer.feed(STOCK), upTo);
  }
  assert.ok(home.segments().length <= before / 2, `${before} before, ${home.segments().length} after`);
  assert.equal(await readAll(store, writer.feed(ORDERS), 30), texts.slice(29));
  await store.close();
  assert.is((await home.verify()).broken, undefined);
});

test('a segment that is mostly dead is rewritten; runs keep their bytes, signatures and positions', async () => {
  const home = new JournalHome({ segmentBytesMax: 4000 });
  const store = await home.open();
  const writer = await home.writer(store);
  const orders = writer.feed(ORDERS);
  for (const text of texts) {
    await writer.commit([
      { collection: ORDERS, kind: 'note', body: text.slice(0, 8) },
      { collection: STOCK, kind: 'note', body: text + text + text },
    ]);
  }
  const before = await store.read(orders, 1, 1_000_000);
  const size = home.segments().reduce((sum, path) => sum + home.disk.content(path).byteLength, 0);
  await store.prune(writer.feed(STOCK), 40);
  const after = home.segments().reduce((sum, path) => sum + home.disk.content(path).byteLength, 0);
  assert.ok(after < size * 0.7, `${size} before, ${after} after`);
  assert.ok(home.segments().some((path) => path.endsWith('-1.seg')));
  assert.equal(await store.read(orders, 1, 1_000_000), before);
  const positions: number[] = [];
  for await (const { position } of store.replay(0)) positions.push(position);
  assert.equal(
    positions,
    texts.map((_, index) => index + 1),
  );

  await store.close();
  const again = await home.open();
  assert.is(again.opening.rebuilt, false);
  assert.equal(await again.read(orders, 1, 1_000_000), before);
  await again.close();
  await home.level.clear();
  const rebuilt = await home.open();
  assert.equal(await rebuilt.read(orders, 1, 1_000_000), before);
  assert.is(rebuilt.feeds().get(writer.feed(STOCK))?.base.seq, 39);
  await rebuilt.close();
  assert.is((await home.verify()).broken, undefined);
});

test('a power cut or a failing disk at any step of pruning loses nothing that is kept', async () => {
  for (let n = 1; n < 60; n += 1) {
    const home = new JournalHome({ seed: n, segmentBytesMax: 1500 });
    const store = await home.open();
    const writer = await home.writer(store);
    for (const text of texts.slice(0, 12)) await writer.commit(sale(text));
    home.disk.failCall(n, n % 2 === 0 ? 'EIO' : 'ENOSPC');
    const pruned = await Promise.allSettled([
      store.prune(writer.feed(ORDERS), 9),
      store.prune(writer.feed(STOCK), 9),
    ]);
    await store.close().catch(() => undefined);
    home.disk.crash();
    const again = await home.open();
    const base = again.feeds().get(writer.feed(ORDERS))!.base.seq;
    if (pruned[0]!.status === 'fulfilled') assert.is(base, 8);
    assert.equal(await readAll(again, writer.feed(ORDERS), base + 1), texts.slice(base, 12));
    await again.close();
    assert.is((await home.verify()).broken, undefined);
  }
});

test('readers and replays that are under way while segments move see what is kept', async () => {
  const home = new JournalHome({ segmentBytesMax: 1500 });
  const store = await home.open();
  const writer = await home.writer(store);
  for (const text of texts) await writer.commit(sale(text));
  const reading = readAll(store, writer.feed(ORDERS), 31);
  const replayed: number[] = [];
  const replaying = (async () => {
    for await (const { position } of store.replay(25)) replayed.push(position);
  })();
  await Promise.all([store.prune(writer.feed(STOCK), 31), store.prune(writer.feed(ORDERS), 31)]);
  assert.equal(await reading, texts.slice(30));
  await replaying;
  assert.equal(replayed.filter((position) => position > 30).length, 10);
  await store.close();
});

test('any order of commits, prunes and restarts keeps exactly what is above the bases', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('sell' as const), n: fc.integer({ min: 1, max: 5 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom('orders' as const, 'stock' as const), n: fc.nat(40) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('reopen' as const, 'rebuild' as const), n: fc.nat() }),
    },
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const home = new JournalHome({ segmentBytesMax: 1200 });
    let store = await home.open();
    let writer = await home.writer(store);
    const sold: string[] = [];
    const base = { orders: 0, stock: 0 };
    for (const { do: what, n } of steps) {
      if (what === 'sell') {
        for (let i = 0; i < n; i += 1) {
          sold.push(`sale ${sold.length + 1}`);
          await writer.commit(sale(sold.at(-1)!));
        }
      } else if (what === 'orders' || what === 'stock') {
        await store.prune(writer.feed(what === 'orders' ? ORDERS : STOCK), n);
        base[what] = Math.max(base[what], Math.min(n - 1, sold.length));
      } else {
        await store.close();
        if (what === 'rebuild') await home.level.clear();
        store = await home.open();
        writer = await home.writer(store);
      }
    }
    assert.equal(await readAll(store, writer.feed(ORDERS), base.orders + 1), sold.slice(base.orders));
    assert.equal(await readAll(store, writer.feed(STOCK), base.stock + 1), sold.slice(base.stock));
    await store.close();
    assert.is((await home.verify()).broken, undefined);
  });
  await fc.assert(property, { numRuns: 60 });
});

test.run();
