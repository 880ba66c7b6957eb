import { deflateRawSync } from 'node:zlib';
import { Encoder } from 'cbor-x';
import { seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cborFault, DEPTH_MAX, ITEMS_MAX } from '../src/cbor-gate.ts';
import { DEFLATE_MIN_BYTES, decodeFrame, encodeFrame, HEADER_BYTES, stampSequence } from '../src/codec.ts';
import { DICTIONARY } from '../src/deflate.ts';
import { WireError } from '../src/errors.ts';
import {
  type EntriesFrame,
  FRAME_BYTES_MAX,
  type Frame,
  HANDSHAKE_BYTES_MAX,
  STATUS_BYTES_MAX,
} from '../src/frames.ts';
import { examples } from './examples.ts';
import { codeOf, entriesFrame } from './support.ts';

const test = suite('codec');
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

/** A message with any body at all. */
function message(body: Uint8Array, flags = 0): Uint8Array {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, flags]), body]);
}

function refusalOf(bytes: Uint8Array, bodyMax?: number): string {
  try {
    decodeFrame(bytes, bodyMax);
  } catch (error) {
    return codeOf(error);
  }
  return 'none';
}

function refusalOfSending(frame: unknown): string {
  try {
    encodeFrame(frame as Frame);
  } catch (error) {
    return codeOf(error);
  }
  return 'none';
}

test('every frame comes back as it was sent', () => {
  for (const [index, frame] of examples.entries()) {
    const { message: bytes, cost } = encodeFrame(frame);
    stampSequence(bytes, index);
    const decoded = decodeFrame(bytes);
    assert.equal(decoded.frame, frame);
    assert.is(decoded.sequence, index);
    assert.is(decoded.cost, cost);
  }
});

test('entries that go to many peers, or go on, are the same bytes each time, each with its own sequence number', () => {
  const random = seededRandom(7);
  const plain = entriesFrame(40) as EntriesFrame;
  const entries = plain.entries.map((entry) => entry.map((byte) => (random() < 0.5 ? byte : random() * 256)));
  const frame: Frame = { ...plain, entries };
  const first = encodeFrame(frame);
  const second = encodeFrame({ ...frame });
  assert.equal(second, first);
  stampSequence(first.message, 7);
  assert.is(decodeFrame(second.message).sequence, 0, 'nobody stamps the frame of another');
  const received = decodeFrame(Buffer.from(second.message)).frame;
  assert.equal(encodeFrame(received), second);
  // What is not the same run is not the same frame, also where the entries are.
  const later = decodeFrame(encodeFrame({ ...frame, from: 2 }).message).frame;
  assert.equal(later, { ...frame, from: 2 });
});

test('a decoded frame is the same whether the bytes came as a Buffer or not', () => {
  const { message: bytes } = encodeFrame(examples[9]!);
  assert.equal(decodeFrame(Buffer.from(bytes)).frame, examples[9]);
});

test('one small sale shrinks by the dictionary; its cost stays the plain size', () => {
  const sale = encoder.encode([
    new Uint8Array(8),
    'order',
    {
      id: '0190b3a0-0000-7000-8000-000000000001',
      lines: [
        { sku: '4600001', name: 'Tea', quantityMilli: 1000, unitPriceMinor: 12_900, totalMinor: 12_900 },
      ],
      payments: [{ kind: 'cash', amountMinor: 12_900 }],
    },
  ]);
  const frame: Frame = {
    type: 'entries',
    feed: 'orders/B001/abcdefgh23456777',
    from: 1,
    entries: [new Uint8Array(sale)],
    signature: Uint8Array.from({ length: 64 }, (_, index) => (index * 91) & 255),
  };
  const { message: bytes, cost } = encodeFrame(frame);
  assert.is(bytes[HEADER_BYTES - 1], 1);
  assert.ok(bytes.length < cost * 0.75, `${bytes.length} of ${cost}`);
  assert.equal(decodeFrame(bytes).frame, frame);
});

