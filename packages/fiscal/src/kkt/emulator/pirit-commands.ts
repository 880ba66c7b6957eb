/** Pirit commands on the emulated device: fields in, error and fields out. */
import { grossMinor, type VatKind } from '@branchline/model';
import { encodeTag } from '../../ffd/document.ts';
import { type SettlementKind, settlementKinds, type TaxSystem, taxSystems } from '../../ffd/enumerations.ts';
import { FFD_VERSION_CODES, type TagInput } from '../../ffd/tag.ts';
import { secondsOfDay } from '../../ffd/wall-time.ts';
import { hexOfBytes } from '../../hex.ts';
import { piritTime } from '../pirit/channel.ts';
import { type PiritCommandName, piritCommandOf } from '../pirit/commands.ts';
import {
  DOCUMENT_TYPES,
  minorOfField,
  PAYMENT_TYPES,
  sumField,
  TAX_INDEXES,
  TAX_SYSTEM_NUMBERS,
} from '../pirit/receipt-fields.ts';
import type { CashRegister } from './cash-register.ts';
import type { StoredDocument } from './fiscal-storage.ts';
import { Refusal, type RefusalReason, storageRefusal } from './refusal.ts';

export interface PiritOutcome {
  readonly error: number;
  readonly fields: readonly string[];
}

/** Error and the reason behind it (06/1). */
const NUMBERS: Readonly<Record<RefusalReason, readonly [number, number]>> = {
  'paper-out': [0x08, 0],
  'cover-open': [0x09, 0],
  printing: [0x09, 0],
  'waits-for-continue': [0x01, 15],
  'shift-open': [0x0f, 0],
  'shift-closed': [0x01, 20],
  'shift-expired': [0x0a, 0],
  'document-open': [0x01, 9],
  'document-closed': [0x01, 8],
  'nothing-to-cancel': [0x01, 8],
  'payments-short': [0x01, 14],
  'cash-short': [0x0e, 0],
  'tags-wrong': [0x03, 71],
  'value-wrong': [0x03, 0],
  'password-wrong': [0x06, 0],
  'command-unknown': [0x02, 0],
  'no-data': [0x48, 0],
};

/** Numbers of the storage, by its own; written as people read them: 15h becomes 55h. */
const STORAGE_NUMBERS: Readonly<Record<number, number>> = {
  2: 0x42,
  5: 0x45,
  6: 0x46,
  7: 0x47,
  8: 0x48,
  16: 0x50,
  20: 0x54,
  21: 0x55,
  22: 0x56,
  23: 0x57,
  32: 0x60,
};

const NOT_BEGUN: readonly [number, number] = [0x01, 1];
/** What a device answers before it was told the time. */
const ALWAYS: readonly PiritCommandName[] = [
  'full-status',
  'printer-status',
  'begin-work',
  'clock',
  'refusal-reason',
];
const CASH_TYPES: Readonly<Record<number, 'in' | 'out'>> = { 4: 'in', 5: 'out' };

type Run = (fields: readonly string[], device: CashRegister) => readonly string[] | undefined;

export class PiritCommands {
  readonly #device: CashRegister;
  #hasBegun = false;
  #reason = 0;
  #details: readonly string[] = [];
  #payments = [0, 0, 0, 0, 0];
  #roundingMinor = 0;
  #cash: { readonly direction: 'in' | 'out'; amountMinor: number } | undefined;
  #taxSystem: TaxSystem = 'general';
  #selected: Uint8Array = new Uint8Array();
  /** What is registered and must reach paper before anything else. */
  #unprinted: 'receipt' | 'shift' | undefined;

  constructor(device: CashRegister) {
    this.#device = device;
  }

  answer(code: number, fields: readonly string[]): PiritOutcome {
    const name = piritCommandOf(code, fields);
    this.#printOn();
    try {
      if (name === undefined) throw new Refusal('command-unknown');
      if (!this.#hasBegun && !ALWAYS.includes(name)) {
        this.#reason = NOT_BEGUN[1];
        return { error: NOT_BEGUN[0], fields: [] };
      }
      return { error: 0, fields: this.#run[name](fields, this.#device) ?? [] };
    } catch (error) {
      const [number, reason] = numbersOf(error);
      if (name !== 'refusal-reason') this.#reason = reason;
      return { error: number, fields: [] };
    }
  }

  /** What a loss of power makes it forget. */
  forget(): void {
    this.#hasBegun = false;
    this.#details = [];
    this.#cash = undefined;
  }

  /** Registered, and the paper did not come out. */
  get isUnfinished(): boolean {
    const state = this.#device.printer.state(this.#device.nowMs);
    if (state === 'idle') this.#unprinted = undefined;
    return this.#unprinted !== undefined && state !== 'printing';
  }

  /** Paper that is back lets everything but a registered document print on by itself. */
  #printOn(): void {
    const { printer, nowMs } = this.#device;
    if (!this.isUnfinished && printer.state(nowMs) === 'stopped') printer.continue(nowMs);
  }

