/** Tasks of the ATOL web server on the emulated device: JSON in, JSON out. */
import type { VatKind } from '@branchline/model';
import { decodeTagList, encodeTag, findTag } from '../../ffd/document.ts';
import {
  type SettlementKind,
  settlementKinds,
  settlementMethods,
  type TaxSystem,
} from '../../ffd/enumerations.ts';
import type { TagInput } from '../../ffd/tag.ts';
import { dayOfSeconds, formatWallTime, secondsOfDay } from '../../ffd/wall-time.ts';
import { fieldsOf } from '../atol/answers.ts';
import {
  KIND_WORDS,
  kopecks,
  METHOD_WORDS,
  PAYMENT_WORDS,
  rubles,
  TAX_WORDS,
  TAXATION_WORDS,
  taxSystemOfWord,
} from '../atol/receipt-task.ts';
import { NO_DOCUMENT } from '../atol/refusals.ts';
import type { CashRegister } from './cash-register.ts';
import type { StoredDocument } from './fiscal-storage.ts';
import { Refusal, type RefusalReason } from './refusal.ts';

type Json = { readonly [key: string]: unknown };

const NUMBERS: Readonly<Record<RefusalReason, number>> = {
  'paper-out': 44,
  'cover-open': 45,
  printing: 55,
  'waits-for-continue': 55,
  'shift-open': 83,
  'shift-closed': 73,
  'shift-expired': 68,
  'document-open': 82,
  'document-closed': 81,
  'nothing-to-cancel': 81,
  'payments-short': 66,
  'cash-short': 80,
  'tags-wrong': 133,
  'value-wrong': 13,
  'password-wrong': 71,
  'command-unknown': 504,
  'no-data': NO_DOCUMENT,
};

const STORAGE_NUMBERS: Readonly<Record<number, number>> = {
  2: 203,
  5: 136,
  6: 137,
  7: 36,
  8: NO_DOCUMENT,
  20: 137,
  21: 140,
  22: 141,
};

export function atolNumberOf(error: unknown): number {
  if (!(error instanceof Refusal)) throw error;
  if (error.reason === 'storage') return STORAGE_NUMBERS[error.fnError] ?? 133;
  return NUMBERS[error.reason];
}

/** Task types by the name their command has in fault scripts. */
const COMMANDS: Readonly<Record<string, string>> = {
  openShift: 'open-shift',
  closeShift: 'close-shift',
  reportX: 'x-report',
  cashIn: 'cash-in',
  cashOut: 'cash-out',
  getDeviceStatus: 'full-status',
  getShiftStatus: 'shift-status',
  getFnStatus: 'fn-status',
  getFnDocument: 'find-document',
  ofdExchangeStatus: 'ofd-status',
  continuePrint: 'continue-print',
  printLastReceiptCopy: 'print-copy',
  getCashDrawerStatus: 'money-register',
};

export function commandOfTask(type: string): string {
  return COMMANDS[type] ?? (/^(sell|buy)/.test(type) ? 'close-receipt' : type);
}

export function isRegistering(type: string): boolean {
  return /^(sell|buy|openShift|closeShift|cash)/.test(type);
}

