/** Every published vector of the OFD protocol and of FFD documents, with its provenance in the fixture. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crc16 } from '../src/crc16.ts';
import { decodeHex, hexFormats } from '../src/decode-hex.ts';
import { decodeDocument, encodeNodes } from '../src/ffd/document.ts';
import type { TagDefinition, TagType } from '../src/ffd/tag.ts';
import { decodeValue, formatSign, printedSign } from '../src/ffd/tag-value.ts';
import { bytesOfHex, hexOfBytes } from '../src/hex.ts';
import { decodeContainer, encodeContainer } from '../src/ofd/container.ts';
import { decodeSession, encodeSession } from '../src/ofd/session-header.ts';

interface Vector {
  readonly id: string;
  readonly kind: string;
  readonly hex: string;
  readonly decoded: unknown;
  readonly provenance: string;
}

const file = readFileSync(new URL('./fixtures/ofd-vectors.json', import.meta.url), 'utf8');
const vectors = (JSON.parse(file) as { vectors: Vector[] }).vectors;
const ofKind = (kind: string): Vector[] => vectors.filter((vector) => vector.kind === kind);

const AS: Readonly<Record<string, string>> = {
  sessionHeader: 'session',
  sessionMessage: 'session',
  containerHeader: 'container',
  documentTlv: 'document',
};

const vector = suite('vectors');

for (const { id, kind, hex, decoded } of vectors) {
  const as = AS[kind];
  if (as === undefined) continue;
  vector(`${id} decodes to exactly the published JSON`, () => {
    assert.equal(JSON.parse(JSON.stringify(decodeHex(as, hex))), decoded);
  });
}

const TYPES: Readonly<Record<string, TagType>> = {
  VLN: 'vln',
  FVLN: 'fvln',
  String: 'string',
  UnixTime: 'time',
  Byte: 'byte',
  U32: 'u32',
};

for (const { id, hex, decoded } of ofKind('primitive')) {
  vector(`${id} decodes to its value`, () => {
    const type = TYPES[/^prim-(\w+)/.exec(id)![1]!]!;
    const definition: TagDefinition = {
      tag: 0,
      type,
      max: 8,
      name: 'x',
      isFixed: false,
      isRepeatable: false,
    };
    assert.is(decodeValue(definition, bytesOfHex(hex)), decoded);
  });
}

vector('a fiscal sign prints as ten digits', () => {
  const { hex, decoded } = ofKind('fiscalSign')[0]!;
  const sign = printedSign(bytesOfHex(hex))!;
  assert.equal({ printed: sign, printed10: formatSign(sign) }, decoded);
});

vector('the checksum gives its catalogue value', () => {
  const { hex, decoded } = ofKind('crc')[0]!;
  assert.is(crc16(bytesOfHex(hex)), (decoded as { crc: number }).crc);
});

const REFUSALS: Readonly<Record<string, string>> = {
  'neg-bad-signature': 'OFD_SIGNATURE_INVALID',
  'neg-test-svers': 'OFD_SESSION_VERSION_UNKNOWN',
  'neg-short-session': 'OFD_TRUNCATED',
};

for (const { id, hex } of ofKind('negative')) {
  const code = REFUSALS[id];
  if (code === undefined) continue;
  vector(`${id} is refused with ${code}`, () => {
    assert.throws(
      () => decodeHex('session', hex),
      (error: { code: string }) => error.code === code,
    );
  });
}

vector('a message of FFD 1.2 is accepted, where the reference refuses it', () => {
  const { hex } = vectors.find(({ id }) => id === 'neg-pva-0120')!;
  assert.is((decodeHex('session', hex) as { pva_hex: string }).pva_hex, '0120');
});

vector('a decoded document is written again byte for byte', () => {
  for (const { hex } of ofKind('documentTlv')) {
    assert.is(hexOfBytes(encodeNodes(decodeDocument(bytesOfHex(hex)).nodes)), hex.slice(8));
  }
});

vector('decoded sessions and containers are written again byte for byte', () => {
  for (const { hex } of ofKind('sessionMessage')) {
    const { session, body } = decodeSession(bytesOfHex(hex));
    const { header, body: inside } = decodeContainer(body);
    const container = encodeContainer({ ...header, body: inside });
    assert.is(hexOfBytes(container), hexOfBytes(body));
    assert.is(hexOfBytes(encodeSession({ ...session, body: container })), hex);
  }
});

vector('no vector is left out and every one names its source', () => {
  const covered = new Set([...Object.keys(AS), 'primitive', 'fiscalSign', 'crc', 'negative']);
  for (const { kind, provenance } of vectors) {
    assert.ok(covered.has(kind), kind);
    assert.ok(provenance.length > 20);
  }
  assert.equal(hexFormats.slice(0, 3), ['session', 'container', 'document']);
});

vector.run();
