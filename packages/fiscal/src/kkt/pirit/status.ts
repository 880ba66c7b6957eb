/** What a Pirit says about itself, in the words of the driver port. */

import { KktError } from '../../errors.ts';
import { decodeTagList, findTag } from '../../ffd/document.ts';
import { type SettlementKind, settlementKinds } from '../../ffd/enumerations.ts';
import { FFD_VERSION_CODES, ffdVersions } from '../../ffd/tag.ts';
import { dayOfSeconds, secondsOfWallTime } from '../../ffd/wall-time.ts';
import { bytesOfHex } from '../../hex.ts';
import type { FnDocument, FnWarning, KktIdentity, KktStatus, OfdQueue } from '../driver.ts';
import { markIn } from '../node-mark.ts';
import { taxSystemsOf } from '../registration.ts';
import type { PiritExecute } from './channel.ts';
import { KNOWN_VAT_CODES } from './receipt-fields.ts';
import { NO_DATA } from './refusals.ts';

/** Bits of the flags. */
const SHIFT_OPEN = 1 << 2;
const SHIFT_EXPIRED = 1 << 3;
const SHIFT_CLOSE_UNFINISHED = 1 << 8;
/** State of the document. */
const REGISTERED_UNPRINTED = 8;
const RECEIPT_TYPES = [2, 3, 6, 7, 9, 10, 11, 12];
/** Bits of the printer. */
const NOT_READY = 1;
const NO_PAPER = 2;
const COVER_OPEN = 4;

const PHASES: Readonly<Record<number, KktStatus['phase']>> = { 3: 'fiscal', 7: 'closed', 15: 'archive' };
const WARNINGS: readonly (readonly [number, FnWarning])[] = [
  [1, 'replace-in-3-days'],
  [2, 'replace-in-30-days'],
  [4, 'memory-90-percent'],
  [8, 'ofd-late'],
  [128, 'critical'],
];
/** Bytes of a document in one answer. */
const PART_BYTES = 64;
export const PARTS_MAX = 1_024;

export interface PiritFlags {
  readonly flags: number;
  readonly documentType: number;
  readonly documentState: number;
}

export async function readFlags(execute: PiritExecute): Promise<PiritFlags> {
  const [, flags, document] = await execute('full-status');
  const bits = Number(document);
  return { flags: Number(flags), documentType: bits & 0x0f, documentState: bits >> 4 };
}

export async function readPiritStatus(execute: PiritExecute): Promise<KktStatus> {
  const own = await readFlags(execute);
  const printer = Number((await execute('printer-status'))[0]);
  const [fn = ''] = await execute('fn-number');
  const [phaseBits, currentDocument, warningBits] = (await execute('fn-status')).map(Number);
  const [lastFd] = await execute('last-document');
  const [shiftNumber, isOpen, receipts] = (await execute('shift-status')).map(Number);
  const clock = await execute('clock');
  const hasPaper = (printer & NO_PAPER) === 0;
  const isExpired = (own.flags & SHIFT_EXPIRED) !== 0;
  const isShiftOpen = isOpen === 1 || (own.flags & SHIFT_OPEN) !== 0;
  return {
    fn,
    lastFd: Number(lastFd),
    phase: PHASES[(phaseBits ?? 0) & 0x0f] ?? 'unregistered',
    shift: {
      state: isShiftOpen ? (isExpired ? 'expired' : 'open') : 'closed',
      number: shiftNumber ?? 0,
      receipts: receipts ?? 0,
    },
    document: documentWord(own, currentDocument ?? 0),
    // The device answers when the paper is out: what still prints has no answer yet.
    print: hasPaper ? 'idle' : isUnfinished(own) ? 'no-paper' : 'idle',
    hasPaper,
    isCoverOpen: (printer & COVER_OPEN) !== 0,
    clockSeconds: secondsOf(clock[0], clock[1]),
    warnings: WARNINGS.flatMap(([bit, warning]) => (((warningBits ?? 0) & bit) === 0 ? [] : [warning])),
  };
}

function isUnfinished({ flags, documentState }: PiritFlags): boolean {
  return documentState === REGISTERED_UNPRINTED || (flags & SHIFT_CLOSE_UNFINISHED) !== 0;
}

function documentWord(own: PiritFlags, currentDocument: number): KktStatus['document'] {
  if (isUnfinished(own)) return 'unprinted';
  if (RECEIPT_TYPES.includes(own.documentType)) return 'receipt';
  return own.documentType !== 0 || currentDocument !== 0 ? 'other' : 'none';
}

