// limit: 900 s
/** Bytes of registers, storages and operators: whatever arrives, a value or a coded refusal. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from '../../../test/support/fuzz.ts';
import { HEX_FORMATS } from '../src/decode-hex.ts';
import { FiscalError, KktError } from '../src/errors.ts';
import { bytesOfHex } from '../src/hex.ts';
import { commandIn } from '../src/kkt/shtrih/commands.ts';
import { FrameV2Reader } from '../src/kkt/shtrih/frame-v2.ts';
import { readAcknowledgement, readOutgoing } from '../src/ofd/acknowledgement.ts';
import { SessionReader } from '../src/ofd/session-reader.ts';

const isRefusal = (error: unknown): boolean => error instanceof FiscalError || error instanceof KktError;
const FN = '9999078900005488';

function vectors<Vector>(name: string): readonly Vector[] {
  const text = readFileSync(new URL(`./fixtures/${name}-vectors.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { vectors: Vector[] }).vectors;
}

const ofd = vectors<{ hex: string }>('ofd').map(({ hex }) => bytesOfHex(hex));
const shtrih = vectors<{ request?: string; reply?: string }>('shtrih')
  .flatMap(({ request, reply }) => [request, reply])
  .flatMap((hex) => (hex === undefined ? [] : [bytesOfHex(hex)]));
const pirit = vectors<{ requestHex?: string; replyHex?: string }>('pirit')
  .flatMap(({ requestHex, replyHex }) => [requestHex, replyHex])
  .flatMap((hex) => (hex === undefined ? [] : [bytesOfHex(hex)]));
const corpusOf: Readonly<Record<string, readonly Uint8Array[]>> = {
  'shtrih-v1': shtrih,
  'shtrih-v2': shtrih,
  pirit,
};

const test = suite('fiscal bytes under mutation');

for (const [format, decode] of Object.entries(HEX_FORMATS)) {
  test(`${format}, as the command line reads it`, async () => {
    const { values } = await fuzz({ name: format, corpus: corpusOf[format] ?? ofd, decode, isRefusal });
    assert.ok(values > 0);
  });
}

test('an answer of the operator', async () => {
  await fuzz({
    name: 'acknowledgement',
    corpus: ofd,
    decode: (bytes) => readAcknowledgement(bytes),
    isRefusal,
  });
  await fuzz({
    name: 'message of a storage',
    corpus: ofd,
    decode: (bytes) => readOutgoing(bytes, FN),
    isRefusal,
  });
  await fuzz({ name: 'session', corpus: ofd, decode: (bytes) => new SessionReader().push(bytes), isRefusal });
});

test('a line of a register', async () => {
  await fuzz({
    name: 'framing v2',
    corpus: shtrih,
    decode: (bytes) => {
      const reader = new FrameV2Reader();
      for (const byte of bytes) reader.push(byte);
    },
    isRefusal,
  });
  await fuzz({ name: 'command', corpus: shtrih, decode: (bytes) => commandIn(bytes), isRefusal });
});

test.run();
