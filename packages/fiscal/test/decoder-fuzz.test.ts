/** Mutants of every vector: whatever the bytes, a decoder answers with a value or a coded error, in bounded time. */
import { readFileSync } from 'node:fs';
import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeHex } from '../src/decode-hex.ts';
import { FiscalError } from '../src/errors.ts';
import { decodeDocument, encodeNodes } from '../src/ffd/document.ts';
import { bytesOfHex, hexOfBytes } from '../src/hex.ts';
import { readAcknowledgement, readOutgoing } from '../src/ofd/acknowledgement.ts';
import { SessionReader } from '../src/ofd/session-reader.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122);
const MUTANTS = Number(process.env.FUZZ_MUTANTS ?? 12_000);

const file = readFileSync(new URL('./fixtures/ofd-vectors.json', import.meta.url), 'utf8');
const corpus = (JSON.parse(file) as { vectors: { hex: string }[] }).vectors.map(({ hex }) => bytesOfHex(hex));

const test = suite('decoder fuzz');

const DECODERS: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => decodeHex('session', hexOfBytes(bytes)),
  (bytes) => decodeHex('container', hexOfBytes(bytes)),
  (bytes) => decodeHex('document', hexOfBytes(bytes)),
  (bytes) => readAcknowledgement(bytes),
  (bytes) => readOutgoing(bytes, '9999078900005488'),
  (bytes) => new SessionReader().push(bytes),
];

test(`${MUTANTS} mutants end in a value or a coded error (FUZZ_SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  let values = 0;
  for (let made = 0; made < MUTANTS; made += 1) {
    const bytes = mutate(corpus[randomInteger(random, corpus.length)]!);
    for (const decode of DECODERS) {
      try {
        JSON.stringify(decode(bytes), (_, value) => (typeof value === 'bigint' ? value.toString() : value));
        values += 1;
      } catch (error) {
        if (!(error instanceof FiscalError)) {
          throw new Error(`FUZZ_SEED=${SEED} mutant ${made}: ${hexOfBytes(bytes)}`, { cause: error });
        }
      }
    }
    assertNothingLost(bytes);
  }
  assert.ok(values > MUTANTS / 10, 'the mutants are too broken to reach anything');

  function mutate(original: Uint8Array): Uint8Array {
    let bytes = Buffer.from(original);
    for (let round = randomInteger(random, 4); round >= 0; round -= 1) {
      const at = randomInteger(random, bytes.length + 1);
      switch (randomInteger(random, 5)) {
        case 0:
          if (at < bytes.length) bytes[at] = randomInteger(random, 256);
          break;
        case 1:
          bytes = bytes.subarray(0, at);
          break;
        case 2:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 8))]);
          break;
        case 3:
          if (at < bytes.length) bytes[at] = [0, 0xff, 0x7f, 0x80][randomInteger(random, 4)]!;
          break;
        default:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + randomInteger(random, 4))]);
      }
    }
    return bytes;
  }
});

/** Whatever decodes is written back byte for byte. */
function assertNothingLost(bytes: Uint8Array): void {
  try {
    const document = decodeDocument(bytes);
    assert.is(hexOfBytes(encodeNodes(document.nodes)), hexOfBytes(document.raw));
  } catch (error) {
    if (!(error instanceof FiscalError)) throw error;
  }
}

test.run();
