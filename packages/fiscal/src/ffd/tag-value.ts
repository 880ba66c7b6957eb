/**
 * Values of tags: bytes to words and back, by type.
 *
 * Reading is tolerant: storages in the field send numbers of zero length (they mean 0), numbers padded beyond their
 * length and strings beyond theirs. What cannot be a value of its type at all is handed back as the bytes it is. Writing is
 * strict: a value that does not fit its definition throws `FFD_VALUE_INVALID`.
 */
import { FiscalError } from '../errors.ts';
import { decodeText, encodeText } from './cp866.ts';
import type { Decimal, TagDefinition } from './tag.ts';

const NUMBER_BYTES_MAX = 8;
const DECIMAL_POINT_MAX = 18;

export type ScalarValue = number | bigint | string | Uint8Array;

export function decodeValue(definition: TagDefinition, raw: Uint8Array): ScalarValue {
  switch (definition.type) {
    case 'byte':
    case 'bits':
    case 'u16':
    case 'u32':
    case 'vln':
    case 'time':
      return raw.length > NUMBER_BYTES_MAX ? raw : readUnsigned(raw);
    case 'fvln':
      return decodeDecimal(raw) ?? raw;
    case 'string': {
      const text = decodeText(raw);
      return definition.isFixed ? text.replace(/ +$/, '') : text;
    }
    case 'sign':
      return printedSign(raw) ?? raw;
    case 'bytes':
    case 'structure':
      return raw;
    default:
      return definition.type satisfies never;
  }
}

/** Second byte of a sign a storage made: four bytes follow. */
const SIGN_LENGTH = 0x04;
const SIGN_KIND = 0x21;

/**
 * The number people see: the last four of the six bytes, big-endian. Software that only ever had that number writes it
 * little-endian with two zero bytes behind; it is recognised by them.
 */
export function printedSign(raw: Uint8Array): number | undefined {
  if (raw.length !== 6) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset);
  const isNumberOnly = raw[1] !== SIGN_LENGTH && raw[4] === 0 && raw[5] === 0;
  return isNumberOnly ? view.getUint32(0, true) : view.getUint32(2);
}

/** As on paper: ten digits. */
export function formatSign(sign: number): string {
  return String(sign).padStart(10, '0');
}

export function encodeValue(definition: TagDefinition, value: ScalarValue | Decimal): Uint8Array {
  const { type, max, isFixed } = definition;
  switch (type) {
    case 'byte':
    case 'u16':
    case 'u32':
    case 'time':
      return unsigned(definition, value, max);
    case 'bits':
      return unsigned(definition, value, max);
    case 'vln':
      return trimmed(unsigned(definition, value, max));
    case 'fvln':
      return encodeDecimal(definition, value);
    case 'string': {
      if (typeof value !== 'string') throw invalid(definition, 'is not text');
      const bytes = encodeText(value);
      if (bytes.length > max) throw invalid(definition, `is ${bytes.length} characters long, not ${max}`);
      if (!isFixed) return bytes;
      const padded = new Uint8Array(max).fill(0x20);
      padded.set(bytes);
      return padded;
    }
    case 'sign':
      if (typeof value === 'number') {
        return Uint8Array.of(SIGN_KIND, SIGN_LENGTH, ...unsigned(definition, value, 4).reverse());
      }
      return bytesOf(definition, value, 6);
    case 'bytes':
      return bytesOf(definition, value, max);
    case 'structure':
      throw invalid(definition, 'holds tags, not a value');
    default:
      return type satisfies never;
  }
}

function readUnsigned(raw: Uint8Array): number | bigint {
  let value = 0n;
  for (let at = raw.length - 1; at >= 0; at -= 1) value = (value << 8n) | BigInt(raw[at]!);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function decodeDecimal(raw: Uint8Array): number | undefined {
  if (raw.length === 0) return 0;
  const point = raw[0]!;
  // Eight bytes in all by the order, nine from those who count the point apart.
  if (raw.length > NUMBER_BYTES_MAX + 1 || point > DECIMAL_POINT_MAX) return undefined;
  return Number(`${readUnsigned(raw.subarray(1))}e-${point}`);
}

function encodeDecimal(definition: TagDefinition, value: ScalarValue | Decimal): Uint8Array {
  if (typeof value !== 'object' || value instanceof Uint8Array) {
    throw invalid(definition, 'is no { mantissa, point }');
  }
  if (!Number.isInteger(value.point) || value.point < 0 || value.point > DECIMAL_POINT_MAX) {
    throw invalid(definition, `has ${value.point} digits after the point`);
  }
  const mantissa = trimmed(unsigned(definition, value.mantissa, definition.max - 1));
  return Uint8Array.of(value.point, ...mantissa);
}

/** Little-endian in exactly `length` bytes. */
function unsigned(definition: TagDefinition, value: ScalarValue | Decimal, length: number): Uint8Array {
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isWhole || value < 0) throw invalid(definition, `${String(value)} is no whole number from 0`);
  let rest = BigInt(value);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) throw invalid(definition, `${value} does not fit ${length} bytes`);
  return bytes;
}

/** Without the zero bytes at the end, but never empty: some readers choke on nothing. */
function trimmed(bytes: Uint8Array): Uint8Array {
  let length = bytes.length;
  while (length > 1 && bytes[length - 1] === 0) length -= 1;
  return bytes.subarray(0, length);
}

function bytesOf(definition: TagDefinition, value: ScalarValue | Decimal, max: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalid(definition, 'is not bytes');
  if (value.length > max || (definition.isFixed && value.length !== max)) {
    throw invalid(definition, `is ${value.length} bytes long, not ${max}`);
  }
  return value;
}

function invalid({ tag, name }: TagDefinition, what: string): FiscalError {
  return new FiscalError('FFD_VALUE_INVALID', `tag ${tag} (${name}) ${what}`);
}
