/**
 * FFD documents: an outer tag that names the form, tags inside it, and a trailer outside of it.
 *
 * Layout of every tag, the outer one included, numbers little-endian
 *   0  2  tag
 *   2  2  length of the value
 *   4  …  the value; a structured tag's value is tags again
 *
 * Guarantees: whatever the bytes, reading costs memory bounded by their number (a tag takes four at least), ends in a document or a coded error, and
 * loses nothing: every node keeps its raw value beside the decoded one, and what follows the outer tag is kept as
 * `trailer` (storages put the sign of the message there; its make-up is not published). Unknown tags are nodes without a
 * definition; a structured tag whose inside cannot be read keeps its bytes as its value.
 * Does not check what a document must hold: see document-check.ts.
 */
import { concatBytes } from '../bytes.ts';
import { FiscalError } from '../errors.ts';
import { definitionOf, formOf, placeOf } from './dictionary.ts';
import { DOCUMENT_BYTES_MAX, type DocumentForm } from './document-forms.ts';
import { FFD_VERSION_CODES, type FfdVersion, ffdVersions, type TagInput, type TagNode } from './tag.ts';
import { decodeValue, encodeValue } from './tag-value.ts';

/** Structured tags inside structured tags; the format needs four. */
export const TAG_DEPTH_MAX = 8;
/** What may follow the outer tag: ten bytes are seen in the field. */
export const TRAILER_BYTES_MAX = 64;

const HEADER_BYTES = 4;
const FORMAT_VERSION_TAG = 1209;

export interface FfdDocument {
  readonly form: DocumentForm;
  readonly version: FfdVersion;
  readonly nodes: readonly TagNode[];
  /** The value of the outer tag, as received. */
  readonly raw: Uint8Array;
  readonly trailer: Uint8Array;
}

export interface DecodeOptions {
  /** For documents that do not say it themselves (tag 1209), such as acknowledgements. */
  readonly version?: FfdVersion;
}

export function decodeDocument(bytes: Uint8Array, options: DecodeOptions = {}): FfdDocument {
  const { tag, value, rest } = readTag(bytes);
  const form = formOf(tag);
  if (form === undefined) throw new FiscalError('FFD_FORM_UNKNOWN', `tag ${tag} is no document form`);
  if (value.length > DOCUMENT_BYTES_MAX || rest.length > TRAILER_BYTES_MAX) {
    throw new FiscalError(
      'FFD_TOO_LARGE',
      `a document of ${value.length} bytes and ${rest.length} behind it`,
    );
  }
  const version = versionIn(value) ?? options.version ?? '1.0';
  return { form, version, nodes: decodeTags(value, version, tag, 1), raw: value, trailer: rest };
}

/** The tags of a structure or of a stream a device hands out without the outer tag. */
export function decodeTagList(bytes: Uint8Array, version: FfdVersion, parent: number): readonly TagNode[] {
  if (bytes.length > DOCUMENT_BYTES_MAX) {
    throw new FiscalError('FFD_TOO_LARGE', `${bytes.length} bytes of tags`);
  }
  return decodeTags(bytes, version, parent, 1);
}

/** The first of several nodes with this tag. */
export function findTag(nodes: readonly TagNode[], tag: number): TagNode | undefined {
  return nodes.find((node) => node.tag === tag);
}

/** Bytes of a document of this form, without a trailer; `FFD_TAG_UNKNOWN` for a tag that does not belong there. */
export function encodeDocument(form: number, tags: readonly TagInput[], version: FfdVersion): Uint8Array {
  const known = formOf(form);
  if (known === undefined) throw new FiscalError('FFD_FORM_UNKNOWN', `${form} is no document form`);
  const value = encodeTags(tags, version, form);
  if (value.length > known.max) {
    throw new FiscalError('FFD_TOO_LARGE', `a ${known.title} of ${value.length} bytes, ${known.max} fit`);
  }
  return frame(form, value);
}

export function encodeTags(tags: readonly TagInput[], version: FfdVersion, parent: number): Uint8Array {
  return concatBytes(tags.map((input) => encodeTag(input, version, parent)));
}

/** One tag with its header, as it belongs under `parent`. */
export function encodeTag({ tag, value }: TagInput, version: FfdVersion, parent: number): Uint8Array {
  const definition = placeOf(version, parent, tag)?.definition;
  if (definition === undefined) {
    throw new FiscalError('FFD_TAG_UNKNOWN', `FFD ${version} has no tag ${tag} in ${parent}`);
  }
  if (isTagList(value)) {
    const inside = encodeTags(value, version, tag);
    if (inside.length > definition.max) {
      throw new FiscalError(
        'FFD_VALUE_INVALID',
        `tag ${tag} holds ${inside.length} bytes, not ${definition.max}`,
      );
    }
    return frame(tag, inside);
  }
  return frame(tag, encodeValue(definition, value));
}

/** Nodes as they were read, byte for byte. */
export function encodeNodes(nodes: readonly TagNode[]): Uint8Array {
  return concatBytes(nodes.map((node) => frame(node.tag, node.raw)));
}

function isTagList(value: TagInput['value']): value is readonly TagInput[] {
  return Array.isArray(value);
}

function frame(tag: number, value: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(tag & 0xff, tag >> 8, value.length & 0xff, value.length >> 8), value]);
}

interface ReadTag {
  readonly tag: number;
  readonly value: Uint8Array;
  readonly rest: Uint8Array;
}

function readTag(bytes: Uint8Array): ReadTag {
  const length = bytes.length >= HEADER_BYTES ? bytes[2]! | (bytes[3]! << 8) : 0;
  if (bytes.length < HEADER_BYTES + length) {
    throw new FiscalError(
      'FFD_TRUNCATED',
      `${bytes.length} bytes where a tag needs ${HEADER_BYTES + length}`,
    );
  }
  const end = HEADER_BYTES + length;
  return {
    tag: bytes[0]! | (bytes[1]! << 8),
    value: bytes.subarray(HEADER_BYTES, end),
    rest: bytes.subarray(end),
  };
}

function decodeTags(bytes: Uint8Array, version: FfdVersion, parent: number, depth: number): TagNode[] {
  const nodes: TagNode[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const found = readTag(rest);
    nodes.push(decodeNode(found.tag, found.value, version, parent, depth));
    rest = found.rest;
  }
  return nodes;
}

function decodeNode(
  tag: number,
  raw: Uint8Array,
  version: FfdVersion,
  parent: number,
  depth: number,
): TagNode {
  const definition = definitionOf(version, parent, tag);
  if (definition === undefined) return { tag, raw, value: raw };
  if (definition.type !== 'structure') return { tag, raw, value: decodeValue(definition, raw), definition };
  const isReadable = depth < TAG_DEPTH_MAX && isTagStream(raw);
  const value = isReadable ? decodeTags(raw, version, tag, depth + 1) : raw;
  return { tag, raw, value, definition };
}

/** Whether the bytes are whole tags one after another, without reading any. */
export function isTagStream(bytes: Uint8Array): boolean {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) at += HEADER_BYTES + (bytes[at + 2]! | (bytes[at + 3]! << 8));
  return at === bytes.length;
}

/** The version a document gives itself, looked up before its tags can be understood. */
function versionIn(bytes: Uint8Array): FfdVersion | undefined {
  for (let rest = bytes; rest.length >= HEADER_BYTES; ) {
    const found = readTag(rest);
    if (found.tag === FORMAT_VERSION_TAG) {
      return ffdVersions.find((version) => FFD_VERSION_CODES[version] === found.value[0]);
    }
    rest = found.rest;
  }
  return undefined;
}
