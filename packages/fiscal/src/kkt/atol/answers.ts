/** Answers of the ATOL web server in the words of the driver port. Shapes vary with versions: what is absent is unknown. */

import { KktError } from '../../errors.ts';
import { type SettlementKind, settlementKinds, type TaxSystem } from '../../ffd/enumerations.ts';
import { FFD_VERSION_CODES, type FfdVersion } from '../../ffd/tag.ts';
import { secondsOfWallTime } from '../../ffd/wall-time.ts';
import type { FiscalMark, FnDocument, FnWarning, KktIdentity, KktStatus, OfdQueue } from '../driver.ts';
import { MARK_NAME } from '../node-mark.ts';
import type { AtolResult } from './queue.ts';
import { kopecks, taxSystemOfWord } from './receipt-task.ts';

type Fields = { readonly [key: string]: unknown };

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

/** `2026-11-22T15:04:05+03:00`: the wall time, whatever the zone. */
function wallSeconds(value: unknown): number | undefined {
  return typeof value === 'string' ? secondsOfWallTime(value.slice(0, 19)) : undefined;
}

/** What a registered document is known by; without it nobody knows what the task has done. */
export function markOf(result: AtolResult): FiscalMark {
  const params = fieldsOf(result.fiscalParams);
  const fd = Number(params.fiscalDocumentNumber);
  const fp = Number(params.fiscalDocumentSign);
  if (!Number.isSafeInteger(fd) || !Number.isSafeInteger(fp)) {
    throw new KktError('KKT_PROTOCOL', 'an answer without the number of the document', {
      outcome: 'unknown',
    });
  }
  const atSeconds = wallSeconds(params.fiscalDocumentDateTime);
  return { fd, fp, ...(atSeconds === undefined ? {} : { atSeconds }) };
}

export function isUnprinted(result: AtolResult): boolean {
  return fieldsOf(result.warnings).notPrinted === true;
}

const PHASES: Readonly<Record<string, KktStatus['phase']>> = {
  fiscalMode: 'fiscal',
  postFiscalMode: 'closed',
  accessArchive: 'archive',
};

const SHIFTS = { closed: 'closed', opened: 'open', expired: 'expired' } as const;

const WARNINGS: readonly (readonly [string, FnWarning])[] = [
  ['needReplacement', 'replace-in-3-days'],
  ['resourceExhausted', 'replace-in-30-days'],
  ['memoryOverflow', 'memory-90-percent'],
  ['ofdTimeout', 'ofd-late'],
  ['criticalError', 'critical'],
];

/** Results of getDeviceStatus, getShiftStatus, getFnInfo, getFnStatus. */
export function statusOf(
  results: readonly AtolResult[],
  own: { isBegun: boolean; isUnprinted: boolean },
): KktStatus {
  const device = fieldsOf(results[0]?.deviceStatus);
  const shift = fieldsOf(results[1]?.shiftStatus);
  const info = fieldsOf(results[2]?.fnInfo);
  const fn = fieldsOf(results[3]?.fnStatus);
  const hasPaper = device.paperPresent !== false;
  const warnings = fieldsOf(fn.warnings);
  return {
    fn: String(info.serial ?? ''),
    lastFd: Number(fn.fiscalDocumentNumber ?? 0),
    phase: PHASES[String(info.livePhase)] ?? 'unregistered',
    shift: {
      state: SHIFTS[String(shift.state) as keyof typeof SHIFTS] ?? 'closed',
      number: Number(shift.number ?? 0),
      receipts: Number(fn.fiscalReceiptNumber ?? 0),
    },
    document: own.isBegun ? 'receipt' : 'none',
    print: own.isUnprinted ? (hasPaper ? 'stopped' : 'no-paper') : 'idle',
    hasPaper,
    isCoverOpen: device.coverOpened === true,
    clockSeconds: wallSeconds(device.currentDateTime),
    warnings: WARNINGS.flatMap(([word, warning]) => (warnings[word] === true ? [warning] : [])),
  };
}