/** Which command finishes what is registered and not printed. */
export function finishingCommand(own: PiritFlags): 'close-shift' | 'close-receipt' | undefined {
  if ((own.flags & SHIFT_CLOSE_UNFINISHED) !== 0) return 'close-shift';
  return own.documentState === REGISTERED_UNPRINTED ? 'close-receipt' : undefined;
}

export function isPrinterReady(status: number): boolean {
  return (status & (NOT_READY | NO_PAPER | COVER_OPEN)) === 0;
}

/** `DDMMYY` and `HHMMSS`. */
export function secondsOf(day: string | undefined, time: string | undefined): number | undefined {
  const [, date, month, year] = /^(\d\d)(\d\d)(\d\d)$/.exec(day ?? '') ?? [];
  const [, hour, minute, second] = /^(\d\d)(\d\d)(\d\d)?$/.exec(time ?? '') ?? [];
  return secondsOfWallTime(`20${year}-${month}-${date}T${hour}:${minute}:${second ?? '00'}`);
}

export interface PiritTags {
  readonly isDelivered: boolean;
  readonly form: number;
  readonly bytes: Uint8Array;
}

export async function readPiritTags(execute: PiritExecute, fd: number): Promise<PiritTags | undefined> {
  const archive = await orNothing(execute('find-document', String(fd)));
  if (archive === undefined) return undefined;
  const [form = 0, size = 0] = (await execute('select-document', String(fd))).map(Number);
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < size && parts.length < PARTS_MAX; offset += PART_BYTES) {
    const [hex = ''] = await execute('document-part', String(offset), String(PART_BYTES));
    parts.push(bytesOfHex(hex));
  }
  return { isDelivered: Number(archive[0]) === 1, form, bytes: new Uint8Array(Buffer.concat(parts)) };
}

export async function readPiritDocument(execute: PiritExecute, fd: number): Promise<FnDocument | undefined> {
  const tags = await readPiritTags(execute, fd);
  if (tags === undefined) return undefined;
  const { form, isDelivered } = tags;
  const nodes = decodeTagList(tags.bytes, '1.2', form);
  const value = (tag: number): number | undefined => {
    const found = findTag(nodes, tag)?.value;
    return typeof found === 'number' ? found : undefined;
  };
  const kind = (Object.keys(settlementKinds) as SettlementKind[]).find(
    (word) => settlementKinds[word] === value(1054),
  );
  const mark = markIn(nodes);
  const number = value(1040);
  const fp = value(1077);
  const atSeconds = value(1012);
  if (number === undefined || fp === undefined || atSeconds === undefined) return undefined;
  return {
    fd: number,
    fp,
    atSeconds,
    form,
    isDelivered,
    ...(kind === undefined ? {} : { settlement: kind, totalMinor: value(1020) ?? 0 }),
    ...(value(1038) === undefined ? {} : { shift: value(1038)! }),
    ...(mark === undefined ? {} : { mark }),
    isDetailed: true,
  };
}

export async function readPiritQueue(execute: PiritExecute): Promise<OfdQueue> {
  const [, count, fd, day, time] = await execute('ofd-status');
  const waiting = Number(count);
  return {
    waiting,
    first: waiting === 0 ? undefined : { fd: Number(fd), atSeconds: secondsOf(day, time) ?? 0 },
  };
}

export async function readPiritIdentity(execute: PiritExecute): Promise<KktIdentity> {
  const [serial = ''] = await execute('serial');
  const [inn = ''] = await execute('inn');
  const [registrationNumber = ''] = await execute('registration-number');
  const [firmware = ''] = await execute('firmware');
  const [expires] = await execute('fn-term');
  const [systems, mode] = (await execute('tax-systems')).map(Number);
  const versions = await execute('fn-versions');
  const ffd = ffdVersions.find((version) => FFD_VERSION_CODES[version] === Number(versions[5]));
  const until = secondsOf(expires, '000000');
  return {
    name: 'Pirit',
    serial,
    firmware,
    inn: inn.trim(),
    registrationNumber: registrationNumber.trim(),
    fnExpires: until === undefined ? undefined : dayOfSeconds(until),
    receipts: {
      ffd: ffd === undefined || ffd === '1.0' ? '1.05' : ffd,
      day: '',
      taxSystems: taxSystemsOf(systems ?? 0),
      vatCodes: KNOWN_VAT_CODES,
      isAutonomous: ((mode ?? 0) & 2) !== 0,
      isAutomat: ((mode ?? 0) & 4) !== 0,
    },
  };
}

async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KktError && error.deviceCode === NO_DATA) return undefined;
    throw error;
  }
}
