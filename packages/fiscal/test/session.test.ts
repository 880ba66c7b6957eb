import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeHex } from '../src/decode-hex.ts';
import { hexOfBytes } from '../src/hex.ts';
import { readAcknowledgement, readAnswerTo, readOutgoing } from '../src/ofd/acknowledgement.ts';
import { decodeContainer, encodeContainer, readContainer } from '../src/ofd/container.ts';
import {
  correctFormatVersion,
  decodeSession,
  decodeSessionHeader,
  encodeSession,
  ffdVersionOf,
  SESSION_BODY_BYTES_MAX,
} from '../src/ofd/session-header.ts';
import { SessionReader } from '../src/ofd/session-reader.ts';
import { codeOf } from './support/code-of.ts';
import { FN, receiptMessage } from './support/memory-fn.ts';

const test = suite('session and container');

const body = Uint8Array.of(1, 2, 3);

test('the checksum covers what its mode says', () => {
  for (const mode of [0, 1, 2]) {
    const message = encodeSession({ fn: FN, body, flags: 0x14 | mode });
    assert.equal(decodeSession(message).body, body);
    const wrongHeader = message.slice();
    wrongHeader[9]! ^= 1;
    assert.is(
      codeOf(() => decodeSession(wrongHeader)),
      mode === 0 ? '' : 'OFD_CRC_MISMATCH',
    );
    const wrongBody = message.slice();
    wrongBody[30]! ^= 1;
    assert.is(
      codeOf(() => decodeSession(wrongBody)),
      mode === 2 ? 'OFD_CRC_MISMATCH' : '',
    );
  }
});

test('every version of the format is read, no other is', () => {
  const versions = {
    '0100': '1.0',
    '0001': '1.0',
    '0002': '1.05',
    '0105': '1.05',
    '0110': '1.1',
    '0120': '1.2',
  };
  for (const [formatVersion, version] of Object.entries(versions)) {
    const header = decodeSessionHeader(encodeSession({ fn: FN, body, formatVersion }));
    assert.is(ffdVersionOf(header), version);
  }
  const message = encodeSession({ fn: FN, body }).slice();
  message.set([9, 9], 6);
  assert.is(
    codeOf(() => decodeSession(message)),
    'OFD_FORMAT_VERSION_UNKNOWN',
  );
  assert.is(
    codeOf(() => encodeSession({ fn: FN, body, formatVersion: '0130' })),
    'OFD_FORMAT_VERSION_UNKNOWN',
  );
});

test('a slip of the firmware is corrected only where no checksum vouches for it', () => {
  const slip = encodeSession({ fn: FN, body }).slice();
  slip.set([0x01, 0x01], 6);
  assert.is(hexOfBytes(correctFormatVersion(slip).subarray(6, 8)), '0110');
  slip[28] = 1;
  assert.is(correctFormatVersion(slip), slip);
  assert.is(
    codeOf(() => decodeSession(slip)),
    'OFD_FORMAT_VERSION_UNKNOWN',
  );
});

test('sizes and numbers beyond the format are refused', () => {
  const long = new Uint8Array(SESSION_BODY_BYTES_MAX + 1);
  assert.is(
    codeOf(() => encodeSession({ fn: FN, body: long })),
    'OFD_TOO_LARGE',
  );
  assert.is(
    codeOf(() => encodeSession({ fn: '', body })),
    'OFD_CONTAINER_INVALID',
  );
  assert.is(
    codeOf(() => encodeContainer({ form: 3, fn: 'x', fd: 1, body })),
    'OFD_CONTAINER_INVALID',
  );
  assert.is(
    codeOf(() => encodeContainer({ form: 3, fn: FN, fd: 2 ** 24, body })),
    'OFD_CONTAINER_INVALID',
  );
  assert.is(
    codeOf(() => encodeContainer({ form: 3, fn: FN, fd: 1, body: new Uint8Array(70_000) })),
    'OFD_TOO_LARGE',
  );
  assert.is(
    codeOf(() => decodeContainer(new Uint8Array(31))),
    'OFD_TRUNCATED',
  );
  assert.is(
    codeOf(() => decodeContainer(new Uint8Array(32))),
    'OFD_CONTAINER_INVALID',
  );
});