const FORMS: Readonly<Record<string, number>> = {
  registration: 1,
  openShift: 2,
  receipt: 3,
  bso: 4,
  closeShift: 5,
  closeArchive: 6,
  currentStateReport: 21,
  receiptCorrection: 31,
  bsoCorrection: 41,
};

/** Result of getFnDocument; tags stand under their numbers. */
export function documentOf(result: AtolResult, firstUnsentFd: number | undefined): FnDocument | undefined {
  const tags = fieldsOf(result.documentTLV);
  const fd = Number(tags['1040']);
  const atSeconds = wallSeconds(tags['1012']);
  if (!Number.isSafeInteger(fd) || atSeconds === undefined) return undefined;
  const kind = (Object.keys(settlementKinds) as SettlementKind[]).find(
    (word) => settlementKinds[word] === Number(tags['1054']),
  );
  const mark = fieldsOf(tags['1084']);
  const isOurMark = mark['1085'] === MARK_NAME && typeof mark['1086'] === 'string';
  return {
    fd,
    fp: Number(tags['1077']),
    atSeconds,
    form: FORMS[String(result.fiscalDocumentType)] ?? 0,
    isDelivered: firstUnsentFd === undefined || fd < firstUnsentFd,
    ...(kind === undefined ? {} : { settlement: kind, totalMinor: kopecks(tags['1020']) }),
    ...(tags['1038'] === undefined ? {} : { shift: Number(tags['1038']) }),
    ...(isOurMark ? { mark: String(mark['1086']) } : {}),
    isDetailed: true,
  };
}

export function queueOf(result: AtolResult): OfdQueue {
  const status = fieldsOf(result.status);
  const waiting = Number(status.notSentCount ?? 0);
  const fd = Number(status.notSentFirstDocNumber ?? 0);
  const atSeconds = wallSeconds(status.notSentFirstDocDateTime) ?? 0;
  return { waiting, first: waiting === 0 ? undefined : { fd, atSeconds } };
}

/** Of the version that brought 22 %. */
const FIRMWARE_OF_22 = [5, 17];

/** Results of getDeviceInfo, getRegistrationInfo, getFnInfo. */
export function identityOf(results: readonly AtolResult[]): KktIdentity {
  const info = fieldsOf(results[0]?.deviceInfo);
  const organization = fieldsOf(results[1]?.organization);
  const registered = fieldsOf(results[1]?.device);
  const fn = fieldsOf(results[2]?.fnInfo);
  const words = organization.taxationTypes ?? registered.taxationTypes;
  const version = String(fn.ffdVersion ?? registered.ffdVersion ?? '1.05') as FfdVersion;
  const firmware = String(info.firmwareVersion ?? '');
  return {
    name: String(info.modelName ?? 'ATOL'),
    serial: String(info.serial ?? ''),
    firmware,
    inn: String(organization.vatin ?? ''),
    registrationNumber: String(registered.registrationNumber ?? ''),
    fnExpires: typeof fn.validityDate === 'string' ? fn.validityDate.slice(0, 10) : undefined,
    receipts: {
      ffd: version in FFD_VERSION_CODES && version !== '1.0' ? version : '1.05',
      day: '',
      taxSystems: (Array.isArray(words) ? words : []).flatMap((word: string): TaxSystem[] => {
        const system = taxSystemOfWord(word);
        return system === undefined ? [] : [system];
      }),
      ...(isOlder(firmware, FIRMWARE_OF_22) ? { vatCodes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] } : {}),
    },
  };
}

function isOlder(firmware: string, [major = 0, minor = 0]: readonly number[]): boolean {
  const [, ours, theirs] = /^(\d+)\.(\d+)/.exec(firmware) ?? [];
  if (ours === undefined) return false;
  return Number(ours) < major || (Number(ours) === major && Number(theirs) < minor);
}
