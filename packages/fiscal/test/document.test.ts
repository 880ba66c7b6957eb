import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeHex, HEX_FORMATS } from '../src/decode-hex.ts';
import { printableText } from '../src/ffd/cp866.ts';
import { definitionOf, placeOf, placesIn } from '../src/ffd/dictionary.ts';
import { decodeDocument, encodeDocument, encodeTag, TAG_DEPTH_MAX } from '../src/ffd/document.ts';
import { checkTags } from '../src/ffd/document-check.ts';
import { DOCUMENT_BYTES_MAX, DOCUMENT_FORMS, STRUCTURES } from '../src/ffd/document-forms.ts';
import { documentJson } from '../src/ffd/document-json.ts';
import { ffdVersions } from '../src/ffd/tag.ts';
import { TAG_ROWS } from '../src/ffd/tag-table.ts';
import { bytesOfHex, HEX_CHARS_MAX } from '../src/hex.ts';
import { codeOf } from './support/code-of.ts';

const test = suite('document');

const tlv = (tag: number, value: Uint8Array | number[]): Uint8Array =>
  Uint8Array.of(tag & 0xff, tag >> 8, value.length & 0xff, value.length >> 8, ...value);

test('every tag of every place has a definition, and no two names in one place are the same', () => {
  const parents = [...DOCUMENT_FORMS.map((form) => form.code), ...Object.keys(STRUCTURES).map(Number)];
  for (const version of ffdVersions) {
    for (const parent of parents) {
      const names = placesIn(version, parent).map(({ definition }) => definition.name);
      assert.is(new Set(names).size, names.length, `FFD ${version}, ${parent}: ${names.join(' ')}`);
    }
  }
  const placed = new Set(
    ffdVersions.flatMap((version) =>
      parents.flatMap((parent) => placesIn(version, parent).map(({ definition }) => definition.tag)),
    ),
  );
  for (const { tag } of TAG_ROWS) assert.ok(placed.has(tag), `tag ${tag} stands nowhere`);
  for (const list of [...Object.values(STRUCTURES), ...DOCUMENT_FORMS.map((form) => form.tags)]) {
    for (const word of list.split(/\s+/)) {
      const tag = Number.parseInt(word, 10);
      assert.ok(
        TAG_ROWS.some((row) => row.tag === tag),
        `no row for ${word}`,
      );
    }
  }
});

test('a tag means what its version and its place say', () => {
  assert.is(definitionOf('1.0', 3, 1115)?.type, 'string');
  assert.is(definitionOf('1.2', 3, 1115)?.type, 'structure');
  assert.is(placeOf('1.1', 1059, 1162)?.definition.name, 'productCode');
  assert.is(placeOf('1.2', 1059, 1162), undefined);
  assert.is(placeOf('1.1', 1059, 2108), undefined);
  assert.is(placeOf('1.2', 1059, 2108)?.definition.name, 'itemsQuantityMeasure');
  assert.is(definitionOf('1.2', 3, 1213)?.type, 'u16');
});

test('numbers of no length are zero, numbers with zero bytes behind them are themselves', () => {
  const read = (length: number): unknown => {
    const bytes = tlv(
      3,
      tlv(
        1020,
        [...Array(length)].map((_, at) => (at === 0 ? 7 : 0)),
      ),
    );
    return decodeDocument(bytes).nodes[0]?.value;
  };
  assert.equal([read(0), read(1), read(6), read(8)], [0, 7, 7, 7]);
});

test('a number above 2^53 is exact, in JSON as decimal text', () => {
  const document = decodeDocument(tlv(3, tlv(1020, Array(8).fill(0xff))));
  assert.is(document.nodes[0]?.value, 2n ** 64n - 1n);
  assert.equal(documentJson(document), { receipt: { totalSum: '18446744073709551615', code: 3 } });
});

test('what is unknown, doubled or unreadable is kept and shown', () => {
  const bytes = tlv(3, [
    ...tlv(1020, [1]),
    ...tlv(1020, [2]),
    ...tlv(60_000, [0xab]),
    ...tlv(1059, [1, 2, 3]),
    ...tlv(1023, [99, 1]),
  ]);
  const document = decodeDocument(bytes);
  assert.equal(documentJson(document), {
    receipt: {
      totalSum: [1, 2],
      items: ['010203'],
      quantity: '6301',
      unknownTags: [{ tag: 60_000, hex: 'ab' }],
      code: 3,
    },
  });
  assert.is(Buffer.from(document.raw).toString('hex'), Buffer.from(bytes.subarray(4)).toString('hex'));
});

