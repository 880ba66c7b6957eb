/**
 * Captured Shtrih-M frames as JSON, for people. A frame does not say which way it went: it is a request when a password stands
 * where one would, else a reply. A wrong checksum is shown, not refused.
 */
import type { Json } from '../../ffd/document-json.ts';
import { formatWallTime } from '../../ffd/wall-time.ts';
import { hexOfBytes } from '../../hex.ts';
import { type CommandName, codeText, commandIn } from './commands.ts';
import { FieldReader } from './fields.ts';
import { decodeFrameV1 } from './frame-v1.ts';
import { decodeFrameV2 } from './frame-v2.ts';

type JsonObject = { readonly [key: string]: Json };

/** Operators, administrator, system administrator. */
const PASSWORD_MAX = 30;

export function frameV1Json(bytes: Uint8Array): JsonObject {
  const { message, checksum, isIntact } = decodeFrameV1(bytes);
  return { length: message.length, ...messageJson(message), lrc: checksum, lrcOk: isIntact };
}

export function frameV2Json(bytes: Uint8Array): JsonObject {
  const { number, message } = decodeFrameV2(bytes);
  // A broken CRC makes no frame: what was decoded is intact.
  if (number === undefined) return { length: 0, meaning: 'asks for the last answer', crcOk: true };
  const length = message.length + 2;
  if (message.length === 0) return { length, num: number, meaning: 'nothing was answered yet', crcOk: true };
  return { length, num: number, ...messageJson(message), crcOk: true };
}

function messageJson(message: Uint8Array): JsonObject {
  const { code, name, rest } = commandIn(message);
  const head = { command: codeText(code), ...(name === undefined ? {} : { name }) };
  const data = hexOfBytes(message);
  if (isRequest(name, rest)) {
    const password = rest.length < 4 ? {} : { password: rest[0]! };
    return { ...head, direction: 'request', ...password, params: hexOfBytes(rest.subarray(4)), data };
  }
  const [error = 0] = rest;
  const answer = rest.subarray(1);
  const fields = error === 0 && name !== undefined ? fieldsOf(name, answer) : {};
  return { ...head, direction: 'reply', error, params: hexOfBytes(answer), ...fields, data };
}

function isRequest(name: CommandName | undefined, rest: Uint8Array): boolean {
  if (name === 'device-type') return rest.length === 0;
  const [password = 0, ...zeros] = rest.subarray(0, 4);
  return rest.length >= 4 && password > 0 && password <= PASSWORD_MAX && zeros.every((byte) => byte === 0);
}

const FIELDS: Partial<Record<CommandName, (answer: FieldReader) => JsonObject>> = {
  'short-status': (answer) => {
    answer.skip(1);
    const flags = answer.number(2);
    const mode = answer.byte();
    return { flags, mode: mode & 0x0f, modeKind: mode >> 4, submode: answer.byte() };
  },
  'fn-status': (answer) => ({
    phase: answer.byte(),
    currentDocument: answer.byte(),
    hasData: answer.byte() !== 0,
    isShiftOpen: answer.byte() !== 0,
    warnings: answer.byte(),
    at: formatWallTime(answer.time()),
    fn: answer.text(16),
    lastFd: answer.number(4),
  }),
  'device-type': (answer) => {
    const [type = 0, subtype = 0, version = 0, subversion = 0, model = 0] = answer.bytes(6);
    return { type, subtype, version: `${version}.${subversion}`, model, title: answer.text(answer.left) };
  },
  'ofd-status': (answer) => {
    const bits = answer.byte();
    answer.skip(1);
    return { bits, queue: answer.number(2), firstFd: answer.number(4) };
  },
  'close-receipt': (answer) => ({ changeMinor: answer.money(), fd: answer.number(4), fp: answer.number(4) }),
};

/** Nothing where the answer is of another length than known ones. */
function fieldsOf(name: CommandName, answer: Uint8Array): JsonObject {
  const read = FIELDS[name];
  if (read === undefined) return {};
  try {
    return { fields: read(new FieldReader(answer)) };
  } catch {
    return {};
  }
}
