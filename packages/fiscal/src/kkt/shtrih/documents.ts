/**
 * Documents in the storage of a Shtrih-M device: a short reading that every firmware has, and all tags where it can.
 *
 * Archive forms of older formats carry extra bits; the form is masked, not compared. Firmware that cannot show tags answers
 * with one of three numbers, which is not an error here: the reading is then short.
 */
import { KktError } from '../../errors.ts';
import { decodeTagList, findTag } from '../../ffd/document.ts';
import { DOCUMENT_BYTES_MAX } from '../../ffd/document-forms.ts';
import { type SettlementKind, settlementKinds } from '../../ffd/enumerations.ts';
import { FFD_VERSION_CODES, type FfdVersion, ffdVersions, type TagNode } from '../../ffd/tag.ts';
import type { FnDocument, OfdQueue, Waiting } from '../driver.ts';
import { markIn } from '../node-mark.ts';
import type { Execute } from './channel.ts';
import type { FieldReader } from './fields.ts';
import { NO_DATA } from './refusals.ts';

const FORM_MASK = 0x3f;
const RECEIPT_FORMS = [3, 31, 4, 41];
const SHIFT_FORMS = [2, 5];
/** Not known, not now, not in this mode. */
const TAGS_HIDDEN = [0x36, 0x37, 0x73];
export const PARTS_MAX = 1_024;

export async function readDocument(
  execute: Execute,
  fd: number,
  waiting: Waiting,
): Promise<FnDocument | undefined> {
  const answer = await orNothing(
    execute('find-document', (writer) => writer.number(fd, 4), waiting),
    [NO_DATA],
  );
  if (answer === undefined) return undefined;
  const form = answer.byte() & FORM_MASK;
  const isDelivered = answer.byte() !== 0;
  const atSeconds = answer.time();
  const number = answer.number(4);
  const fp = answer.number(4);
  const tags = await readDocumentTags(execute, fd, waiting);
  const mark = tags && markIn(tags.nodes);
  return {
    fd: number,
    fp,
    atSeconds: timeIn(tags?.nodes) ?? atSeconds,
    form,
    isDelivered,
    ...(RECEIPT_FORMS.includes(form) ? receiptPart(answer) : {}),
    ...(SHIFT_FORMS.includes(form) ? { shift: answer.number(2) } : {}),
    ...(mark === undefined ? {} : { mark }),
    isDetailed: tags !== undefined,
  };
}

function receiptPart(answer: FieldReader): { settlement?: SettlementKind; totalMinor: number } {
  const kind = answer.byte();
  const totalMinor = answer.money();
  const settlement = (Object.keys(settlementKinds) as SettlementKind[]).find(
    (word) => settlementKinds[word] === kind,
  );
  return settlement === undefined ? { totalMinor } : { settlement, totalMinor };
}

/** The short reading has no seconds; the document has. */
function timeIn(nodes: readonly TagNode[] | undefined): number | undefined {
  const value = nodes && findTag(nodes, 1012)?.value;
  return typeof value === 'number' ? value : undefined;
}

export interface DocumentTags {
  readonly bytes: Uint8Array;
  readonly nodes: readonly TagNode[];
  readonly version: FfdVersion | undefined;
}

export async function readDocumentTags(
  execute: Execute,
  fd: number,
  waiting: Waiting,
): Promise<DocumentTags | undefined> {
  const selected = await orNothing(
    execute('select-document', (writer) => writer.number(fd, 4), waiting),
    [NO_DATA, ...TAGS_HIDDEN],
  );
  if (selected === undefined) return undefined;
  const form = selected.number(2) & FORM_MASK;
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let count = 0; count < PARTS_MAX && length < DOCUMENT_BYTES_MAX; count += 1) {
    const part = await orNothing(execute('document-part', undefined, waiting), [NO_DATA, ...TAGS_HIDDEN]);
    if (part === undefined || part.left === 0) break;
    parts.push(part.rest());
    length += parts.at(-1)!.length;
  }
  if (parts.length === 0) return undefined;
  const bytes = Buffer.concat(parts);
  const nodes = decodeTagList(bytes, '1.2', form);
  const code = findTag(nodes, 1209)?.value;
  const version = ffdVersions.find((known) => FFD_VERSION_CODES[known] === code);
  return { bytes, nodes, version };
}

export function registrationOf(answer: FieldReader) {
  answer.skip(5);
  const inn = answer.text(12);
  const number = answer.text(20);
  const taxSystems = answer.byte();
  const mode = answer.byte();
  /** Bit 1 of the mode of work. */
  return { inn, number, taxSystems, isAutonomous: (mode & 2) !== 0, fd: answer.number(4) };
}

export async function readQueue(execute: Execute, waiting: Waiting): Promise<OfdQueue> {
  const answer = await execute('ofd-status', undefined, waiting);
  answer.skip(2);
  const count = answer.number(2);
  const fd = answer.number(4);
  const atSeconds = answer.time();
  return { waiting: count, first: count === 0 ? undefined : { fd, atSeconds } };
}

/** Undefined where the device refuses with one of these numbers. */
async function orNothing<T>(work: Promise<T>, deviceCodes: readonly number[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const isExpected = error instanceof KktError && deviceCodes.includes(error.deviceCode ?? -1);
    if (isExpected) return undefined;
    throw error;
  }
}
