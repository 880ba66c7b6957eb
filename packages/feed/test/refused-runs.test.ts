/** Runs and claims as somebody else may send them: each is refused for what is wrong with it, and the store is as it was. */
import { generateKeyPairSync } from 'node:crypto';
import { ZERO_STAMP } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstHead, headAfter, signedBytes } from '../src/chain.ts';
import { feedsAhead } from '../src/checkpoint-admission.ts';
import { crc32c } from '../src/crc32c.ts';
import { ENTRY_BYTES_MAX, encodeEntry } from '../src/entry.ts';
import { FeedError } from '../src/errors.ts';
import { feedName, parseCollection } from '../src/feed-name.ts';
import { claimAt, headAt, proven, provenBy, provesClaim } from '../src/fork-evidence.ts';
import { generateDeviceKey, importDeviceKey } from '../src/identity.ts';
import { MemoryStore } from '../src/memory-store.ts';
import { encodeCommit, sealRecord } from '../src/record.ts';
import { readRunAt } from '../src/recovery.ts';
import { decodeHeader, encodeHeader, HEADER_BYTES } from '../src/segment.ts';
import type { FeedName, Head, Run, WriterId } from '../src/types.ts';
import { JournalHome, ORDERS, TENANT } from './support/journal-home.ts';

const test = suite('refused runs and claims');
const key = generateDeviceKey();
const feed = feedName(ORDERS, key.writer);
const entries = ['a', 'b', 'c'].map((body) => encodeEntry({ hlc: ZERO_STAMP, kind: 'note', body }));
const start = firstHead(TENANT, feed, key.publicKey);

function run(from: number, before: Head, these: readonly Uint8Array[]): Run {
  const signature = key.sign(signedBytes(feed, headAfter(before, these)));
  return { feed, from, entries: these, signature };
}

const whole = run(1, start, entries);
const openStore = () => MemoryStore.open({ tenant: TENANT, keys: () => key.publicKey });

async function code(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'taken',
    (error: unknown) => (error instanceof FeedError ? error.code : String(error)),
  );
}

test('what a run may not be: numbered from nowhere, empty, badly signed, too long, no entry, nobody’s', async () => {
  const store = await openStore();
  for (const [wrong, wanted] of [
    [{ ...whole, from: 0 }, 'FEED_LIMIT'],
    [{ ...whole, from: 1.5 }, 'FEED_LIMIT'],
    [{ ...whole, from: Number.MAX_SAFE_INTEGER }, 'FEED_LIMIT'],
    [{ ...whole, entries: [] }, 'FEED_LIMIT'],
    [{ ...whole, signature: new Uint8Array(63) }, 'FEED_SIGNATURE'],
    [{ ...whole, signature: new Uint8Array(64) }, 'FEED_SIGNATURE'],
    [{ ...whole, entries: [new Uint8Array(ENTRY_BYTES_MAX + 1)] }, 'FEED_LIMIT'],
    [{ ...whole, entries: [Uint8Array.of(0xff)] }, 'FEED_ENTRY'],
    [{ ...whole, feed: 'no name' as FeedName }, 'FEED_NAME'],
    [{ ...whole, from: 3 }, 'FEED_GAP'],
  ] as const) {
    assert.is(
      await code(store.append({ runs: [wrong] })),
      wanted,
      JSON.stringify({ ...wrong, entries: undefined }),
    );
  }
  assert.is(store.feeds().size, 0);
  assert.is(await code(store.append({ runs: [whole] })), 'taken');
});

test('a head taken over from a checkpoint is a head, and no other history than ours', async () => {
  const store = await openStore();
  await store.append({ runs: [whole] });
  const head = store.feeds().get(feed)!.head;
  const other = new Uint8Array(32).fill(9);
  assert.is(await code(store.adopt(feed, { seq: 2 ** 60, hash: other })), 'FEED_LIMIT');
  assert.is(await code(store.adopt(feed, { seq: 5, hash: new Uint8Array(31) })), 'FEED_LIMIT');
  assert.is(await code(store.adopt(feed, { seq: 3, hash: other })), 'FEED_FORK');
  assert.is(await code(store.adopt(feed, { seq: 2, hash: other })), 'FEED_FORK');
  assert.is(await code(store.adopt(feed, head)), 'taken');
  await store.prune(feed, 3);
  assert.is(
    await code(store.adopt(feed, { seq: 1, hash: other })),
    'taken',
    'nothing is left to compare with',
  );
  assert.equal(store.feeds().get(feed)?.head, head);
  await store.prune(feedName(ORDERS, generateDeviceKey().writer as WriterId), 3);
  assert.is(store.feeds().size, 1, 'a feed that is not here has nothing to give up');
  assert.is(await code(store.append({ runs: [whole] })), 'taken', 'all of it is below the base');
});