test('a truncated document, a foreign form and too much of anything are refused by code', () => {
  assert.is(
    codeOf(() => decodeDocument(bytesOfHex('030005'))),
    'FFD_TRUNCATED',
  );
  assert.is(
    codeOf(() => decodeDocument(tlv(3, [1, 2, 3]))),
    'FFD_TRUNCATED',
  );
  assert.is(
    codeOf(() => decodeDocument(tlv(99, []))),
    'FFD_FORM_UNKNOWN',
  );
  assert.is(
    codeOf(() => decodeDocument(Buffer.concat([tlv(3, []), Buffer.alloc(65)]))),
    'FFD_TOO_LARGE',
  );
  assert.is(
    codeOf(() => decodeDocument(tlv(3, Buffer.alloc(DOCUMENT_BYTES_MAX + 1)))),
    'FFD_TOO_LARGE',
  );
  const most = decodeDocument(tlv(3, Buffer.alloc(DOCUMENT_BYTES_MAX)));
  assert.is(most.nodes.length, DOCUMENT_BYTES_MAX / 4);
});

test('nesting ends at its limit and leaves the rest as bytes', () => {
  let bytes: Uint8Array = tlv(1059, []);
  for (let depth = 0; depth < TAG_DEPTH_MAX + 3; depth += 1) bytes = tlv(1059, bytes);
  let depth = 0;
  let value: unknown = decodeDocument(tlv(3, bytes)).nodes;
  while (Array.isArray(value) && value.length > 0) {
    depth += 1;
    value = (value[0] as { value: unknown }).value;
  }
  assert.is(depth, TAG_DEPTH_MAX);
});

test('a shell without one known value is a tree of tags', () => {
  assert.equal(decodeHex('document', '07 00 08 00 2c 04 04 00 17 04 00 00'), {
    tag: 7,
    value: [{ tag: 1068, u32: 1047 }],
  });
  assert.equal(documentJson(decodeDocument(tlv(7, tlv(1068, tlv(1015, [1, 2, 3, 4, 5]))))), {
    tag: 7,
    value: [{ tag: 1068, value: [{ tag: 1015, hex: '0102030405' }] }],
  });
});

test('writing is strict: no foreign tag, no long value, no text the printer lacks', () => {
  const write = (tag: number, value: string | number | Uint8Array, parent = 3) =>
    codeOf(() => encodeTag({ tag, value }, '1.2', parent));
  assert.is(write(1197, 'шт', 1059), 'FFD_TAG_UNKNOWN');
  assert.is(write(60_000, 1), 'FFD_TAG_UNKNOWN');
  assert.is(write(1021, 'x'.repeat(65)), 'FFD_VALUE_INVALID');
  assert.is(write(1020, 2 ** 48), 'FFD_VALUE_INVALID');
  assert.is(write(1020, -1), 'FFD_VALUE_INVALID');
  assert.is(write(1020, 1.5), 'FFD_VALUE_INVALID');
  assert.is(write(1054, 256), 'FFD_VALUE_INVALID');
  assert.is(write(1077, new Uint8Array(5)), 'FFD_VALUE_INVALID');
  assert.is(write(1023, 5, 1059), 'FFD_VALUE_INVALID');
  assert.is(write(1059, 5), 'FFD_VALUE_INVALID');
  assert.is(write(1021, 'Ann «A»'), 'FFD_TEXT_INVALID');
  assert.is(
    codeOf(() => encodeDocument(9, [], '1.2')),
    'FFD_FORM_UNKNOWN',
  );
  const item = { tag: 1059, value: [{ tag: 1030, value: 'x'.repeat(128) }] };
  assert.is(
    codeOf(() => encodeDocument(3, Array(300).fill(item), '1.2')),
    'FFD_TOO_LARGE',
  );
});

test('names lose their typography, not their letters', () => {
  assert.is(printableText('Хлеб «Ржаной» — 0,5 кг…  ', 128), 'Хлеб "Ржаной" - 0,5 кг...');
  assert.is(printableText('№ 5 ёж 日本 ☃', 128), '№ 5 ёж ?? ?');
  assert.is(printableText('ααα', 2).length, 2);
});

test('the check names what is missing, doubled, out of place, too long', () => {
  const bytes = tlv(3, [
    ...tlv(1209, [4]),
    ...tlv(1020, [1]),
    ...tlv(1020, [1]),
    ...tlv(1101, [1]),
    ...tlv(1021, Buffer.alloc(65, 0x20)),
  ]);
  const findings = checkTags('1.2', 3, decodeDocument(bytes).nodes, { filledLater: (tag) => tag === 1041 });
  const of = (kind: string): number[] => findings.filter((f) => f.kind === kind).map((f) => f.tag);
  assert.equal(of('duplicate'), [1020]);
  assert.equal(of('misplaced'), [1101]);
  assert.equal(of('too-long'), [1021]);
  assert.ok(of('missing').includes(1054) && !of('missing').includes(1041));
});

test('hexadecimal input is bounded and refused by code', () => {
  assert.is(
    codeOf(() => decodeHex('session', 'zz')),
    'HEX_INVALID',
  );
  assert.is(
    codeOf(() => decodeHex('session', '0'.repeat(HEX_CHARS_MAX + 1))),
    'HEX_INVALID',
  );
  assert.is(
    codeOf(() => decodeHex('toString', '00')),
    'HEX_FORMAT_UNKNOWN',
  );
  assert.ok(Object.hasOwn(HEX_FORMATS, 'container'));
});

test.run();
