/**
 * Hexadecimal dumps as JSON, for people: what `branchline fiscal decode --as …` prints.
 *
 * One table says which formats there are; a format is a function from bytes to JSON that throws a coded error for bytes
 * that are not its own. A header alone is shown alone; a checksum that does not fit is shown, not refused, wherever the
 * rest can still be read.
 */
import { FiscalError } from './errors.ts';
import { decodeDocument, type FfdDocument } from './ffd/document.ts';
import { documentJson, type Json } from './ffd/document-json.ts';
import type { FfdVersion } from './ffd/tag.ts';
import { bytesOfHex, hexOfBytes } from './hex.ts';
import { piritFrameJson } from './kkt/pirit/frame-json.ts';
import { frameV1Json, frameV2Json } from './kkt/shtrih/frame-json.ts';
import {
  CONTAINER_HEADER_BYTES,
  CONTAINER_VERSION,
  type Container,
  type ContainerHeader,
  decodeContainerHeader,
  MESSAGE_TYPE,
  readContainer,
} from './ofd/container.ts';
import {
  crcModeOf,
  decodeSession,
  decodeSessionHeader,
  ffdVersionOf,
  SESSION_HEADER_BYTES,
  type SessionHeader,
} from './ofd/session-header.ts';

type JsonObject = { readonly [key: string]: Json };

/** Every format `decodeHex` knows; a driver's framing is one more row. */
export const HEX_FORMATS: Readonly<Record<string, (bytes: Uint8Array) => Json>> = {
  session: sessionJson,
  container: (bytes) => containerJson(bytes),
  document: plainDocumentJson,
  'shtrih-v1': frameV1Json,
  'shtrih-v2': frameV2Json,
  pirit: piritFrameJson,
};

export const hexFormats: readonly string[] = Object.keys(HEX_FORMATS);

export function decodeHex(as: string, hex: string): Json {
  const decode = Object.hasOwn(HEX_FORMATS, as) ? HEX_FORMATS[as] : undefined;
  if (decode === undefined) {
    throw new FiscalError('HEX_FORMAT_UNKNOWN', `no format "${as}"`, {
      hint: `Use one of ${hexFormats.join(', ')}.`,
    });
  }
  return decode(bytesOfHex(hex));
}

function sessionJson(bytes: Uint8Array): JsonObject {
  if (bytes.length <= SESSION_HEADER_BYTES) return sessionHeaderJson(decodeSessionHeader(bytes));
  const { session, body } = decodeSession(bytes);
  return { session: sessionHeaderJson(session), ...containerJson(body, ffdVersionOf(session)) };
}

function sessionHeaderJson(header: SessionHeader): JsonObject {
  return {
    pva_hex: header.formatVersion,
    fn: header.fn,
    fnRaw: hexOfBytes(header.fnRaw),
    bodyLength: header.bodyLength,
    flags: header.flags,
    flagsBits: {
      crcMode: crcModeOf(header.flags),
      hasContainer: (header.flags & 0x04) !== 0,
      expectReply: (header.flags >> 4) & 0b11,
    },
    crc: header.crc,
  };
}

function containerJson(bytes: Uint8Array, version?: FfdVersion): JsonObject {
  if (bytes.length === CONTAINER_HEADER_BYTES) return containerHeaderJson(decodeContainerHeader(bytes));
  const container = readContainer(bytes);
  return { header: checkedHeaderJson(container), ...bodyJson(container.body, version) };
}

function containerHeaderJson(header: ContainerHeader): JsonObject {
  return {
    length: header.length,
    crc: header.crc,
    crcHex: header.crc.toString(16).padStart(4, '0'),
    msgType: MESSAGE_TYPE,
    docType: header.form,
    version: CONTAINER_VERSION,
    service1: hexOfBytes(header.service1),
    fnBcd: hexOfBytes(header.fnBcd),
    fdNumber: header.fd,
    service2: hexOfBytes(header.service2),
  };
}

function checkedHeaderJson({ header, computedCrc }: Container): JsonObject {
  return { ...containerHeaderJson(header), crcComputed: computedCrc, crcValid: header.crc === computedCrc };
}

/** A body that is no TLV is nothing wrong: the storage encrypts. */
function bodyJson(body: Uint8Array, version: FfdVersion | undefined): JsonObject {
  let document: FfdDocument;
  try {
    document = decodeDocument(body, version === undefined ? {} : { version });
  } catch (error) {
    if (!(error instanceof FiscalError)) throw error;
    return { bodyHex: hexOfBytes(body), bodyOpaque: error.code };
  }
  if (document.trailer.length === 0) return { document: documentJson(document) };
  return {
    document: documentJson(document),
    docTlvLength: document.raw.length,
    trailerHex: hexOfBytes(document.trailer),
  };
}

function plainDocumentJson(bytes: Uint8Array): JsonObject {
  const document = decodeDocument(bytes);
  const json = documentJson(document);
  return document.trailer.length === 0 ? json : { ...json, trailerHex: hexOfBytes(document.trailer) };
}
