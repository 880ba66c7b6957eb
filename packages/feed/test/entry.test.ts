/** Entries, names, chain and keys: what is written can be read, and what a stranger sends cannot hurt. */
import fc from 'fast-check';
import { makeStamp, type Stamp } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstHead, headAfter, headSigned, keyOfFeed, signedBytes } from '../src/chain.ts';
import { crc32c } from '../src/crc32c.ts';
import { decodeEntry, ENTRY_BYTES_MAX, encodeEntry, entriesOf, KIND_CHARS_MAX } from '../src/entry.ts';
import { FeedError } from '../src/errors.ts';
import {
  collectionOf,
  feedName,
  parseCollection,
  parseFeedName,
  parseWriterId,
  writerOf,
} from '../src/feed-name.ts';
import {
  exportDeviceKey,
  generateDeviceKey,
  importDeviceKey,
  PARSED_KEYS_MAX,
  verifySignature,
  writerIdOf,
} from '../src/identity.ts';
import { CBOR_DEPTH_MAX, plainCborFault } from '../src/plain-cbor.ts';

const test = suite('entries, chain and keys');
const feed = parseFeedName('orders/B001/aaaaaaaaaaaaaaaa');
const hlc = makeStamp(1_700_000_000_000, 7);

test('any JSON body, bytes and 64-bit integers come back as they went in', () => {
  const body = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.string(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((key) => !key.startsWith('__proto')),
        tie('value'),
        {
          maxKeys: 4,
          noNullPrototype: true,
        },
      ),
    ),
  })).value;
  const property = fc.property(body, (value) => {
    const entry = decodeEntry(feed, 1, encodeEntry({ hlc, kind: 'note', body: value }));
    assert.equal(entry.body, value);
    assert.is(entry.hlc, hlc);
    assert.is(entry.kind, 'note');
  });
  fc.assert(property, { numRuns: 300 });
  const change = Uint8Array.from([1, 2, 3]);
  const stored = decodeEntry(feed, 1, encodeEntry({ hlc, kind: 'change', body: { change, big: 2n ** 60n } }));
  assert.equal(stored.body, { change, big: 2n ** 60n });
});

test('the bytes of an entry are pinned', () => {
  const bytes = encodeEntry({ hlc: 1n as Stamp, kind: 'order', body: { total: 26196 } });
  assert.is(Buffer.from(bytes).toString('hex'), '83480000000000000001656f72646572a165746f74616c196654');
});

test('FEED_ENTRY: random bytes are refused or decoded, never anything else', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => {
    for (const bytes of [tail, Uint8Array.from([0x83, 0x48, ...tail])]) {
      try {
        decodeEntry(feed, 1, bytes);
      } catch (error) {
        assert.is((error as FeedError).code, 'FEED_ENTRY');
      }
    }
  });
  fc.assert(property, { numRuns: 2000 });
});

test('FEED_ENTRY: bombs are refused before the decoder sees them', () => {
  const claims = [
    [0x9a, 0x01, 0xff, 0xff, 0xff],
    [0xbb, 0, 0, 0, 1, 0, 0, 0, 0],
    [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0x9f, 0xff],
    [0xc1, 0x00],
    [0xf8, 0x20],
    [0x00, 0x00],
    [],
  ];
  for (const claim of claims) assert.ok(plainCborFault(Uint8Array.from(claim)) !== undefined, String(claim));
  const nested = (depth: number): Uint8Array => Uint8Array.from([...new Array(depth).fill(0x81), 0x00]);
  assert.is(plainCborFault(nested(CBOR_DEPTH_MAX)), undefined);
  assert.match(plainCborFault(nested(CBOR_DEPTH_MAX + 1)) ?? '', 'nested');
});

test('FEED_ENTRY: what could not be read back is not written', () => {
  for (const body of [new Date(0), new Set([1]), 2n ** 70n, 'x'.repeat(ENTRY_BYTES_MAX)]) {
    assert.is(
      codeOf(() => encodeEntry({ hlc, kind: 'note', body })),
      'FEED_ENTRY',
    );
  }
  for (const kind of ['', 'k'.repeat(KIND_CHARS_MAX + 1)]) {
    assert.is(
      codeOf(() => encodeEntry({ hlc, kind, body: 1 })),
      'FEED_ENTRY',
    );
  }
  assert.is(
    codeOf(() => decodeEntry(feed, 1, Uint8Array.from([0x83, 0x48, 0, 0, 0, 0, 0, 0, 0, 1, 0x60, 0xf6]))),
    'FEED_ENTRY',
  );
});

