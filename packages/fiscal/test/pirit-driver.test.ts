/** The driver of Pirit keeps the contract of drivers, and its frames are those of the vendor's document. */
import { readFileSync } from 'node:fs';
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeHex } from '../src/decode-hex.ts';
import { KktError } from '../src/errors.ts';
import { bytesOfHex, hexOfBytes } from '../src/hex.ts';
import { kktDriverSuite, saleOf } from '../src/kkt/driver-suite.ts';
import { memoryLine } from '../src/kkt/emulator/memory-line.ts';
import {
  encodeAnswer,
  encodeRequest,
  FRAME_BYTES_MAX,
  ID_FIRST,
  ID_LAST,
  PiritFrameReader,
  readAnswer,
  readRequest,
} from '../src/kkt/pirit/frame.ts';
import { PiritLink, SENDS_MAX } from '../src/kkt/pirit/link.ts';
import { codeOf } from './support/code-of.ts';
import { drive } from './support/drive.ts';
import { kktScene } from './support/kkt-scene.ts';

interface Vector {
  readonly cmd: string;
  readonly params: readonly (string | number)[];
  readonly requestHex: string;
  readonly replyHex: string;
  readonly replyParams: readonly (string | number)[];
  readonly error: number;
}

const file = readFileSync(new URL('./fixtures/pirit-vectors.json', import.meta.url), 'utf8');
const { vectors } = JSON.parse(file) as { vectors: Vector[] };

const test = suite('pirit driver');

kktDriverSuite({ test, setup: async () => kktScene('pirit'), hasHands: true });

function bodyOf(hex: string) {
  const reader = new PiritFrameReader();
  return [...bytesOfHex(hex)].map((byte) => reader.push(byte)).find((body) => body !== undefined)!;
}

for (const { cmd, params, requestHex, replyHex, replyParams, error } of vectors) {
  test(`${cmd}: the frames of the vendor's rules read and are written again byte for byte`, () => {
    const request = readRequest(bodyOf(requestHex));
    assert.is(hexOfBytes(encodeRequest(request)), requestHex);
    assert.equal(request.fields, params.map(String));
    const answer = readAnswer(bodyOf(replyHex));
    assert.is(hexOfBytes(encodeAnswer(answer)), replyHex);
    assert.equal([answer.error, answer.fields], [error, replyParams.map(String)]);
    assert.equal(decodeHex('pirit', requestHex), {
      direction: 'request',
      password: 'PIRI',
      id: request.id,
      cmd,
      params: params.map(String),
      crcOk: true,
    });
    assert.equal(decodeHex('pirit', replyHex), {
      direction: 'reply',
      id: answer.id,
      cmd,
      error,
      params: replyParams.map(String),
      crcOk: true,
    });
  });
}

test('a damaged frame is known, one without an end is none', () => {
  const [{ requestHex }] = vectors as [Vector];
  const damaged = bytesOfHex(requestHex);
  damaged[6] = damaged[6]! ^ 1;
  assert.is((decodeHex('pirit', hexOfBytes(damaged)) as { crcOk: boolean }).crcOk, false);
  assert.is(
    codeOf(() => decodeHex('pirit', requestHex.slice(0, -2))),
    'KKT_PROTOCOL',
  );
  const long = { password: 'PIRI', id: 0x20, command: 0x42, fields: ['x'.repeat(FRAME_BYTES_MAX)] };
  assert.is(
    codeOf(() => encodeRequest(long)),
    'KKT_UNSUPPORTED',
  );
  const reader = new PiritFrameReader();
  reader.push(0x02);
  for (let bytes = 0; bytes < 2 * FRAME_BYTES_MAX; bytes += 1) assert.is(reader.push(0x41), undefined);
});

async function failure(work: Promise<unknown>): Promise<KktError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KktError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

