/** G9: `verifyStore` finds a changed, removed or swapped entry, also when whoever did it made the checksums fit, and names it. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeRecord, encodeCommit, type JournalRecord, sealRecord } from '../src/record.ts';
import { encodeHeader, HEADER_BYTES, walkRecords } from '../src/segment.ts';
import type { FeedName } from '../src/types.ts';
import { verifyStore } from '../src/verify.ts';
import { DIR, JournalHome, ORDERS, sale, TENANT } from './support/journal-home.ts';

const test = suite('verifyStore');

/** A closed store of six sales, the fourth of them with three lines in one run. */
async function soldAndClosed(): Promise<{ home: JournalHome; path: string; feed: FeedName }> {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  for (const text of ['1', '2', '3']) await writer.commit(sale(text));
  await writer.commit(['4', '5', '6'].map((body) => ({ collection: ORDERS, kind: 'note', body })));
  for (const text of ['7', '8']) await writer.commit(sale(text));
  await store.close();
  return { home, path: home.segments()[0]!, feed: writer.feed(ORDERS) };
}

async function recordsOf(
  bytes: Uint8Array,
): Promise<{ record: JournalRecord; bytes: Uint8Array; offset: number }[]> {
  const source = { read: async (offset: number, length: number) => bytes.slice(offset, offset + length) };
  const records = [];
  for await (const { record, offset, length } of walkRecords(source, HEADER_BYTES, bytes.byteLength)) {
    records.push({ record, offset, bytes: bytes.slice(offset, offset + length) });
  }
  return records;
}

/** Writes the records back as somebody would who knows the format but has no key. */
function forge(home: JournalHome, path: string, records: readonly Uint8Array[]): void {
  const header = home.disk.content(path).slice(0, HEADER_BYTES);
  home.disk.overwrite(path, new Uint8Array(Buffer.concat([header, ...records])));
}

function rewritten(record: JournalRecord, change: (entries: Uint8Array[]) => Uint8Array[]): Uint8Array {
  assert.is(record.type, 'commit');
  const { position, local, durable, runs } = record as Extract<JournalRecord, { type: 'commit' }>;
  const [first, ...others] = runs;
  const changed = { ...first!, entries: change([...first!.entries]) };
  const writable = [changed, ...others].map((run) => ({ run, before: run.before, key: run.key }));
  const bytes = encodeCommit(position, local, writable);
  sealRecord(bytes, durable);
  return new Uint8Array(bytes);
}

test('an untouched store verifies and is counted', async () => {
  const { home, feed } = await soldAndClosed();
  const verified = await home.verify();
  assert.is(verified.broken, undefined);
  assert.is(verified.entries, 8 + 5);
  assert.is(verified.feeds.get(feed)?.seq, 8);
  assert.is(verified.tornBytes, 0);
});

test('one flipped bit in an entry names that entry, its segment and its offset', async () => {
  const { home, path, feed } = await soldAndClosed();
  const records = await recordsOf(home.disk.content(path));
  const third = records[2]!;
  const entry = (third.record as Extract<JournalRecord, { type: 'commit' }>).runs[0]!.entries[0]!;
  const at = third.offset + Buffer.from(third.bytes).indexOf(entry) + entry.byteLength - 1;
  home.disk.flipBit(path, at * 8);
  const { broken } = await home.verify();
  assert.is(broken?.feed, feed);
  assert.is(broken?.seq, 3);
  assert.is(broken?.offset, third.offset);
  assert.is(broken?.segment, '0000000000000001-0.seg');
  assert.match(broken?.what ?? '', 'signed');
});

test('any flipped bit of any record is found', async () => {
  const { home, path } = await soldAndClosed();
  const intact = home.disk.content(path);
  const closeMark = (await recordsOf(intact)).at(-1)!.offset;
  const bit = fc.integer({ min: 0, max: closeMark * 8 - 1 });
  const property = fc.asyncProperty(bit, async (flipped) => {
    home.disk.overwrite(path, intact);
    home.disk.flipBit(path, flipped);
    assert.ok((await home.verify()).broken !== undefined, `bit ${flipped}`);
  });
  await fc.assert(property, { numRuns: 150 });
});

test('one removed record is found and the missing entry named', async () => {
  const { home, path, feed } = await soldAndClosed();
  const records = await recordsOf(home.disk.content(path));
  forge(
    home,
    path,
    records.filter((_, index) => index !== 1).map((each) => each.bytes),
  );
  const { broken } = await home.verify();
  assert.ok(broken !== undefined);
  assert.is(broken.offset, records[1]!.offset);
  assert.ok(broken.seq === undefined || broken.feed === feed);
});

test('one entry removed from a run, with the checksum made to fit, is found', async () => {
  const { home, path, feed } = await soldAndClosed();
  const records = await recordsOf(home.disk.content(path));
  const bytes = records.map((each) => each.bytes);
  bytes[3] = rewritten(records[3]!.record, (entries) => entries.toSpliced(1, 1));
  forge(home, path, bytes);
  const { broken } = await home.verify();
  assert.is(broken?.feed, feed);
  assert.is(broken?.seq, 4);
  assert.match(broken?.what ?? '', 'signed');
});