test('a body below the threshold is not compressed', () => {
  const { message: bytes } = encodeFrame({ type: 'have', digests: [['a', new Uint8Array(16)]], reply: true });
  assert.ok(bytes.length < DEFLATE_MIN_BYTES);
  assert.is(bytes[HEADER_BYTES - 1], 0);
});

test('a frame over the limit is refused on both sides: FRAME_TOO_LARGE', () => {
  const most: Frame = {
    ...(examples[10] as Frame & { type: 'checkpoint' }),
    bytes: new Uint8Array(FRAME_BYTES_MAX - 300),
  };
  assert.equal(decodeFrame(encodeFrame(most).message).frame, most);
  assert.is(refusalOfSending({ ...most, bytes: new Uint8Array(FRAME_BYTES_MAX) }), 'FRAME_TOO_LARGE');
  assert.is(refusalOf(message(new Uint8Array(FRAME_BYTES_MAX + 1))), 'FRAME_TOO_LARGE');
});

test('before the proof a frame has 4 KiB, compressed or not', () => {
  assert.is(
    refusalOf(message(new Uint8Array(HANDSHAKE_BYTES_MAX + 1)), HANDSHAKE_BYTES_MAX),
    'FRAME_TOO_LARGE',
  );
  const { message: bytes } = encodeFrame(entriesFrame(100, 100));
  assert.ok(bytes.length < HANDSHAKE_BYTES_MAX);
  assert.is(refusalOf(bytes, HANDSHAKE_BYTES_MAX), 'FRAME_BOMB');
});

test('a status report is small: FRAME_TOO_LARGE above its own limit', () => {
  const report = { text: 'x'.repeat(STATUS_BYTES_MAX) };
  assert.is(refusalOfSending({ type: 'status', report }), 'FRAME_TOO_LARGE');
  assert.is(refusalOf(message(encoder.encode({ type: 'status', report }))), 'FRAME_TOO_LARGE');
});

test('a status report that the peer would refuse is refused here: FRAME_MALFORMED', () => {
  assert.is(refusalOfSending({ type: 'status', report: { at: new Date(0) } }), 'FRAME_MALFORMED');
  assert.is(refusalOfSending({ type: 'ack', feed: 'no such name!', seq: 1 }), 'FRAME_MALFORMED');
});

test('a kilobyte that unpacks to a hundred megabytes is refused in bounded memory: FRAME_BOMB', () => {
  const bomb = deflateRawSync(Buffer.alloc(100 * 1024 * 1024), { dictionary: DICTIONARY });
  assert.ok(bomb.length < FRAME_BYTES_MAX);
  const beforeBytes = process.memoryUsage().arrayBuffers;
  assert.is(refusalOf(message(bomb, 1)), 'FRAME_BOMB');
  assert.ok(process.memoryUsage().arrayBuffers - beforeBytes < 16 * 1024 * 1024);
});

test('what is not a frame is FRAME_MALFORMED, whatever it is', () => {
  const cases: Record<string, Uint8Array> = {
    nothing: new Uint8Array(),
    'a header alone': new Uint8Array(HEADER_BYTES),
    'unknown flags': message(encoder.encode(examples[11]), 2),
    'not deflate': message(new Uint8Array([255, 255, 255]), 1),
    'deflated where it must not be': message(
      deflateRawSync(encoder.encode(examples[0]), { dictionary: DICTIONARY }),
      1,
    ),
    'another dictionary': message(
      deflateRawSync(encoder.encode(entriesFrame()), { dictionary: Buffer.from('entries') }),
      1,
    ),
    'half an item': message(encoder.encode(examples[0]).subarray(0, 50)),
    'two items': message(Buffer.concat([encoder.encode(examples[11]), encoder.encode(examples[11])])),
    'an unknown type': message(encoder.encode({ type: 'exec', command: 'rm' })),
    'a list': message(encoder.encode([1, 2])),
    'an array of 2^28 places in 5 bytes': message(new Uint8Array([0x9a, 0x10, 0, 0, 0])),
    'a map of 2^53 in 9 bytes': message(new Uint8Array([0xbb, 0, 0x20, 0, 0, 0, 0, 0, 0])),
    'an endless array': message(new Uint8Array([0x9f, 1, 0xff])),
    'an endless string': message(new Uint8Array([0x7f, 0x61, 0x61, 0xff])),
    'a tag': message(new Uint8Array([0xc1, 0x1a, 0, 0, 0, 0])),
    'a reserved length': message(new Uint8Array([0x1c])),
    'a simple value nobody knows': message(new Uint8Array([0xf8, 0x20])),
  };
  for (const [what, bytes] of Object.entries(cases)) assert.is(refusalOf(bytes), 'FRAME_MALFORMED', what);
});