/** The result of a task; a `Refusal` for what the device does not do. */
export function runTask(task: Json, device: CashRegister): Json {
  const type = String(task.type);
  const { storage } = device;
  switch (type) {
    case 'openShift':
    case 'closeShift': {
      device.beginShiftReport(type === 'openShift' ? 'open-shift' : 'close-shift');
      try {
        addCashier(task, device, type === 'openShift' ? 2 : 5);
        return fiscalResult(type === 'openShift' ? device.openShift() : device.closeShift(), device);
      } catch (error) {
        device.cancelStorageDocument();
        throw error;
      }
    }
    case 'reportX':
      device.printXReport();
      return {};
    case 'cashIn':
    case 'cashOut':
      device.moveCash(type === 'cashIn' ? 'in' : 'out', kopecks(task.cashSum));
      return { counters: { cashSum: rubles(device.cashMinor) } };
    case 'getCashDrawerStatus':
      return { counters: { cashSum: rubles(device.cashMinor) } };
    case 'continuePrint':
      device.continuePrint();
      return {};
    case 'printLastReceiptCopy':
      device.printCopy();
      return {};
    case 'getDeviceStatus':
      return {
        deviceStatus: {
          currentDateTime: zoned(device.nowSeconds),
          paperPresent: device.printer.hasPaper,
          coverOpened: device.printer.isCoverOpen,
          blocked: false,
        },
      };
    case 'getShiftStatus': {
      const state = storage.shift.isOpen ? (device.isShiftExpired ? 'expired' : 'opened') : 'closed';
      return { shiftStatus: { state, number: storage.shift.number, documentsCount: storage.shift.receipts } };
    }
    case 'getFnStatus':
      return {
        fnStatus: {
          fiscalDocumentNumber: storage.lastFd,
          fiscalReceiptNumber: storage.shift.receipts,
          warnings: warnings(device),
        },
      };
    case 'getFnInfo':
      return {
        fnInfo: {
          serial: storage.fn,
          livePhase: 'fiscalMode',
          ffdVersion: storage.registration.ffd,
          validityDate: `${dayOfSeconds(storage.expiresSeconds)}T00:00:00+03:00`,
        },
      };
    case 'getDeviceInfo':
      return {
        deviceInfo: { modelName: 'EMULATOR, NOT FISCAL', firmwareVersion: '5.99.0', serial: '999000001' },
      };
    case 'getRegistrationInfo':
      return {
        device: { registrationNumber: storage.registration.number, ffdVersion: storage.registration.ffd },
        organization: {
          vatin: storage.registration.inn,
          taxationTypes: storage.registration.taxSystems.map((system) => TAXATION_WORDS[system]),
        },
      };
    case 'getFnDocument':
      return fnDocument(Number(task.fiscalDocumentNumber), device);
    case 'ofdExchangeStatus': {
      const [first] = storage.unacknowledged;
      const oldest = first && {
        notSentFirstDocNumber: first.fd,
        notSentFirstDocDateTime: zoned(first.atSeconds),
      };
      return { status: { notSentCount: storage.unacknowledged.length, ...oldest } };
    }
    default:
      if (commandOfTask(type) !== 'close-receipt') throw new Refusal('command-unknown');
      return sell(task, type, device);
  }
}

function sell(task: Json, type: string, device: CashRegister): Json {
  const isCorrection = type.endsWith('Correction');
  const word = type.replace(/Correction$/, '');
  const settlement = (Object.keys(KIND_WORDS) as SettlementKind[]).find((kind) => KIND_WORDS[kind] === word);
  const taxSystem = taxSystemOfWord(String(task.taxationType));
  if (settlement === undefined || taxSystem === undefined) throw new Refusal('value-wrong');
  const form = isCorrection ? 31 : 3;
  device.openReceipt(settlement, form);
  try {
    const items = task.items as readonly Json[];
    for (const item of items) addItem(item, device, form);
    addCashier(task, device, form);
    addReceiptTags(task, device, form);
    return fiscalResult(closeOf(task, taxSystem, device), device);
  } catch (error) {
    // One task is one receipt: what failed leaves nothing open.
    if (device.open !== undefined) device.cancelStorageDocument();
    throw error;
  }
}

function closeOf(task: Json, taxSystem: TaxSystem, device: CashRegister): StoredDocument {
  const sums = PAYMENT_WORDS.map((kind) =>
    (task.payments as readonly Json[]).reduce(
      (sum, payment) => sum + (payment.type === kind ? kopecks(payment.sum) : 0),
      0,
    ),
  );
  const roundingMinor = device.subtotalMinor - kopecks(task.total);
  return device.closeReceipt({ sums, roundingMinor, taxSystem }).document;
}

