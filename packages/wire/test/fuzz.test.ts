// limit: 600 s
/** Frames from a stranger: whatever the bytes, a value or a coded refusal. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from '../../../test/support/fuzz.ts';
import { decodeFrame, encodeFrame } from '../src/codec.ts';
import { inflateBody } from '../src/deflate.ts';
import { WireError } from '../src/errors.ts';
import { examples } from './examples.ts';

const FRAME_BYTES_MAX = 1024 * 1024;
const test = suite('frames under mutation');

test('a frame', async () => {
  const { values } = await fuzz({
    name: 'wire frame',
    corpus: examples.map((frame) => encodeFrame(frame).message),
    decode: (bytes) => decodeFrame(bytes),
    isRefusal: (error) => error instanceof WireError,
  });
  assert.ok(values > 0);
});

test('a deflated body', async () => {
  await fuzz({
    name: 'deflated body',
    corpus: examples.map((frame) => encodeFrame(frame).message.subarray(5)),
    decode: (bytes) => {
      const body = inflateBody(bytes, FRAME_BYTES_MAX);
      assert.ok(body === undefined || body === 'bomb' || body.byteLength <= FRAME_BYTES_MAX);
    },
    isRefusal: () => false,
  });
});

test.run();