test('the gate knows what a decoder would choke on', () => {
  const nested = (depth: number): Uint8Array => new Uint8Array([...new Array(depth).fill(0x81), 0]);
  assert.is(cborFault(nested(DEPTH_MAX)), undefined);
  assert.is(cborFault(nested(DEPTH_MAX + 1)), 'nested too deeply');
  assert.is(cborFault(encoder.encode(new Array(ITEMS_MAX - 1).fill(0))), undefined);
  assert.is(cborFault(encoder.encode(new Array(ITEMS_MAX).fill(0))), 'too many items');
  assert.is(cborFault(new Uint8Array([0xa1, 0x01, 0x01])), 'a key that is not text');
  assert.is(
    cborFault(Buffer.concat([Buffer.from([0xa1, 0x69]), Buffer.from('__proto__'), Buffer.from([0xa0])])),
    'a forbidden key',
  );
  assert.is(cborFault(new Uint8Array([0x42, 1])), 'ends early');
  assert.is(cborFault(new Uint8Array([0x19, 1])), 'ends early');
  assert.is(cborFault(new Uint8Array([0x82, 1, 0x81])), 'ends early');
  assert.is(cborFault(new Uint8Array([0])), undefined);
  assert.is(cborFault(new Uint8Array([0, 0])), 'bytes after the item');
});

/** Flips, cuts, inserts and doubles bytes, as a bad line or a bad peer would. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const at = Math.floor(random() * bytes.length);
  const end = at + Math.floor(random() * 8);
  const out = Buffer.from(bytes);
  switch (Math.floor(random() * 5)) {
    case 0:
      out[at]! ^= 1 << Math.floor(random() * 8);
      return out;
    case 1:
      out[at] = Math.floor(random() * 256);
      return out;
    case 2:
      return out.subarray(0, at);
    case 3:
      return Buffer.concat([out.subarray(0, at), out.subarray(end)]);
    default:
      return Buffer.concat([out.subarray(0, end), out.subarray(at)]);
  }
}

test('20000 mutants: each is a valid frame or a coded refusal, and Object.prototype stays clean', () => {
  const random = seededRandom(20_251_122);
  const corpus = examples.map((frame) => encodeFrame(frame).message);
  const seen = new Map<string, number>();
  for (let run = 0; run < 20_000; run += 1) {
    let mutant = corpus[run % corpus.length]!;
    for (let round = 1 + Math.floor(random() * 3); round > 0; round -= 1) {
      if (mutant.length > 0) mutant = mutate(mutant, random);
    }
    let outcome = 'frame';
    try {
      const { frame } = decodeFrame(mutant);
      encodeFrame(frame);
    } catch (error) {
      assert.instance(error, WireError, `run ${run}: ${error}`);
      outcome = codeOf(error);
    }
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  assert.equal(
    [...seen.keys()].filter((code) => code !== 'frame' && !code.startsWith('FRAME_')),
    [],
  );
  assert.ok(seen.get('frame')! > 1_000 && seen.get('FRAME_MALFORMED')! > 1_000, JSON.stringify([...seen]));
  assert.equal(Object.keys(Object.prototype), []);
});

test.run();