function addItem(item: Json, device: CashRegister, form: number): void {
  if (item.type === 'userAttribute') {
    addTag(device, form, {
      tag: 1084,
      value: [
        { tag: 1085, value: String(item.name) },
        { tag: 1086, value: String(item.value) },
      ],
    });
    return;
  }
  if (item.type === 'additionalAttribute') {
    addTag(device, form, { tag: 1192, value: String(item.value) });
    return;
  }
  const tax = fieldsOf(item.tax).type;
  const vat = (Object.keys(TAX_WORDS) as VatKind[]).find((kind) => TAX_WORDS[kind] === tax);
  const method = Object.entries(METHOD_WORDS).find(([, word]) => word === item.paymentMethod)?.[0];
  if (vat === undefined || method === undefined) throw new Refusal('value-wrong');
  device.addItem({
    name: String(item.name),
    quantityMilli: Math.round(Number(item.quantity) * 1000),
    priceMinor: kopecks(item.price),
    totalMinor: kopecks(item.amount),
    vat,
    method: settlementMethods[method as keyof typeof settlementMethods],
    subject: Number(item.paymentObject),
  });
  if (typeof item.measurementUnit === 'number') {
    const { ffd } = device.storage.registration;
    device.addItemTags(encodeTag({ tag: 2108, value: item.measurementUnit }, ffd, 1059));
  }
}

function addReceiptTags(task: Json, device: CashRegister, form: number): void {
  const client = fieldsOf(task.clientInfo);
  if (typeof client.emailOrPhone === 'string')
    addTag(device, form, { tag: 1008, value: client.emailOrPhone });
  if (form !== 31) return;
  const day = String(task.correctionBaseDate).replaceAll('.', '-');
  addTag(device, form, { tag: 1173, value: task.correctionType === 'instruction' ? 1 : 0 });
  addTag(device, form, { tag: 1174, value: [{ tag: 1178, value: secondsOfDay(day) ?? 0 }] });
}

function addCashier(task: Json, device: CashRegister, form: number): void {
  const operator = fieldsOf(task.operator);
  if (typeof operator.name === 'string') addTag(device, form, { tag: 1021, value: operator.name });
  if (typeof operator.vatin === 'string') addTag(device, form, { tag: 1203, value: operator.vatin });
}

function addTag(device: CashRegister, form: number, tag: TagInput): void {
  device.addTags(encodeTag(tag, device.storage.registration.ffd, form));
}

function fiscalResult(document: StoredDocument, { storage }: CashRegister): Json {
  return {
    fiscalParams: {
      fiscalDocumentNumber: document.fd,
      fiscalDocumentSign: String(document.fp),
      fiscalDocumentDateTime: zoned(document.atSeconds),
      fiscalReceiptNumber: document.receiptNumber ?? 0,
      fnNumber: storage.fn,
      registrationNumber: storage.registration.number,
      shiftNumber: document.shift,
      total: rubles(document.totalMinor ?? 0),
    },
  };
}

const TYPES: Readonly<Record<number, string>> = {
  1: 'registration',
  2: 'openShift',
  3: 'receipt',
  5: 'closeShift',
  31: 'receiptCorrection',
};

function fnDocument(fd: number, { storage }: CashRegister): Json {
  const document = storage.find(fd);
  if (document === undefined) throw new Refusal('no-data');
  const nodes = decodeTagList(document.tags, storage.registration.ffd, document.form);
  const mark = findTag(nodes, 1084)?.value;
  const inside = (tag: number): unknown => (Array.isArray(mark) ? findTag(mark, tag)?.value : undefined);
  return {
    fiscalDocumentType: TYPES[document.form] ?? String(document.form),
    rawData: Buffer.from(document.tags).toString('base64'),
    documentTLV: {
      '1012': zoned(document.atSeconds),
      '1038': document.shift,
      '1040': document.fd,
      '1077': String(document.fp),
      ...(document.settlement === undefined ? {} : { '1054': settlementKinds[document.settlement] }),
      ...(document.totalMinor === undefined ? {} : { '1020': rubles(document.totalMinor) }),
      ...(mark === undefined ? {} : { '1084': { '1085': inside(1085), '1086': inside(1086) } }),
    },
  };
}

function warnings(device: CashRegister): Json {
  const bits = device.storage.warnings(device.nowSeconds);
  return {
    needReplacement: (bits & 1) !== 0,
    resourceExhausted: (bits & 2) !== 0,
    memoryOverflow: (bits & 4) !== 0,
    ofdTimeout: (bits & 8) !== 0,
    criticalError: false,
  };
}

function zoned(seconds: number): string {
  return `${formatWallTime(seconds)}+03:00`;
}
