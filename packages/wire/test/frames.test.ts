import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeFrame, encodeFrame } from '../src/codec.ts';
import {
  ackSchema,
  CHECKPOINT_PARTS_MAX,
  CODE_LENGTH_MAX,
  DIGESTS_PER_FRAME_MAX,
  ENTRIES_PER_FRAME_MAX,
  entriesSchema,
  FEATURES_MAX,
  FEEDS_PER_FRAME_MAX,
  type Frame,
  parseFrame,
  TEXT_LENGTH_MAX,
} from '../src/frames.ts';
import {
  PROTOCOL_HISTORY,
  PROTOCOL_VERSION,
  protocolFingerprint,
  SPOKEN_VERSIONS,
} from '../src/protocol-version.ts';
import { examples } from './examples.ts';

const test = suite('frames');

test('every frame type has an example, and every example is a frame', () => {
  for (const frame of examples) assert.equal(parseFrame(frame), frame, frame.type);
  assert.is(new Set(examples.map((frame) => frame.type)).size, 17);
});

test('a field too many, too few or of another type refuses the frame', () => {
  for (const frame of examples) {
    assert.is(parseFrame({ ...frame, more: 1 }), undefined, `${frame.type} with one field more`);
    for (const field of Object.keys(frame)) {
      const { [field]: _, ...rest } = frame as Record<string, unknown>;
      const isOptional = ['hint', 'evidence', 'vector', 'doc', 'bytes', 'signer', 'incarnation'].includes(
        field,
      );
      const isOptionalSignature = frame.type === 'checkpoint' && field === 'signature';
      if (!isOptional && !isOptionalSignature) {
        assert.is(parseFrame(rest), undefined, `${frame.type} without ${field}`);
      }
      if (field === 'report') continue;
      assert.is(parseFrame({ ...frame, [field]: 1.5 }), undefined, `${frame.type}.${field} = 1.5`);
      assert.is(parseFrame({ ...frame, [field]: null }), undefined, `${frame.type}.${field} = null`);
    }
  }
});

test('every list has a longest length, and one more refuses the frame', () => {
  const at = (type: Frame['type']): object => examples.find((frame) => frame.type === type)!;
  const limits: [object, string, unknown, number][] = [
    [at('hello'), 'features', 'x', FEATURES_MAX],
    [at('have'), 'digests', ['a', new Uint8Array(16)], DIGESTS_PER_FRAME_MAX],
    [at('vector'), 'feeds', ['a', 1, new Uint8Array(8)], FEEDS_PER_FRAME_MAX],
    [at('checkpoint'), 'vector', ['a', 1, new Uint8Array(32)], FEEDS_PER_FRAME_MAX],
    [at('entries'), 'entries', new Uint8Array(1), ENTRIES_PER_FRAME_MAX],
  ];
  for (const [frame, field, item, max] of limits) {
    const filled = (length: number): object => ({ ...frame, [field]: new Array(length).fill(item) });
    assert.ok(parseFrame(filled(max)), `${field}: ${max}`);
    assert.is(parseFrame(filled(max + 1)), undefined, `${field}: ${max + 1}`);
  }
  assert.ok(parseFrame({ ...at('alarm'), detail: 'x'.repeat(TEXT_LENGTH_MAX) }));
  assert.is(parseFrame({ ...at('alarm'), detail: 'x'.repeat(TEXT_LENGTH_MAX + 1) }), undefined);
  assert.is(parseFrame({ ...at('alarm'), code: 'x'.repeat(CODE_LENGTH_MAX + 1) }), undefined);
  assert.is(parseFrame({ ...at('checkpoint'), parts: CHECKPOINT_PARTS_MAX + 1 }), undefined);
});

test('the widest vector passes the gate that stands before the decoder', () => {
  const feeds = Array.from({ length: FEEDS_PER_FRAME_MAX }, (_, index) => [
    `orders/B${index}/w`,
    index,
    new Uint8Array(8),
  ]);
  const frame = { type: 'vector', collection: 'orders', feeds } as unknown as Frame;
  assert.equal(decodeFrame(encodeFrame(frame).message).frame, frame);
});

test('what is no object is no frame', () => {
  for (const value of [undefined, null, 1, 'hello', [], new Uint8Array(3), { type: 'unknown' }, {}]) {
    assert.is(parseFrame(value), undefined);
  }
});

test('the hand-written checks of the hot frames agree with their schemas', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.uint8Array({ minLength: 64, maxLength: 64 }),
    fc.constantFrom<unknown>(null, 'x', [1], Buffer.alloc(64)),
  );
  const name = fc.constantFrom<unknown>(
    'orders/B1/w',
    'a',
    '',
    '/',
    'a//b',
    'a b',
    'x'.repeat(200),
    'x'.repeat(201),
    5,
  );
  const number = fc.constantFrom<unknown>(
    0,
    1,
    -1,
    1.5,
    2 ** 53 - 1,
    2 ** 53,
    Number.NaN,
    7n,
    '1',
    undefined,
  );
  const entries = fc.oneof(
    fc.array(bytes, { maxLength: 3 }),
    fc.constant(Array.from({ length: ENTRIES_PER_FRAME_MAX + 1 }, () => new Uint8Array(1))),
    fc.constant(Array.from({ length: ENTRIES_PER_FRAME_MAX }, () => new Uint8Array(1))),
    fc.constantFrom<unknown>(null, {}, 'x'),
  );
  const more = fc.constantFrom({}, {}, { more: 1 }, { more: undefined });
  let frames = 0;
  const agree = (schema: typeof entriesSchema | typeof ackSchema, value: unknown): void => {
    const isFrame = parseFrame(value) !== undefined;
    assert.is(isFrame, schema.safeParse(value).success);
    if (isFrame) frames += 1;
  };
  fc.assert(
    fc.property(name, number, entries, bytes, more, (feed, from, list, signature, extra) => {
      agree(entriesSchema, { type: 'entries', feed, from, entries: list, signature, ...extra });
      agree(ackSchema, { type: 'ack', feed, seq: from, ...extra });
    }),
    { seed: 7, numRuns: 3_000 },
  );
  assert.ok(frames > 100, `only ${frames} frames among the samples`);
});

test('the protocol changes only together with a line of its history', () => {
  const last = PROTOCOL_HISTORY.at(-1)!;
  assert.is(protocolFingerprint(), last.fingerprint, 'add a line to PROTOCOL_HISTORY with this fingerprint');
  assert.is(last.version, PROTOCOL_VERSION);
  assert.ok(SPOKEN_VERSIONS.has(PROTOCOL_VERSION));
  const versions = PROTOCOL_HISTORY.map((line) => line.version);
  assert.equal(
    versions,
    [...versions].sort((a, b) => a - b),
  );
});

test('what a frame may hold is frozen in its type', () => {
  const frame: Frame = { type: 'ack', feed: 'a', seq: 0 };
  // @ts-expect-error frames are read, never changed in place
  frame.seq = 1;
  assert.is(parseFrame(frame), frame);
});

test.run();