test('a claim says what can be read, and proves only what was signed', async () => {
  const store = await openStore();
  const unknown = feedName(ORDERS, generateDeviceKey().writer);
  assert.not.ok('evidence' in (await claimAt(store, unknown, { seq: 1, hash: start.hash })));
  await store.append({ runs: [run(1, start, entries.slice(0, 1))] });
  const one = store.feeds().get(feed)!.head;
  await store.append({ runs: [run(2, one, entries.slice(1))] });
  const { head } = store.feeds().get(feed)!;
  const below = await claimAt(store, feed, one);
  const last = await claimAt(store, feed, head);
  for (const claim of [below, last]) assert.ok(provesClaim(claim, key.publicKey), `${claim.seq}`);
  assert.is(provenBy(below)?.from, 2);
  assert.equal(provenBy(last)?.hash, head.hash);
  assert.is(provenBy({ ...last, evidence: undefined } as never), undefined);
  for (const wrong of [
    { ...last, evidence: undefined },
    { ...last, evidence: { ...last.evidence!, entries: [] } },
    { ...last, hash: new Uint8Array(31) },
    { ...last, seq: 9 },
    { ...last, hash: new Uint8Array(32) },
  ]) {
    assert.not.ok(provesClaim(wrong as never, key.publicKey));
  }
  const pause = () => Promise.resolve();
  assert.equal(await headAt(store, feed, 1, pause), one);
  assert.is(await headAt(store, feed, 9, pause), undefined);
  assert.is(await headAt(store, unknown, 1, pause), undefined);
  await store.prune(feed, 4);
  assert.is(await headAt(store, feed, 1, pause), undefined, 'not held any more');
  assert.not.ok('evidence' in (await claimAt(store, feed, head)), 'nothing is left to read');
  const long = { ...whole, entries: Array.from({ length: 40 }, () => new Uint8Array(100_000)) };
  assert.ok(proven(long, head.hash).from > 1, 'only the end of a long run is kept');
});

test('a checkpoint may not know more of us than we do, go on with a fork, or know another history', async () => {
  const store = await openStore();
  await store.append({ runs: [whole] });
  const self = generateDeviceKey().writer;
  const forked = feedName(parseCollection('stock/B001'), generateDeviceKey().writer);
  const context = {
    store,
    self,
    registry: { mayWrite: () => false },
    isForked: (each: FeedName) => each === forked,
  };
  const ahead = (collection: string, name: FeedName, seq: number) =>
    code(
      feedsAhead(context, {
        collection: collection as never,
        id: 'a',
        vector: new Map([[name, { seq, hash: new Uint8Array(32) }]]),
      }),
    );
  const stock = parseCollection('stock/B001');
  for (const [collection, name, seq] of [
    ['orders/B001', feed, 3],
    ['stock/B001', 'no name' as FeedName, 1],
    ['stock/B001', feed, 1],
    ['stock/B001', feedName(stock, self), 1],
    ['stock/B001', forked, 1],
    ['stock/B001', feedName(stock, generateDeviceKey().writer), 1],
  ] as const) {
    assert.is(await ahead(collection, name, seq), 'CHECKPOINT_INVALID', name);
  }
});

test('a row of the index that points elsewhere finds no run', () => {
  const record = encodeCommit(1, true, [{ run: whole, before: start, key: key.publicKey }]);
  sealRecord(record, 0);
  const bytes = new Uint8Array(record);
  const row = {
    feed,
    from: 1,
    last: 3,
    segment: { first: 1, generation: 0 },
    offset: 0,
    length: bytes.length,
    place: 0,
    bytes: 0,
  };
  assert.is(readRunAt(bytes, row)?.from, 1);
  for (const wrong of [
    { from: 2 },
    { last: 2 },
    { place: 1 },
    { length: bytes.length - 1 },
    { feed: 'x/y' },
  ]) {
    assert.is(readRunAt(bytes, { ...row, ...wrong } as never), undefined, JSON.stringify(wrong));
  }
  assert.is(readRunAt(bytes.subarray(0, 3), row), undefined);
  const damaged = Uint8Array.from(bytes);
  damaged[bytes.length - 1]! ^= 1;
  assert.is(readRunAt(damaged, row), undefined);
});

test('a segment of a later format says so; a key of another kind is no device key', () => {
  const header = Buffer.from(encodeHeader({ first: 1, generation: 0 }, TENANT));
  header.writeUInt16BE(99, 16);
  header.writeUInt32BE(crc32c(header, 0, HEADER_BYTES - 4), HEADER_BYTES - 4);
  const decoded = decodeHeader(header);
  assert.match('fault' in decoded ? decoded.fault : '', 'journal format 99');
  const { privateKey } = generateKeyPairSync('x25519');
  const other = privateKey.export({ format: 'der', type: 'pkcs8' });
  assert.throws(
    () => importDeviceKey(other),
    (error: FeedError) => error.code === 'DEVICE_KEY',
  );
});

test('a segment under the name of another says so, to verify and to the next start', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  await writer.commit([{ collection: ORDERS, kind: 'note', body: 1 }]);
  await store.close();
  const [path] = home.segments();
  const bytes = home.disk.content(path!);
  home.disk.overwrite(
    path!,
    Buffer.concat([encodeHeader({ first: 9, generation: 0 }, TENANT), bytes.subarray(HEADER_BYTES)]),
  );
  const { broken } = await home.verify();
  assert.match(broken?.what ?? '', 'it says it is');
  assert.is(await code(home.open()), 'STORE_CORRUPT');
});

test.run();
