/** What Shtrih-M says about itself, in the words of the driver port: three short reads of device, storage and shift. */
import type { FnWarning, KktIdentity, KktStatus, PrintState, Waiting } from '../driver.ts';
import { agentsOf, taxSystemsOf } from '../registration.ts';
import type { Execute } from './channel.ts';
import { readDocumentTags, registrationOf } from './documents.ts';
import type { FieldReader } from './fields.ts';

/** Bits of the device's flags. */
const PAPER_SENSOR = 1 << 7;
const COVER_OPEN = 1 << 10;
/** Low half of the mode. */
const MODE_SHIFT_EXPIRED = 3;
const MODE_DOCUMENT_OPEN = 8;
/** High half of the mode with a document open. */
const NON_FISCAL = 4;
/** What the storage calls its current document. */
const RECEIPT_DOCUMENTS = [0x04, 0x11, 0x14, 0x15];

const PHASES: Readonly<Record<number, KktStatus['phase']>> = { 3: 'fiscal', 7: 'closed', 15: 'archive' };

const WARNINGS: readonly (readonly [number, FnWarning])[] = [
  [0, 'replace-in-3-days'],
  [1, 'replace-in-30-days'],
  [2, 'memory-90-percent'],
  [3, 'ofd-late'],
  [7, 'critical'],
];

export async function readStatus(execute: Execute, waiting: Waiting): Promise<KktStatus> {
  const device = readDevice(await execute('full-status', undefined, waiting));
  const storage = readStorage(await execute('fn-status', undefined, waiting));
  const shift = await execute('shift-status', undefined, waiting);
  const isOpen = shift.byte() !== 0;
  const isExpired = device.mode === MODE_SHIFT_EXPIRED;
  return {
    fn: storage.fn,
    lastFd: storage.lastFd,
    phase: PHASES[storage.phase] ?? 'unregistered',
    shift: {
      state: isOpen ? (isExpired ? 'expired' : 'open') : 'closed',
      number: shift.number(2),
      receipts: shift.number(2),
    },
    document: documentOf(device, storage.currentDocument),
    print: device.print,
    hasPaper: device.hasPaper,
    isCoverOpen: device.isCoverOpen,
    clockSeconds: device.clockSeconds,
    warnings: WARNINGS.flatMap(([bit, warning]) => ((storage.warnings >> bit) & 1 ? [warning] : [])),
  };
}

export interface DeviceStatus {
  readonly mode: number;
  readonly modeKind: number;
  readonly print: PrintState;
  readonly hasPaper: boolean;
  readonly isCoverOpen: boolean;
  readonly clockSeconds: number;
  readonly firmware: string;
  readonly firmwareDate: string;
  readonly serial: string;
  readonly inn: string;
}

/** Fields of command 11h. */
export function readDevice(answer: FieldReader): DeviceStatus {
  answer.skip(1);
  const version = `${String.fromCharCode(answer.byte())}.${String.fromCharCode(answer.byte())}`;
  const build = answer.number(2);
  const firmwareDate = readDay(answer);
  answer.skip(3);
  const flags = answer.number(2);
  const mode = answer.byte();
  const submode = answer.byte();
  answer.skip(1 + 2 + 2 + 3);
  const day = readDay(answer);
  const [hour = 0, minute = 0, second = 0] = answer.bytes(3);
  answer.skip(1);
  const serial = String(answer.number(4));
  answer.skip(2 + 2 + 1 + 1);
  const hasPaper = (flags & PAPER_SENSOR) !== 0 && submode !== 1 && submode !== 2;
  return {
    mode: mode & 0x0f,
    modeKind: mode >> 4,
    print: printOf(submode),
    hasPaper,
    isCoverOpen: (flags & COVER_OPEN) !== 0,
    clockSeconds: daySeconds(day) + hour * 3600 + minute * 60 + second,
    firmware: `${version}.${build}`,
    firmwareDate,
    serial,
    inn: String(answer.number(6)).padStart(10, '0'),
  };
}

function printOf(submode: number): PrintState {
  switch (submode) {
    case 2:
      return 'no-paper';
    case 3:
      return 'stopped';
    case 4:
    case 5:
      return 'printing';
    default:
      return 'idle';
  }
}

function readStorage(answer: FieldReader) {
  const phase = answer.byte();
  const currentDocument = answer.byte();
  answer.skip(2);
  const warnings = answer.byte();
  answer.skip(5);
  return { phase, currentDocument, warnings, fn: answer.text(16), lastFd: answer.number(4) };
}

function documentOf({ mode, modeKind }: DeviceStatus, currentDocument: number): KktStatus['document'] {
  if (RECEIPT_DOCUMENTS.includes(currentDocument)) return 'receipt';
  if (currentDocument !== 0) return 'other';
  if (mode !== MODE_DOCUMENT_OPEN) return 'none';
  return modeKind === NON_FISCAL ? 'other' : 'receipt';
}

function readDay(answer: FieldReader): string {
  const [day = 0, month = 0, year = 0] = answer.bytes(3);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `20${two(year)}-${two(month)}-${two(day)}`;
}

function daySeconds(day: string): number {
  return Math.floor(Date.parse(`${day}T00:00:00Z`) / 1000) || 0;
}

export async function readIdentity(execute: Execute, waiting: Waiting): Promise<KktIdentity> {
  const type = await execute('device-type', undefined, waiting);
  type.skip(6);
  const name = type.text(type.left);
  const device = readDevice(await execute('full-status', undefined, waiting));
  const expires = readReverseDay(await execute('fn-term', undefined, waiting));
  const registration = registrationOf(await execute('registration', undefined, waiting));
  const tags = await readDocumentTags(execute, registration.fd, waiting);
  return {
    name,
    serial: device.serial,
    firmware: `${device.firmware} of ${device.firmwareDate}`,
    inn: registration.inn,
    registrationNumber: registration.number,
    fnExpires: expires,
    receipts: {
      // Without the registration report the older format is the safe guess: every storage takes it.
      ffd: tags?.version === undefined || tags.version === '1.0' ? '1.05' : tags.version,
      day: '',
      taxSystems: taxSystemsOf(registration.taxSystems),
      agents: agentsOf(tags?.nodes ?? []),
      firmwareDate: device.firmwareDate,
      isAutonomous: registration.isAutonomous,
    },
  };
}

/** `YY MM DD`, as storages write days. */
function readReverseDay(answer: FieldReader): string {
  const [year = 0, month = 0, day = 0] = answer.bytes(3);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `20${two(year)}-${two(month)}-${two(day)}`;
}
