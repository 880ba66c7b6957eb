import { createHash } from 'node:crypto';
import { Encoder } from 'cbor-x';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exportBundle, importBundle, RECORD_BYTES_MAX, vectorOf } from '../src/bundle.ts';
import { checkBundle } from '../src/bundle-check.ts';
import { signCheckpoint } from '../src/checkpoint-transfer.ts';
import { FeedError } from '../src/errors.ts';
import { pruneBelow } from '../src/prune.ts';
import type { Collection } from '../src/types.ts';
import { type Device, draft, Fleet, headsOf, TENANT } from './support/fleet.ts';

const test = suite('replication by file');
let fleet: Fleet;
test.before.each(() => {
  fleet = new Fleet(51);
});
test.after.each(() => fleet.close());

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** As a file is read: in pieces that know nothing of records. */
async function* pieces(bytes: Uint8Array, size = 7_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

const take = (device: Device, bytes: Uint8Array) =>
  importBundle({
    store: device.store,
    registry: device.registry,
    tenant: TENANT,
    clock: fleet.clock,
    self: device.key.writer,
    source: pieces(bytes),
  });

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof FeedError ? error.code : String(error);
  }
  return 'taken';
}

async function shop(): Promise<{ relay: Device; shop: Device }> {
  const relay = await fleet.openRelay();
  const device = await fleet.open('branch', 'B001');
  await fleet.introduce(device);
  for (let n = 0; n < 40; n += 1) {
    await device.writer.commit([
      draft('orders/B001', { n, pad: 'x'.repeat(900) }),
      draft('stock/B001', { n }, 'change'),
      draft('local', { secret: n }),
    ]);
  }
  return { relay, shop: device };
}

test('a shop without a line gives its sales to the relay on a stick; twice changes nothing', async () => {
  const { relay, shop: device } = await shop();
  const bundle = await bytesOf(exportBundle(device));
  const report = await take(relay, bundle);
  assert.equal([report.fresh, report.refused], [80, []]);
  assert.equal(
    headsOf(relay),
    headsOf(device, (feed) => !feed.startsWith('local/')),
  );
  assert.not.ok(Buffer.from(bundle).includes('secret'), 'what is local stays');
  assert.is((await take(relay, bundle)).fresh, 0);
});

test('with a vector only what is new is in it', async () => {
  const { relay, shop: device } = await shop();
  const since = vectorOf(device.store);
  await take(relay, await bytesOf(exportBundle(device)));
  await device.writer.commit([draft('orders/B001', { n: 41 })]);
  const bundle = await bytesOf(exportBundle({ ...device, since }));
  assert.ok(bundle.byteLength < 1_500, `${bundle.byteLength} bytes`);
  assert.equal(await take(relay, bundle), { entries: 1, fresh: 1, refused: [] });
});

test('a bundle for a reader holds what that reader may read, the registry included, so that it needs nothing else', async () => {
  const { relay, shop: device } = await shop();
  const other = await fleet.open('branch', 'B002');
  await take(relay, await bytesOf(exportBundle(device)));
  const bundle = await bytesOf(exportBundle({ ...relay, reader: other.key.writer }));
  const report = await take(other, bundle);
  assert.equal(report.refused, []);
  assert.equal(
    headsOf(other),
    headsOf(relay, (feed) => feed.startsWith('registry/')),
  );
  // And a bundle with more than it may have is refused feed by feed.
  const all = await take(other, await bytesOf(exportBundle(relay)));
  assert.ok(all.refused.every(({ code }) => code === 'PEER_NOT_GRANTED') && all.refused.length > 0);
});

test('G9 a bundle cut short or changed is noticed, what came before the fault is in', async () => {
  const { relay, shop: device } = await shop();
  const bundle = await bytesOf(exportBundle(device));
  for (const length of [0, 10, bundle.byteLength - 30, bundle.byteLength - 1]) {
    assert.is(await refusal(take(relay, bundle.subarray(0, length))), 'BUNDLE_INVALID', `cut at ${length}`);
  }
  assert.ok(headsOf(relay).length > 1);
  for (const at of [3, 40, 500, bundle.byteLength - 3]) {
    const changed = Uint8Array.from(bundle);
    changed[at]! ^= 1;
    assert.is(await refusal(take(relay, changed)), 'BUNDLE_INVALID', `changed at ${at}`);
  }
  const huge = Buffer.concat([bundle.subarray(0, 20), Buffer.from([0x7f, 0, 0, 0]), Buffer.alloc(20)]);
  assert.ok(0x7f000000 > RECORD_BYTES_MAX);
  assert.is(await refusal(take(relay, huge)), 'BUNDLE_INVALID');
  assert.is(await refusal(take(relay, Buffer.concat([bundle, bundle.subarray(20)]))), 'BUNDLE_INVALID');
});

