// limit: 900 s
/** What comes from peers, files and disks: whatever the bytes, a value or a coded refusal. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from '../../../test/support/fuzz.ts';
import { exportBundle, importBundle } from '../src/bundle.ts';
import { encodeCheckpointFile, readCheckpoint, readCheckpointMark } from '../src/checkpoint-file.ts';
import { signCheckpoint } from '../src/checkpoint-transfer.ts';
import { decodeEntry, encodeEntry } from '../src/entry.ts';
import { FeedError } from '../src/errors.ts';
import { parseFeedName } from '../src/feed-name.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { SimDisk } from '../src/sim-disk.ts';
import type { Collection, FeedName } from '../src/types.ts';
import { draft, Fleet, TENANT } from './support/fleet.ts';
import { DIR, JournalHome, sale } from './support/journal-home.ts';

const isRefusal = (error: unknown): boolean => error instanceof FeedError;
const FEED = `orders/B001/${'a'.repeat(16)}` as FeedName;

const test = suite('bytes from outside under mutation');

test('an entry', async () => {
  const bodies = [
    { n: 1 },
    { lines: [{ sku: 'A', quantityMilli: 1000 }], text: 'ä' },
    new Uint8Array(40),
    [1, [2, [3]]],
  ];
  const { values } = await fuzz({
    name: 'entry',
    corpus: bodies.map((body, n) => encodeEntry({ hlc: BigInt(n) as never, kind: 'order', body })),
    decode: (bytes) => decodeEntry(FEED, 1, bytes),
    isRefusal,
  });
  assert.ok(values > 0);
});

test('a feed name', async () => {
  await fuzz({
    name: 'feed name',
    corpus: [Buffer.from(FEED), Buffer.from(`registry/${'b'.repeat(16)}`)],
    decode: (bytes) => parseFeedName(Buffer.from(bytes).toString('utf8')),
    isRefusal,
  });
});

test('a bundle', async () => {
  const fleet = new Fleet(52);
  try {
    const relay = await fleet.openRelay();
    const shop = await fleet.open('branch', 'B001');
    await fleet.introduce(shop);
    for (let n = 0; n < 5; n += 1) {
      await shop.writer.commit([draft('orders/B001', { n }), draft('stock/B001', { n }, 'change')]);
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of exportBundle({ store: shop.store, registry: shop.registry }))
      chunks.push(chunk);
    await fuzz({
      name: 'bundle',
      corpus: [Buffer.concat(chunks)],
      decode: (bytes) =>
        importBundle({
          store: relay.store,
          registry: relay.registry,
          tenant: TENANT,
          clock: fleet.clock,
          self: relay.key.writer,
          source: (async function* () {
            yield bytes;
          })(),
        }),
      isRefusal,
    });
  } finally {
    await fleet.close();
  }
});

test('a checkpoint file', async () => {
  const signed = signCheckpoint(generateDeviceKey(), TENANT, {
    id: 'first',
    collection: 'catalog' as Collection,
    vector: new Map([[FEED, { seq: 3, hash: new Uint8Array(32) }]]),
    docs: [{ doc: 'catalog/0', bytes: new Uint8Array(100) }],
  } as never);
  const disk = new SimDisk({ seed: 1 });
  const file = await disk.open('/checkpoint', 'create');
  await file.append(new Uint8Array(1));
  await fuzz({
    name: 'checkpoint file',
    corpus: [Buffer.concat(encodeCheckpointFile(signed, 1))],
    decode: async (bytes) => {
      disk.overwrite('/checkpoint', bytes);
      await readCheckpointMark(file);
      await readCheckpoint(file);
    },
    isRefusal: () => false,
  });
});

test('a journal segment: damage is refused, or is a torn tail', async () => {
  const home = new JournalHome();
  const store = await home.open();
  const writer = await home.writer(store);
  for (let n = 0; n < 4; n += 1) await writer.commit(sale(`sale ${n}`));
  await store.close();
  const [segment] = home.segments();
  await fuzz({
    name: 'journal segment',
    corpus: [Uint8Array.from(home.disk.content(segment!))],
    decode: async (bytes) => {
      home.disk.kill();
      for (const path of home.segments()) await home.disk.remove(path);
      await (await home.disk.open(segment!, 'create')).close();
      home.disk.overwrite(segment!, bytes);
      await home.verify();
      await home.level.clear();
      const again = await home.open();
      await again.close();
    },
    isRefusal,
  });
  assert.ok(home.disk.files().every((path) => path.startsWith(DIR)));
});

test.run();