test('a swapped pair is found: two entries of a run, and two records', async () => {
  const { home, path, feed } = await soldAndClosed();
  const intact = home.disk.content(path);
  const records = await recordsOf(intact);
  const swappedEntries = records.map((each) => each.bytes);
  swappedEntries[3] = rewritten(records[3]!.record, ([a, b, c]) => [b!, a!, c!]);
  forge(home, path, swappedEntries);
  const inRun = (await home.verify()).broken;
  assert.is(inRun?.feed, feed);
  assert.is(inRun?.seq, 4);
  assert.is(inRun?.to, 6);

  home.disk.overwrite(path, intact);
  const swapped = records.map((each) => each.bytes);
  [swapped[1], swapped[2]] = [swapped[2]!, swapped[1]!];
  forge(home, path, swapped);
  const { broken } = await home.verify();
  assert.is(broken?.offset, records[1]!.offset);
});

test('a history cut off at its end is found when the heads are known from elsewhere', async () => {
  const { home, path, feed } = await soldAndClosed();
  const expected = (await home.verify()).feeds;
  const records = await recordsOf(home.disk.content(path));
  forge(
    home,
    path,
    records.slice(0, 5).map((each) => each.bytes),
  );
  assert.is((await home.verify()).broken, undefined);
  const { broken } = await verifyStore({ disk: home.disk, dir: DIR, tenant: TENANT, expected });
  assert.is(broken?.feed, feed);
  assert.is(broken?.seq, 8);
});

test('bytes of a write that a power cut tore are told apart from damage', async () => {
  const { home, path } = await soldAndClosed();
  const whole = home.disk.content(path);
  home.disk.overwrite(
    path,
    new Uint8Array(Buffer.concat([whole, whole.slice(HEADER_BYTES, HEADER_BYTES + 40)])),
  );
  const { broken, tornBytes } = await home.verify();
  assert.is(broken, undefined);
  assert.is(tornBytes, 40);
});

test('a record of another tenant, and one that is no record, are refused', async () => {
  const { home } = await soldAndClosed();
  const { broken } = await verifyStore({ disk: home.disk, dir: DIR, tenant: 'other' });
  assert.match(broken?.what ?? '', 'tenant');
  assert.is(decodeRecord(new Uint8Array(64)), undefined);
});

test('a record that was written together with the next is missed all the same: no flipped bit cuts a journal short', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  const none = await home.indexRows();
  await writer.commit(sale('1'));
  await Promise.all(['2', '3', '4', '5'].map((text) => writer.commit(sale(text))));
  await writer.commit(sale('6'));
  await store.close();
  const path = home.segments()[0]!;
  const whole = home.disk.content(path);
  const commits = (await recordsOf(whole)).filter(({ record }) => record.type === 'commit');
  assert.is(commits.length, 6);
  for (const { offset, bytes } of commits) {
    const changed = Uint8Array.from(whole);
    changed[offset + bytes.byteLength - 1]! ^= 4;
    home.disk.overwrite(path, changed);
    assert.ok((await home.verify()).broken, `at ${offset}`);
    await home.restoreIndex(none);
    const code = await home.open().then(
      () => 'opened',
      (error: { code: string }) => error.code,
    );
    assert.is(code, 'STORE_CORRUPT', `at ${offset}`);
  }
});

test('of two generations of a segment the newest is read, whatever order the folder gives them in', async () => {
  const { home, path } = await soldAndClosed();
  const bytes = home.disk.content(path);
  for (const generation of [9, 10]) {
    const copy = path.replace('-0.seg', `-${generation}.seg`);
    await (await home.disk.open(copy, 'create')).close();
    home.disk.overwrite(
      copy,
      Buffer.concat([encodeHeader({ first: 1, generation }, TENANT), bytes.slice(HEADER_BYTES)]),
    );
  }
  home.disk.flipBit(path, (HEADER_BYTES + 60) * 8);
  const seen: number[] = [];
  const onProgress = (done: number): void => void seen.push(done);
  assert.is((await verifyStore({ disk: home.disk, dir: DIR, tenant: TENANT, onProgress })).broken, undefined);
  assert.equal(seen, [1]);
  const store = await home.open();
  assert.equal(home.segments(), [path.replace('-0.seg', '-10.seg')], 'leftovers go');
  await store.close();
});

test('heads known from elsewhere that the journal does not reach are told as missing', async () => {
  const { home, feed } = await soldAndClosed();
  const verify = (seq: number, name = feed) => {
    const expected = new Map([[name, { seq, hash: new Uint8Array(32) }]]);
    return verifyStore({ disk: home.disk, dir: DIR, tenant: TENANT, expected });
  };
  assert.is((await verify(8)).broken, undefined);
  const { broken } = await verify(10);
  assert.equal([broken?.seq, broken?.to, broken?.what], [9, 10, 'is missing at the end']);
  assert.is((await verify(2, 'orders/B001/aaaaaaaaaaaaaaaa' as FeedName)).broken?.seq, 1);
});

test('a segment in the middle that ends in the middle of a frame is named', async () => {
  const home = new JournalHome({ segmentBytesMax: 1500 });
  const store = await home.open();
  const writer = await home.writer(store);
  for (const text of ['1', '2', '3', '4', '5', '6', '7', '8']) await writer.commit(sale(text));
  await store.close();
  const [path] = home.segments();
  assert.ok(home.segments().length > 1);
  const content = home.disk.content(path!);
  const records = await recordsOf(content);
  for (const left of [3, 14]) {
    home.disk.overwrite(path!, content.slice(0, records.at(-1)!.offset + left));
    const { broken } = await home.verify();
    assert.match(broken?.what ?? '', 'cut off');
    assert.is(broken?.segment, path!.slice(path!.lastIndexOf('/') + 1));
  }
});

test.run();
