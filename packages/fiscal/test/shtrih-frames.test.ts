/** Both framings of Shtrih-M against frames published from devices, and against damage. */
import { readFileSync } from 'node:fs';
import { seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeHex } from '../src/decode-hex.ts';
import { bytesOfHex, hexOfBytes } from '../src/hex.ts';
import { COMMANDS, codeBytes, codeText, commandIn } from '../src/kkt/shtrih/commands.ts';
import { FieldReader, FieldWriter } from '../src/kkt/shtrih/fields.ts';
import { decodeFrameV1, encodeFrameV1, MESSAGE_V1_MAX } from '../src/kkt/shtrih/frame-v1.ts';
import { decodeFrameV2, encodeFrameV2, FrameV2Reader, MESSAGE_V2_MAX } from '../src/kkt/shtrih/frame-v2.ts';
import { codeOf } from './support/code-of.ts';

interface Vector {
  readonly id: string;
  readonly proto: 'v1' | 'v2';
  readonly request?: string;
  readonly reply?: string;
  readonly requestNum?: number;
  readonly requestData?: string;
  readonly replyNum?: number;
  readonly replyData?: string;
  readonly source: string;
}

const file = readFileSync(new URL('./fixtures/shtrih-vectors.json', import.meta.url), 'utf8');
const { vectors } = JSON.parse(file) as { vectors: Vector[] };

const test = suite('shtrih frames');

for (const { id, proto, request, reply, source, ...known } of vectors) {
  test(`${id} reads and is written again byte for byte (${source})`, () => {
    for (const frame of [request, reply]) {
      if (frame === undefined) continue;
      const bytes = bytesOfHex(frame);
      if (proto === 'v1') {
        const { message, isIntact } = decodeFrameV1(bytes);
        assert.ok(isIntact);
        assert.is(hexOfBytes(encodeFrameV1(message)), frame);
      } else {
        assert.is(hexOfBytes(encodeFrameV2(decodeFrameV2(bytes))), frame);
      }
    }
    const read = (frame: string) => decodeHex(`shtrih-${proto}`, frame) as Record<string, unknown>;
    if (known.requestNum !== undefined) {
      assert.is(read(request!).num, known.requestNum);
      assert.is(read(request!).data, known.requestData);
    }
    if (known.replyNum !== undefined) {
      assert.is(read(reply!).num, known.replyNum);
      assert.is(read(reply!).data, known.replyData);
    }
    if (request !== undefined && id !== 'v2-sync') assert.is(read(request).direction, 'request');
    if (reply !== undefined) assert.is(read(reply).direction, 'reply');
  });
}

test('known answers are spelled out', () => {
  const of = (id: string) => {
    const { proto, reply } = vectors.find((vector) => vector.id === id)!;
    return (decodeHex(`shtrih-${proto}`, reply!) as { fields: unknown }).fields;
  };
  assert.equal(of('fn-status'), {
    phase: 3,
    currentDocument: 4,
    hasData: true,
    isShiftOpen: true,
    warnings: 8,
    at: '2019-01-13T02:11:00',
    fn: '9999078902000273',
    lastFd: 16,
  });
  assert.equal(of('ff45-reply'), { changeMinor: 0, fd: 29, fp: 0xff3560f3 });
  assert.equal(of('v2-short-status-8'), { flags: 0x90, mode: 8, modeKind: 0, submode: 5 });
  const device = of('device-type') as { version: string; title: string };
  assert.is(device.version, '2.0');
  assert.ok(device.title.startsWith('ШТРИХ'));
});

test('the published close of a receipt is what the codec writes', () => {
  const { request } = vectors.find(({ id }) => id === 'ff45-request')!;
  const writer = new FieldWriter().bytes(codeBytes(COMMANDS['close-receipt'].code)).number(30, 4).money(5000);
  for (let field = 0; field < 15; field += 1) writer.money(0);
  writer.byte(0);
  for (let tax = 0; tax < 6; tax += 1) writer.money(0);
  assert.is(hexOfBytes(encodeFrameV1(writer.byte(1).done())), request);
});

test('a damaged frame is never taken for a whole one', () => {
  const random = seededRandom(4);
  for (const { proto, reply } of vectors) {
    if (reply === undefined) continue;
    for (let tries = 0; tries < 20; tries += 1) {
      const bytes = bytesOfHex(reply);
      const at = 1 + Math.floor(random() * (bytes.length - 1));
      bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8));
      if (proto === 'v1') {
        if (at === 1)
          assert.is(
            codeOf(() => decodeFrameV1(bytes)),
            'KKT_PROTOCOL',
          );
        else assert.not(decodeFrameV1(bytes).isIntact);
      } else {
        assert.is(
          codeOf(() => decodeFrameV2(bytes)),
          'KKT_PROTOCOL',
        );
      }
    }
  }
});

test('a frame that breaks off is dropped where the next one begins', () => {
  const reader = new FrameV2Reader();
  const whole = encodeFrameV2({ number: 3, message: Uint8Array.of(0x10, 0) });
  const seen = [...whole.subarray(0, 5), ...whole].map((byte) => reader.push(byte)).filter(Boolean);
  assert.is(seen[0], 'corrupt');
  assert.equal(seen[1], { number: 3, message: Uint8Array.of(0x10, 0) });
  assert.is(reader.push(0x8f), undefined);
  assert.is(reader.push(0x9f), undefined);
  assert.is(reader.push(0x80), 'corrupt', 'no such escape');
});

test('MESSAGE_V1_MAX and MESSAGE_V2_MAX are reached and not passed', () => {
  const full = new Uint8Array(MESSAGE_V1_MAX).fill(7);
  assert.equal(decodeFrameV1(encodeFrameV1(full)).message, full);
  assert.is(
    codeOf(() => encodeFrameV1(new Uint8Array(MESSAGE_V1_MAX + 1))),
    'KKT_UNSUPPORTED',
  );
  const long = { number: 1, message: new Uint8Array(MESSAGE_V2_MAX).fill(0x8f) };
  assert.equal(decodeFrameV2(encodeFrameV2(long)), long);
  const more = { number: 1, message: new Uint8Array(MESSAGE_V2_MAX + 1) };
  assert.is(
    codeOf(() => encodeFrameV2(more)),
    'KKT_UNSUPPORTED',
  );
});

test('fields: money in five bytes, text in CP1251, times, and nothing beyond the bytes', () => {
  const bytes = new FieldWriter().money(0xff_ffff_ffff).text('Ё!', 8).time(1_700_000_000).auto(2).done();
  const reader = new FieldReader(bytes);
  assert.is(reader.money(), 0xff_ffff_ffff);
  assert.is(reader.text(2), 'Ё!');
  assert.is(reader.time(), 1_700_000_000 - (1_700_000_000 % 60));
  assert.is(reader.left, 2);
  assert.is(
    codeOf(() => reader.bytes(3)),
    'KKT_PROTOCOL',
  );
  assert.is(
    codeOf(() => new FieldWriter().money(2 ** 40)),
    'KKT_UNSUPPORTED',
  );
  assert.is(
    codeOf(() => new FieldWriter().byte(-1)),
    'KKT_UNSUPPORTED',
  );
});

test('every command has a name by its code', () => {
  for (const [name, { code }] of Object.entries(COMMANDS)) {
    assert.is(commandIn(codeBytes(code)).name, name);
  }
  assert.is(codeText(0xff45), 'FF45');
  assert.is(codeText(0x10), '10h');
  assert.is(commandIn(Uint8Array.of(0x99)).name, undefined);
});

test.run();