test('looked through first, a bundle that is damaged, cut short or of another tenant changes nothing', async () => {
  const { relay, shop: device } = await shop();
  const bundle = await bytesOf(exportBundle(device));
  const { registry } = relay;
  const look = (bytes: Uint8Array) => checkBundle({ source: pieces(bytes), registry });
  const { entries, vector } = await look(bundle);
  assert.is(entries, 80 + device.store.feeds().get(registry.feed)!.head.seq);
  assert.equal(vector, vectorOf(device.store));
  for (const length of [0, 10, 20, bundle.byteLength >> 1, bundle.byteLength - 1]) {
    assert.is(await refusal(look(bundle.subarray(0, length))), 'BUNDLE_INVALID', `cut at ${length}`);
  }
  for (let at = 0; at < bundle.byteLength; at += 997) {
    const changed = Uint8Array.from(bundle);
    changed[at]! ^= 0x10;
    assert.is(await refusal(look(changed)), 'BUNDLE_INVALID', `changed at ${at}`);
  }
  const stranger = new Fleet(52);
  await stranger.openRelay();
  const theirs = await stranger.open('branch', 'B001');
  await stranger.introduce(theirs);
  const foreign = await bytesOf(exportBundle(theirs));
  await stranger.close();
  assert.is(await refusal(look(foreign)), 'BUNDLE_INVALID');
  assert.ok((await checkBundle({ source: pieces(foreign) })).entries > 0);
});

test('what is pruned here travels as its checkpoint; without one the feed is named and the others go on', async () => {
  const { relay, shop: device } = await shop();
  const stock = device.writer.feed('stock/B001' as Collection);
  const vector = new Map([[stock, device.store.feeds().get(stock)!.head] as const]);
  const docs = [{ doc: 'stock/B001/0', bytes: new Uint8Array(100) }];
  const checkpoint = signCheckpoint(relay.key, TENANT, {
    collection: 'stock/B001' as Collection,
    id: 'c',
    vector,
    docs,
  });
  const checkpoints = { offer: async () => ({ ...checkpoint, bytes: 100 }), load: async () => checkpoint };
  await pruneBelow(device.store, checkpoint);
  await device.writer.commit([draft('stock/B001', { n: 41 }, 'change')]);
  const poor = await take(relay, await bytesOf(exportBundle(device)));
  assert.equal(poor.refused, [{ feed: stock, code: 'FEED_GAP' }]);
  assert.is(poor.fresh, 40);
  const applied: string[] = [];
  await importBundle({
    store: relay.store,
    registry: relay.registry,
    tenant: TENANT,
    clock: fleet.clock,
    self: relay.key.writer,
    source: pieces(await bytesOf(exportBundle({ ...device, checkpoints }))),
    sink: { apply: async ({ id }) => void applied.push(id) },
  });
  assert.equal(applied, ['c']);
  assert.is(relay.store.feeds().get(stock)?.head.seq, 41);
});

/** A bundle as anybody could make one: the check of a record is no secret. */
function made(...messages: unknown[]): Uint8Array {
  const encoder = new Encoder({ useRecords: false, tagUint8Array: false, mapsAsObjects: true });
  const parts = messages.map((message) => {
    const bytes = message instanceof Uint8Array ? message : encoder.encode(message);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.byteLength);
    return Buffer.concat([length, createHash('sha256').update(bytes).digest().subarray(0, 8), bytes]);
  });
  return Buffer.concat([Buffer.from('BRANCHLINE BUNDLE 1\n'), ...parts]);
}

test('a file somebody else made is refused by what is wrong with it, whoever reads it', async () => {
  const relay = await fleet.openRelay();
  const end = { type: 'alarm', code: 'end', detail: '' };
  const check = (bytes: Uint8Array) => refusal(checkBundle({ source: pieces(bytes) }));
  assert.is(await check(made(end)), 'taken', 'this is how one is made');
  for (const [what, bytes] of [
    ['no end', made({ type: 'alarm', code: 'other', detail: '' })],
    ['more after its end', made(end, end)],
    ['nothing that is a message', made(5, end)],
    ['no type', made({}, end)],
    ['CBOR that is none', made(Buffer.from('9b00ffffffffffffff', 'hex'), end)],
    ['entries that are none', made({ type: 'entries', feed: 'x', from: 0, entries: 5, signature: 1 }, end)],
  ] as const) {
    assert.is(await check(bytes), 'BUNDLE_INVALID', what);
    assert.is(await refusal(take(relay, bytes)), 'BUNDLE_INVALID', what);
  }
  const name = `orders/B001/${relay.key.writer}`;
  for (const feeds of [5, [5], [[name, -1]], [[name, 1.5]], [[7, 1]]]) {
    assert.is(
      await check(made({ type: 'vector', collection: 'orders', feeds }, end)),
      'BUNDLE_INVALID',
      String(feeds),
    );
  }
});

test('entries of a writer nobody knows, and of our own that we never wrote, are told and kept out', async () => {
  const { shop: device } = await shop();
  const bundle = await bytesOf(exportBundle(device));
  const stranger = await new Fleet(52).openRelay();
  const report = await take(stranger, bundle);
  assert.is(report.fresh, 0);
  assert.ok(report.refused.length > 0);

  const clone = await fleet.join('clone', { key: device.key });
  await fleet.introduce(clone);
  const own = await take(clone, bundle);
  assert.ok(
    own.refused.some(({ code }) => code === 'FEED_OWN'),
    JSON.stringify(own.refused),
  );
});

test.run();