test('an answer of before is told by its number; nothing but reads and damaged requests goes twice', async () => {
  const clock = new ManualClock();
  const [host, device] = memoryLine();
  const heard: number[] = [];
  let answers: ((id: number) => Uint8Array | undefined)[] = [];
  device.start({
    onBytes: (bytes) => {
      const { id } = readRequest(bodyOf(hexOfBytes(bytes)));
      heard.push(id);
      const answer = answers.shift()?.(id);
      if (answer !== undefined) device.send(answer);
    },
    onClose: () => undefined,
  });
  const link = new PiritLink(host, { clock, password: 'PIRI' });
  const ask = (isRepeatable: boolean) =>
    drive(clock, link.exchange({ command: 0x31, fields: [], limitMs: 1_000, isRepeatable }));
  const reply = (error: number) => (id: number) => encodeAnswer({ id, command: 0x31, error, fields: [] });

  answers = [
    (id) => Buffer.concat([encodeAnswer({ id: id - 1, command: 0x31, error: 0, fields: [] }), reply(9)(id)]),
  ];
  assert.is((await ask(false)).error, 9);
  assert.is(link.strayAnswers, 1);
  answers = [reply(7), reply(7), reply(0)];
  assert.is((await ask(false)).error, 0, 'damaged requests go again');
  heard.length = 0;
  assert.equal([(await failure(ask(false))).outcome, heard.length], ['unknown', 1]);
  heard.length = 0;
  assert.equal([(await failure(ask(true))).outcome, heard.length], ['unknown', SENDS_MAX]);
  const ids = new Set<number>();
  answers = Array.from({ length: 300 }, () => reply(0));
  for (let calls = 0; calls < 300; calls += 1) {
    await ask(false);
    ids.add(heard.at(-1)!);
  }
  assert.is(Math.min(...ids), ID_FIRST);
  assert.is(Math.max(...ids), ID_LAST);
});

test('G6: paper out in the middle of the close: registered, unprinted, and the close repeated prints it', async () => {
  const scene = kktScene('pirit');
  await scene.drive(scene.driver.openShift(undefined));
  const sale = saleOf('paper');
  await scene.drive(scene.driver.beginReceipt(sale));
  scene.emulator.device.printer.runOutAfter(0);
  const error = await failure(scene.drive(scene.driver.closeReceipt(sale)));
  assert.equal([error.code, error.outcome], ['KKT_PAPER_OUT', 'unknown']);
  const status = await scene.drive(scene.driver.status());
  assert.equal([status.document, status.print, status.lastFd], ['unprinted', 'no-paper', 3]);
  await failure(scene.drive(scene.driver.cancelReceipt()));
  scene.emulator.device.printer.insertPaper();
  await scene.drive(scene.driver.continuePrint());
  const after = await scene.drive(scene.driver.status());
  assert.equal([after.document, after.lastFd], ['none', 3]);
});

test('a device that was switched on is told the time before anything else', async () => {
  const scene = kktScene('pirit');
  await scene.drive(scene.driver.openShift(undefined));
  scene.emulator.cutPower(1_000);
  await scene.pass(2_000);
  await scene.drive(scene.driver.status().catch(() => undefined));
  await scene.drive(scene.driver.printXReport());
});

test('what the device has no field for is refused before anything is opened', async () => {
  const scene = kktScene('pirit');
  await scene.drive(scene.driver.openShift(undefined));
  const odd = saleOf('odd', {
    items: [{ name: 'x', quantityMilli: 1000, unitPriceMinor: 100, totalMinor: 101, vat: 'none' }],
    payments: { cashMinor: 101 },
    totalMinor: 101,
  });
  const cases: readonly (readonly [ReturnType<typeof saleOf>, string])[] = [
    [odd, 'KKT_TOTAL_MISMATCH'],
    [saleOf('tags', { extraTags: [{ tag: 1192, value: '1' }] }), 'KKT_UNSUPPORTED'],
  ];
  for (const [receipt, code] of cases) {
    const error = await failure(scene.drive(scene.driver.beginReceipt(receipt)));
    assert.equal([error.code, error.outcome], [code, 'unsent']);
  }
  const young = saleOf('vat', {
    items: [{ name: 'x', quantityMilli: 1000, unitPriceMinor: 100, totalMinor: 100, vat: 'vat5' }],
    payments: { cashMinor: 100 },
    totalMinor: 100,
  });
  const error = await failure(scene.drive(scene.driver.beginReceipt(young)));
  assert.is(error.problems?.[0]?.code, 'RECEIPT_VAT_UNKNOWN');
});

test.run();
