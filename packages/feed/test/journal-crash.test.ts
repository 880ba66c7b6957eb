/**
 * G1: nothing acknowledged is lost and nothing is there by half, whatever the disk does at whatever instant.
 *
 * A device sells on a simulated disk that loses and tears everything not synced. After each power cut the store opens again and
 * holds every acknowledged sale, whole and in order; what was never acknowledged may be there or not.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FeedError } from '../src/errors.ts';
import { JournalHome, ORDERS, readAll, sale, salesIn } from './support/journal-home.ts';

const test = suite('journal under power cuts and failing disks');

/** Sells until `calls` disk calls have been made; returns what was offered and what was acknowledged. */
async function sellUntil(home: JournalHome, calls: number, life: number) {
  const offered: string[] = [];
  const acknowledged: string[] = [];
  const store = await home.open();
  const writer = await home.writer(store);
  const end = home.disk.calls + calls;
  const pending: Promise<void>[] = [];
  for (let n = 0; home.disk.calls < end && n < 500; n += 1) {
    const text = `life ${life} sale ${n} ${'x'.repeat((n * 37) % 300)}`;
    offered.push(text);
    const done = writer.commit(sale(text)).then(
      () => void acknowledged.push(text),
      () => undefined,
    );
    pending.push(done);
    if (n % 3 === 0) await done;
    else await Promise.resolve();
  }
  // What is acknowledged after this line was acknowledged after the power went.
  const before = [...acknowledged];
  home.disk.crash();
  await Promise.all(pending);
  return { offered, acknowledged: before };
}

test('G1: after any power cut every acknowledged sale is there, whole and in order', async () => {
  const lives = fc.array(fc.record({ calls: fc.nat(60), index: fc.constantFrom('kept', 'lost', 'stale') }), {
    minLength: 1,
    maxLength: 5,
  });
  const property = fc.asyncProperty(fc.nat(), lives, async (seed, plan) => {
    const home = new JournalHome({ seed, segmentBytesMax: 3000 });
    let held: string[] = [];
    for (const [life, { calls, index }] of plan.entries()) {
      const rows = await home.indexRows();
      const { offered, acknowledged } = await sellUntil(home, calls, life);
      if (index === 'lost') await home.level.clear();
      if (index === 'stale') await home.restoreIndex(rows);
      const store = await home.open();
      const now = await salesIn(store);
      assert.equal(now.slice(0, held.length), held, 'history is never rewritten');
      const fresh = now.slice(held.length);
      assert.equal(fresh, offered.slice(0, fresh.length), 'a prefix of what was offered');
      assert.ok(
        fresh.length >= acknowledged.length,
        `acknowledged ${acknowledged.length}, found ${fresh.length}`,
      );
      const writer = await home.writer(store);
      assert.equal(await readAll(store, writer.feed(ORDERS)), now);
      held = now;
      await store.close();
    }
    const verified = await home.verify();
    assert.is(verified.broken, undefined);
    assert.is(verified.entries, held.length * 2);
  });
  await fc.assert(property, { numRuns: 120 });
});

test('G1: what was seen after a kill -9 is still there after a power cut', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const home = new JournalHome({ seed });
    const first = await home.open();
    const writer = await home.writer(first);
    await writer.commit(sale('acknowledged'));
    const unknown = writer.commit(sale('written, not synced')).catch(() => undefined);
    // One call for the write, and the process dies before the next one.
    for (const { calls } = home.disk; home.disk.calls === calls; ) await Promise.resolve();
    home.disk.kill();
    await unknown;
    const second = await home.open();
    const seen = await salesIn(second);
    home.disk.crash();
    const third = await home.open();
    assert.equal(await salesIn(third), seen);
    await third.close();
  }
});

for (const code of ['EIO', 'ENOSPC']) {
  test(`G1: ${code} on the Nth call, for every N, loses nothing acknowledged and stops the store`, async () => {
    for (let n = 1; ; n += 1) {
      const home = new JournalHome({ seed: n, segmentBytesMax: 1200 });
      const first = await home.open();
      await (await home.writer(first)).commit(sale('before'));
      const acknowledged = ['before'];
      home.disk.failCall(n, code);
      const last = home.disk.calls + n;
      let refused: unknown;
      const writer = await home.writer(first);
      for (let i = 0; i < 12; i += 1) {
        try {
          await writer.commit(sale(`sale ${i} ${'x'.repeat(200)}`));
          assert.is(refused, undefined, 'no acknowledgement after a failure');
          acknowledged.push(`sale ${i} ${'x'.repeat(200)}`);
        } catch (error) {
          assert.is((error as FeedError).code, 'STORE_POISONED');
          refused = error;
        }
      }
      if (refused !== undefined) assert.is(((await first.failed) as FeedError).code, 'STORE_POISONED');
      await first.close().catch(() => undefined);
      const reached = home.disk.calls >= last;
      home.disk.crash();
      const second = await home.open();
      const found = await salesIn(second);
      assert.equal(found.slice(0, acknowledged.length), acknowledged);
      await second.close();
      if (!reached) {
        assert.ok(n > 20, 'the scenario has more calls than that');
        return;
      }
    }
  });
}

test('a failure while opening is told and opening again succeeds', async () => {
  for (let n = 1; ; n += 1) {
    const home = new JournalHome({ seed: n, ballastBytes: 2000, segmentBytesMax: 1200, capacityBytes: 1e6 });
    const first = await home.open();
    const writer = await home.writer(first);
    for (let i = 0; i < 5; i += 1) await writer.commit(sale(`sale ${i} ${'x'.repeat(200)}`));
    home.disk.crash();
    await home.level.clear();
    home.disk.failCall(n, 'EIO');
    let failed = false;
    const second = await home.open().catch(() => {
      failed = true;
      return undefined;
    });
    await second?.close().catch(() => undefined);
    home.disk.heal();
    const third = await home.open();
    assert.is((await salesIn(third)).length, 5);
    await third.close();
    if (!failed) {
      assert.ok(n > 10);
      return;
    }
  }
});

test.run();