test('FEED_NAME: names are collection and writer, safe in a path', () => {
  const name = feedName(parseCollection('orders/B001'), parseWriterId('a234567bcdefghij'));
  assert.is(collectionOf(name), 'orders/B001');
  assert.is(writerOf(name), 'a234567bcdefghij');
  for (const text of [
    '',
    'orders',
    'orders/',
    '/aaaaaaaaaaaaaaaa',
    'a b/aaaaaaaaaaaaaaaa',
    'orders/AAAAAAAAAAAAAAAA',
    `${'c'.repeat(97)}/aaaaaaaaaaaaaaaa`,
  ]) {
    assert.is(
      codeOf(() => parseFeedName(text)),
      'FEED_NAME',
      text,
    );
  }
});

test('G9: hash 0 belongs to one tenant, name and key; one signature vouches for all before it', () => {
  const key = generateDeviceKey();
  const own = feedName(parseCollection('orders/B001'), key.writer);
  const start = firstHead('acme', own, key.publicKey);
  const others = [
    firstHead('acm', own, key.publicKey),
    firstHead('acme', feedName(parseCollection('orders/B002'), key.writer), key.publicKey),
    firstHead('acme', own, generateDeviceKey().publicKey),
  ];
  for (const other of others) assert.not.equal(other.hash, start.hash);
  const entries = ['a', 'b', 'c'].map((body) => encodeEntry({ hlc, kind: 'note', body }));
  const head = headAfter(start, entries);
  const signature = key.sign(signedBytes(own, head));
  assert.ok(headSigned(own, head, signature, key.publicKey));
  assert.not(headSigned(own, { ...head, seq: 2 }, signature, key.publicKey));
  assert.not(headSigned(own, headAfter(start, entries.toReversed()), signature, key.publicKey));
  const run = { feed: own, from: 1, entries, signature };
  assert.equal(
    entriesOf(run).map((entry) => entry.seq),
    [1, 2, 3],
  );
  assert.is(
    keyOfFeed(own, () => key.publicKey),
    key.publicKey,
  );
  assert.is(
    codeOf(() => keyOfFeed(own, () => generateDeviceKey().publicKey)),
    'FEED_SIGNATURE',
  );
});

test('DEVICE_KEY: a key survives its file, a damaged file is told', () => {
  const key = generateDeviceKey();
  const again = importDeviceKey(exportDeviceKey(key));
  assert.is(again.writer, key.writer);
  assert.is(writerIdOf(key.publicKey), key.writer);
  assert.match(key.writer, /^[a-z2-7]{16}$/);
  const message = Buffer.from('hello');
  assert.ok(verifySignature(key.publicKey, message, again.sign(message)));
  assert.not(verifySignature(key.publicKey, message, new Uint8Array(64)));
  assert.not(verifySignature(key.publicKey, message, new Uint8Array(3)));
  assert.not(verifySignature(new Uint8Array(3), message, key.sign(message)));
  assert.is(
    codeOf(() => importDeviceKey(Uint8Array.from([1, 2, 3]))),
    'DEVICE_KEY',
  );
  assert.is(
    codeOf(() => exportDeviceKey({ ...key })),
    'DEVICE_KEY',
  );
});

test('parsed keys are bounded: more writers than that still verify', () => {
  const key = generateDeviceKey();
  const message = Buffer.from('hello');
  const signature = key.sign(message);
  const raw = Uint8Array.from(key.publicKey);
  for (let n = 0; n <= PARSED_KEYS_MAX; n += 1) {
    raw[30] = n & 255;
    raw[29] = n >> 8;
    verifySignature(Uint8Array.from(raw), message, signature);
  }
  assert.ok(verifySignature(key.publicKey, message, signature));
});

test('CRC32C has the value the standard gives', () => {
  assert.is(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.is(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.is(crc32c(Buffer.from('xx123456789xx'), 2, 11), 0xe3069283);
});

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof FeedError) return error.code;
    throw error;
  }
  return undefined;
}

test.run();