  readonly #run: Readonly<Record<PiritCommandName, Run>> = {
    'full-status': (_, device) => ['0', String(this.#flags(device)), String(this.#document(device))],
    serial: () => ['1', '999000001'],
    inn: (_, { storage }) => ['3', storage.registration.inn],
    'registration-number': (_, { storage }) => ['4', storage.registration.number],
    'money-register': (_, device) => ['7', sumField(Math.max(0, device.cashMinor))],
    'fn-term': (_, { storage }) => ['14', piritTime(storage.expiresSeconds)[0]],
    'tax-systems': (_, { storage }) => {
      const bits = storage.registration.taxSystems.reduce((sum, system) => sum | taxSystems[system], 0);
      return ['23', String(bits), '0', '0'];
    },
    firmware: () => ['70', '999.0.0'],
    'printer-status': (_, { printer }) => [
      String(
        (printer.hasPaper ? 0 : 2) |
          (printer.isCoverOpen ? 4 : 0) |
          (printer.hasPaper && !printer.isCoverOpen ? 0 : 1),
      ),
    ],
    'refusal-reason': () => ['1', String(this.#reason)],
    'begin-work': () => {
      this.#hasBegun = true;
      return [];
    },
    clock: (_, device) => piritTime(device.nowSeconds),
    'x-report': (_, device) => {
      device.printXReport();
      return [];
    },
    'open-shift': (fields, device) => this.#shift('open-shift', 2, fields, device),
    'close-shift': (fields, device) => {
      if (this.isUnfinished && this.#unprinted === 'shift') {
        device.continuePrint();
        return [];
      }
      return this.#shift('close-shift', 5, fields, device);
    },
    'item-tags': (fields) => {
      this.#details = fields;
      return [];
    },
    'open-receipt': (fields, device) => this.#open(fields, device),
    'open-correction': (fields, device) => this.#openCorrection(fields, device),
    item: (fields, device) => this.#item(fields, device),
    subtotal: (_, device) => [sumField(device.subtotalMinor)],
    'compare-total': ([told], device) => {
      if (device.subtotalMinor !== minorOfField(told)) throw new Refusal('value-wrong');
      return [];
    },
    'set-total': ([told], device) => {
      this.#roundingMinor = device.subtotalMinor - minorOfField(told);
      if (this.#roundingMinor < 0 || this.#roundingMinor > 99) throw new Refusal('value-wrong');
      return [];
    },
    payment: ([type, sum], device) => {
      if (device.open === undefined) throw new Refusal('document-closed');
      const at = (PAYMENT_TYPES as readonly number[]).indexOf(Number(type));
      if (at < 0) throw new Refusal('value-wrong');
      this.#payments[at]! += minorOfField(sum);
      return [];
    },
    'send-tags': ([tag, , , value = ''], device) => {
      this.#tag(device, { tag: Number(tag), value });
      return [];
    },
    'move-cash': ([, sum]) => {
      if (this.#cash === undefined) throw new Refusal('document-closed');
      this.#cash.amountMinor = minorOfField(sum);
      return [];
    },
    'close-receipt': (fields, device) => this.#close(fields, device),
    'cancel-receipt': (_, device) => {
      if (this.#cash !== undefined) this.#cash = undefined;
      else if (device.open === undefined && device.storage.current !== 0) device.cancelStorageDocument();
      else device.cancel();
      return [];
    },
    'print-copy': (_, device) => {
      device.printCopy();
      return [];
    },
    'fn-number': (_, { storage }) => ['1', storage.fn],
    'fn-status': (_, device) => {
      const { storage, nowSeconds } = device;
      const phase = 3 | (storage.shift.isOpen ? 32 : 0);
      return ['2', String(phase), String(storage.current), String(storage.warnings(nowSeconds))];
    },
    'last-document': (_, { storage }) => ['3', String(storage.lastFd)],
    'shift-status': (_, { storage: { shift } }) => [
      '6',
      String(shift.number),
      shift.isOpen ? '1' : '0',
      String(shift.receipts),
    ],
    'ofd-status': (_, { storage }) => {
      const waiting = storage.unacknowledged;
      const [first] = waiting;
      if (first === undefined) return ['7', '0', '0', '0', '', ''];
      return ['7', '2', String(waiting.length), String(first.fd), ...piritTime(first.atSeconds)];
    },
    'find-document': ([, fd], { storage }) => {
      const document = storage.find(Number(fd));
      if (document === undefined) throw storageRefusal('no-data');
      return ['11', document.ticket === undefined ? '0' : '1', hexOfBytes(document.tags.subarray(0, 16))];
    },
    'fn-versions': (_, { storage }) => {
      const code = String(FFD_VERSION_CODES[storage.registration.ffd]);
      return ['14', 'emulated', '0', code, '999', code, code, code];
    },
    'select-document': ([, fd], { storage }) => {
      const document = storage.find(Number(fd));
      if (document === undefined) throw storageRefusal('no-data');
      this.#selected = document.tags;
      return ['15', String(document.form), String(document.tags.length)];
    },
    'document-part': ([, offset, size]) => {
      const from = Number(offset);
      return ['16', hexOfBytes(this.#selected.subarray(from, from + Number(size)))];
    },
    'bind-marking': () => ['15'],
  };

  #flags(device: CashRegister): number {
    const isShiftUnfinished = this.isUnfinished && this.#unprinted === 'shift';
    return (
      (this.#hasBegun ? 0 : 1) |
      (device.storage.shift.isOpen ? 4 : 0) |
      (device.isShiftExpired ? 8 : 0) |
      (isShiftUnfinished ? 256 : 0)
    );
  }

  #document(device: CashRegister): number {
    if (device.open !== undefined) return DOCUMENT_TYPES[device.open.settlement] | (1 << 4);
    if (this.#cash !== undefined) return (this.#cash.direction === 'in' ? 4 : 5) | (1 << 4);
    return this.isUnfinished && this.#unprinted === 'receipt' ? 2 | (8 << 4) : 0;
  }

  #shift(
    kind: 'open-shift' | 'close-shift',
    form: 2 | 5,
    [operator]: readonly string[],
    device: CashRegister,
  ): readonly string[] {
    device.beginShiftReport(kind);
    try {
      this.#cashier(device, operator, form);
      if (kind === 'open-shift') device.openShift();
      else device.closeShift();
    } catch (error) {
      device.cancelStorageDocument();
      throw error;
    }
    if (kind === 'close-shift') this.#unprinted = 'shift';
    return [];
  }

  #open([type, , operator, , system]: readonly string[], device: CashRegister): readonly string[] {
    const direction = CASH_TYPES[Number(type)];
    if (direction !== undefined) {
      if (device.open !== undefined || this.#cash !== undefined) throw new Refusal('document-open');
      this.#cash = { direction, amountMinor: 0 };
      return [];
    }
    const settlement = (Object.keys(DOCUMENT_TYPES) as SettlementKind[]).find(
      (kind) => DOCUMENT_TYPES[kind] === Number(type),
    );
    if (settlement === undefined || this.#cash !== undefined) throw new Refusal('value-wrong');
    device.openReceipt(settlement, 3);
    this.#begin(Number(system));
    this.#cashier(device, operator, 3);
    return [];
  }

  #openCorrection(fields: readonly string[], device: CashRegister): readonly string[] {
    const bits = Number(fields[6]);
    const isReturn = (bits & 64) !== 0;
    const code = (bits & 2) === 0 ? (isReturn ? 2 : 1) : isReturn ? 4 : 3;
    const settlement = (Object.keys(settlementKinds) as SettlementKind[]).find(
      (kind) => settlementKinds[kind] === code,
    );
    device.openReceipt(settlement ?? 'sale', 31);
    this.#begin((bits >> 2) & 7);
    this.#cashier(device, fields[0], 31);
    const [, day, month, year] = /^(\d\d)(\d\d)(\d\d)$/.exec(fields[7] ?? '') ?? [];
    this.#tag(device, { tag: 1173, value: bits & 1 });
    this.#tag(device, {
      tag: 1174,
      value: [{ tag: 1178, value: secondsOfDay(`20${year}-${month}-${day}`) ?? 0 }],
    });
    return [];
  }

  #begin(system: number): void {
    this.#payments = [0, 0, 0, 0, 0];
    this.#roundingMinor = 0;
    this.#details = [];
    this.#taxSystem =
      (Object.keys(TAX_SYSTEM_NUMBERS) as TaxSystem[]).find((word) => TAX_SYSTEM_NUMBERS[word] === system) ??
      'general';
  }

  #item(fields: readonly string[], device: CashRegister): readonly string[] {
    const [name = '', , quantity, price, tax] = fields;
    const vat = (Object.keys(TAX_INDEXES) as VatKind[]).find((kind) => TAX_INDEXES[kind] === Number(tax));
    const quantityMilli = Math.round(Number(quantity) * 1000);
    if (vat === undefined || !Number.isSafeInteger(quantityMilli)) throw new Refusal('value-wrong');
    const priceMinor = minorOfField(price);
    device.addItem({
      name,
      quantityMilli,
      priceMinor,
      totalMinor: grossMinor(quantityMilli, priceMinor),
      vat,
      method: Number(fields[10] || 4),
      subject: Number(fields[11] || 1),
    });
    const { ffd } = device.storage.registration;
    const tags: TagInput[] = [];
    if (ffd === '1.2') tags.push({ tag: 2108, value: Number(fields[8] || 0) });
    if (this.#details[3]) tags.push({ tag: 1222, value: Number(this.#details[3]) });
    if (this.#details[4]) tags.push({ tag: 1226, value: this.#details[4] });
    for (const tag of tags) device.addItemTags(encodeTag(tag, ffd, 1059));
    this.#details = [];
    return ['0.0000'];
  }

  #close(fields: readonly string[], device: CashRegister): readonly string[] {
    const cash = this.#cash;
    if (cash !== undefined) {
      device.moveCash(cash.direction, cash.amountMinor);
      this.#cash = undefined;
      return ['1', ''];
    }
    if (device.open === undefined && this.isUnfinished && this.#unprinted === 'receipt') {
      device.continuePrint();
      return closed(device.storage.documents.at(-1));
    }
    const [, contact, , , sender, , name, value] = fields;
    if (contact) this.#tag(device, { tag: 1008, value: contact });
    if (sender) this.#tag(device, { tag: 1117, value: sender });
    if (name && value) {
      this.#tag(device, {
        tag: 1084,
        value: [
          { tag: 1085, value: name },
          { tag: 1086, value },
        ],
      });
    }
    const { document } = device.closeReceipt({
      sums: this.#payments,
      roundingMinor: this.#roundingMinor,
      taxSystem: this.#taxSystem,
    });
    this.#unprinted = 'receipt';
    return closed(document);
  }

  #cashier(device: CashRegister, operator: string | undefined, form: number): void {
    if (!operator) return;
    const [, inn, name = ''] = /^(?:(\d{12})&)?(.*)$/.exec(operator) ?? [];
    this.#tag(device, { tag: 1021, value: name }, form);
    if (inn !== undefined) this.#tag(device, { tag: 1203, value: inn }, form);
  }

  #tag(device: CashRegister, tag: TagInput, form = device.open?.form ?? 3): void {
    device.addTags(encodeTag(tag, device.storage.registration.ffd, form));
  }
}

function closed(document: StoredDocument | undefined): readonly string[] {
  if (document === undefined) throw new Refusal('document-closed');
  const [day, time] = piritTime(document.atSeconds);
  const { fd, fp, shift, receiptNumber = 0 } = document;
  return [
    String(fd),
    '',
    `${fd} ${fp}`,
    String(fd),
    String(fp),
    String(shift),
    String(receiptNumber),
    day,
    time,
  ];
}

function numbersOf(error: unknown): readonly [number, number] {
  if (error instanceof Refusal) {
    if (error.reason === 'storage') return [STORAGE_NUMBERS[error.fnError] ?? 0x43, 0];
    return NUMBERS[error.reason];
  }
  // Fields that do not hold what they should: a host that speaks wrongly.
  if (error instanceof Error && 'code' in error) return [0x03, 0];
  throw error;
}