test('a container whose length counts the body alone is read as well', () => {
  const container = Buffer.from(encodeContainer({ form: 3, fn: FN, fd: 1, body: new Uint8Array(50) }));
  container.writeUInt16LE(50, 0);
  assert.is(readContainer(container).body.length, 50);
});

test('an FN number of odd length is filled up and read back', () => {
  const container = encodeContainer({ form: 3, fn: '999907891234567', fd: 1, body });
  assert.is(hexOfBytes(container.subarray(9, 17)), '999907891234567f');
  assert.is(decodeContainer(container).header.fn, '999907891234567');
});

test('a message is put together from any pieces, and what follows it is left alone', () => {
  const message = receiptMessage(FN, 1);
  const reader = new SessionReader();
  for (const byte of message.subarray(0, -1)) assert.is(reader.push(Uint8Array.of(byte)), undefined);
  assert.equal(reader.push(Buffer.concat([message.subarray(-1), message])), message);
  const header = message.slice(0, 30);
  header.set([0xff, 0xff], 24);
  assert.is(
    codeOf(() => new SessionReader().push(header)),
    'OFD_TOO_LARGE',
  );
  assert.is(
    codeOf(() => new SessionReader().push(new Uint8Array(40_000))),
    'OFD_SIGNATURE_INVALID',
  );
});

test('an encrypted body is opaque, and its message is carried all the same', () => {
  const secret = Uint8Array.from({ length: 100 }, (_, at) => (at * 91 + 7) & 0xff);
  const container = encodeContainer({ form: 3, fn: FN, fd: 5, body: secret });
  const message = encodeSession({ fn: FN, body: container });
  assert.equal(readOutgoing(message, FN), { key: { fn: FN, fd: 5 }, form: 3 });
  const shown = decodeHex('session', hexOfBytes(message)) as Record<string, unknown>;
  assert.equal([shown.bodyHex, shown.bodyOpaque], [hexOfBytes(secret), 'FFD_TRUNCATED']);
  const answer = encodeSession({ fn: FN, body: encodeContainer({ form: 7, fn: FN, fd: 5, body: secret }) });
  assert.equal(readAnswerTo({ fn: FN, fd: 5 }, answer), { key: { fn: FN, fd: 5 } });
  assert.is(
    codeOf(() => readAnswerTo({ fn: FN, fd: 6 }, answer)),
    'OFD_ACK_FOREIGN',
  );
  assert.is(
    codeOf(() => readOutgoing(message, '9999078900001366')),
    'FN_MESSAGE_FOREIGN',
  );
});

test('an acknowledgement whose parts disagree is nobody’s', () => {
  const wrap = (fn: string, inside: Uint8Array, form = 7): Uint8Array =>
    encodeSession({ fn, body: encodeContainer({ form, fn: FN, fd: 5, body: inside }) });
  assert.is(
    codeOf(() => readAcknowledgement(wrap('9999078900001366', body))),
    'OFD_ACK_FOREIGN',
  );
  assert.is(
    codeOf(() => readAcknowledgement(wrap(FN, body, 3))),
    'OFD_ACK_INVALID',
  );
  const tlv = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
  const ours = `11041000${Buffer.from(FN).toString('hex')}1004040005000000`;
  assert.is(
    codeOf(() => readAcknowledgement(wrap(FN, tlv(`07001c00${ours}`)))),
    'OFD_ACK_INVALID',
  );
  const other = `11041000${Buffer.from(FN).toString('hex')}1004040006000000`;
  assert.is(
    codeOf(() => readAcknowledgement(wrap(FN, tlv(`07001c00${other}`)))),
    'OFD_ACK_FOREIGN',
  );
});

test.run();
