/**
 * XLSX: a zip of XML, and so a bomb if it wants to be. Looked through before anything reads it.
 *
 * Guarantees: parts and what they unpack to are bounded by really unpacking them into that bound, whatever the directory claims; a sheet whose
 * cells lie beyond the rows and columns allowed is refused before rows are made of it. Dates read as nothing a catalog
 * needs; formulas read as the value they were saved with.
 */
import { inflateRawSync } from 'node:zlib';
import {
  IMPORT_COLUMNS_MAX,
  IMPORT_FILE_ROWS_MAX,
  IMPORT_UNPACKED_BYTES_MAX,
  ProblemError,
} from '@branchline/model';
// The variant for Node unpacks a stream, and never answers when a part ends early; this one takes the whole file.
import { readSheet } from 'read-excel-file/universal';
import { type CellContent, HEAD_ROWS_MAX, requireRows } from './table-bounds.ts';

/** Files inside a workbook. */
export const WORKBOOK_PARTS_MAX = 1_000;

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_BYTES = 22;
const END_COMMENT_MAX = 0xffff;
const STORED = 0;
const DEFLATED = 8;

export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

export async function readWorkbook(bytes: Uint8Array, sheet: number): Promise<CellContent[][]> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  requireHarmless(file);
  let rows: readonly (readonly unknown[])[];
  try {
    rows = await readSheet(Uint8Array.from(bytes).buffer, sheet);
  } catch (cause) {
    throw refusal(`sheet ${sheet} cannot be read: ${(cause as Error).message.slice(0, 200)}`, cause);
  }
  requireRows(rows.length);
  return rows.map((row) => row.map(contentOf));
}

function contentOf(value: unknown): CellContent {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  return value instanceof Date ? value.toISOString().slice(0, 10) : undefined;
}

/** Throws for a file that would unpack to more than is allowed, or that is no zip. */
function requireHarmless(file: Buffer): void {
  let unpacked = 0;
  for (const part of partsOf(file)) {
    const content = unpack(file, part, IMPORT_UNPACKED_BYTES_MAX - unpacked);
    unpacked += content.length;
    if (part.name.startsWith('xl/worksheets/') && part.name.endsWith('.xml')) {
      requireBounds(content.toString('latin1'));
    }
  }
}

interface Part {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly at: number;
}

/** The directory at the end of the zip. */
function partsOf(file: Buffer): Part[] {
  const end = endOfDirectory(file);
  const count = file.readUInt16LE(end + 10);
  if (count > WORKBOOK_PARTS_MAX) {
    throw refusal(`it has ${count} parts; ${WORKBOOK_PARTS_MAX} are allowed`);
  }
  const parts: Part[] = [];
  let at = file.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (at + 46 > file.length || file.readUInt32LE(at) !== DIRECTORY_ENTRY) {
      throw refusal('its directory is damaged');
    }
    const nameBytes = file.readUInt16LE(at + 28);
    parts.push({
      name: file.toString('utf8', at + 46, at + 46 + nameBytes),
      method: file.readUInt16LE(at + 10),
      packedBytes: file.readUInt32LE(at + 20),
      at: file.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return parts;
}

function endOfDirectory(file: Buffer): number {
  const lowest = Math.max(0, file.length - END_BYTES - END_COMMENT_MAX);
  for (let at = file.length - END_BYTES; at >= lowest; at--) {
    if (file.readUInt32LE(at) === END_OF_DIRECTORY) {
      return at;
    }
  }
  throw refusal('it is cut off or no zip');
}

function unpack(file: Buffer, part: Part, bytesMax: number): Buffer {
  if (part.at + 30 > file.length) {
    throw refusal('a part lies beyond its end');
  }
  const from = part.at + 30 + file.readUInt16LE(part.at + 26) + file.readUInt16LE(part.at + 28);
  const packed = file.subarray(from, from + part.packedBytes);
  if (part.method !== STORED && part.method !== DEFLATED) {
    throw refusal('a part is packed in a way spreadsheets do not use, or encrypted');
  }
  if (bytesMax <= 0 || (part.method === STORED && packed.length > bytesMax)) {
    throw tooLarge();
  }
  if (part.method === STORED) {
    return packed;
  }
  try {
    return inflateRawSync(packed, { maxOutputLength: bytesMax });
  } catch (cause) {
    throw (cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
      ? tooLarge()
      : refusal('a part cannot be unpacked', cause);
  }
}

/** A single cell at XFD1048576 would make a table of 16 thousand million. */
function requireBounds(sheet: string): void {
  for (const [, letters, digits] of sheet.matchAll(/\br="([A-Z]{1,4})?(\d{1,9})"/g)) {
    const row = Number(digits);
    if (row > IMPORT_FILE_ROWS_MAX + HEAD_ROWS_MAX) {
      throw refusal(`a cell stands in row ${row}; ${IMPORT_FILE_ROWS_MAX} are allowed`);
    }
    if (letters !== undefined && columnNumber(letters) > IMPORT_COLUMNS_MAX) {
      throw refusal(`a cell stands in column ${letters}; ${IMPORT_COLUMNS_MAX} columns are allowed`);
    }
  }
}

function columnNumber(letters: string): number {
  let number = 0;
  for (const letter of letters) {
    number = number * 26 + letter.charCodeAt(0) - 64;
  }
  return number;
}

function tooLarge(): ProblemError {
  return refusal(`it unpacks to more than ${IMPORT_UNPACKED_BYTES_MAX} bytes`);
}

function refusal(words: string, cause?: unknown): ProblemError {
  return new ProblemError('IMPORT_FILE', `The workbook: ${words}.`, cause === undefined ? {} : { cause });
}
