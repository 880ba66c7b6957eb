/**
 * Shtrih-M commands on the emulated device: fields in, fields out. What is refused throws a `Refusal`; its number is put into
 * the answer here.
 */

import type { VatKind } from '@branchline/model';
import { type SettlementKind, settlementKinds, type TaxSystem, taxSystems } from '../../ffd/enumerations.ts';
import { dayOfSeconds, formatWallTime } from '../../ffd/wall-time.ts';
import { type CommandName, codeBytes, commandIn } from '../shtrih/commands.ts';
import { FieldReader, FieldWriter } from '../shtrih/fields.ts';
import { TAX_BYTES } from '../shtrih/receipt-messages.ts';
import type { CashRegister } from './cash-register.ts';
import { Refusal, type RefusalReason, storageRefusal } from './refusal.ts';
import { type SettingsTable, settingOf, settingsTables } from './settings-tables.ts';

const NUMBERS: Readonly<Record<RefusalReason, number>> = {
  'paper-out': 0x6b,
  'cover-open': 0x6b,
  printing: 0x50,
  'waits-for-continue': 0x58,
  'shift-open': 0x3c,
  'shift-closed': 0x3d,
  'shift-expired': 0x4e,
  'document-open': 0x4a,
  'document-closed': 0x55,
  'nothing-to-cancel': 0x55,
  'payments-short': 0x45,
  'cash-short': 0x46,
  'tags-wrong': 0x33,
  'value-wrong': 0x33,
  'password-wrong': 0x4f,
  'command-unknown': 0x37,
  'no-data': 0x08,
};

/** Blocks of a message to the operator. */
const MESSAGE_BLOCK = 200;
const TAGS_PART_MAX = 250;
const OPERATOR = 30;
const PASSWORDS = [30];
const SERIAL = 999_000_001;

type Run = (fields: FieldReader, device: CashRegister) => FieldWriter;

export class ShtrihCommands {
  readonly #device: CashRegister;
  #parts: Uint8Array[] = [];
  #incoming: Uint8Array = new Uint8Array();
  #tables: ReadonlyMap<number, SettingsTable> | undefined;

  constructor(device: CashRegister) {
    this.#device = device;
  }

  /** The answer to a message, as it would stand in a frame. */
  answer(message: Uint8Array): Uint8Array {
    const { code, name, rest } = commandIn(message);
    const head = codeBytes(code);
    try {
      if (name === undefined) throw new Refusal('command-unknown');
      const fields = new FieldReader(rest);
      if (name !== 'device-type' && !PASSWORDS.includes(fields.number(4)))
        throw new Refusal('password-wrong');
      const data = this.#run[name](fields, this.#device).done();
      return Uint8Array.from([...head, 0, ...data]);
    } catch (error) {
      return Uint8Array.from([...head, numberOf(error)]);
    }
  }

  /** What a loss of power makes it forget. */
  forget(): void {
    this.#parts = [];
    this.#incoming = new Uint8Array();
  }

  readonly #run: Readonly<Record<CommandName, Run>> = {
    'short-status': (_, device) =>
      op().number(flagsOf(device), 2).byte(modeOf(device)).byte(submodeOf(device)).bytes(new Uint8Array(11)),
    'full-status': (_, device) => fullStatus(device),
    'money-register': (_, device) => op().number(Math.max(0, device.cashMinor), 6),
    'read-table': (fields) => {
      const field = this.#setting(fields);
      if (field.kind === 'number') return new FieldWriter().number(Number(field.value), field.width);
      return new FieldWriter().field(String(field.value), field.width);
    },
    'write-table': (fields) => {
      const field = this.#setting(fields);
      field.value = field.kind === 'number' ? fields.number(field.width) : fields.text(fields.left);
      return new FieldWriter();
    },
    'table-structure': (fields) => {
      const table = this.#settings().get(fields.byte());
      if (table === undefined) throw new Refusal('value-wrong');
      return new FieldWriter().field(table.name, 40).number(1, 2).byte(table.fields.length);
    },
    'field-structure': (fields) => {
      const field = settingOf(this.#settings(), fields.byte(), 1, fields.byte());
      return new FieldWriter()
        .field(field.name, 40)
        .byte(field.kind === 'number' ? 0 : 1)
        .byte(field.width);
    },
    cut: (_, device) => {
      if (device.printer.state(device.nowMs) === 'printing') throw new Refusal('printing');
      return op();
    },
    'x-report': (_, device) => done(() => device.printXReport()),
    'close-shift': (_, device) => done(() => device.closeShift()),
    'open-shift': (_, device) => done(() => device.openShift()),
    'cash-in': (fields, device) => done(() => device.moveCash('in', fields.money())).number(1, 2),
    'cash-out': (fields, device) => done(() => device.moveCash('out', fields.money())).number(1, 2),
    'cancel-receipt': (_, device) => done(() => device.cancel()),
    subtotal: (_, device) => op().money(device.subtotalMinor),
    'print-copy': (_, device) => done(() => device.printCopy()),
    'open-receipt': (fields, device) => {
      const kind = fields.byte();
      return done(() => device.openReceipt(settlementOf((kind & 0x03) + 1), kind & 0x80 ? 31 : 3));
    },
    'continue-print': (_, device) => done(() => device.continuePrint()),
    'device-type': () =>
      new FieldWriter().bytes(Uint8Array.of(0, 0, 2, 0, 0x2d, 0)).text('EMULATOR, NOT FISCAL', 40),
    'fn-status': (_, device) => fnStatus(device),
    'fn-term': (_, device) => {
      const [year = '', month, day] = dayOfSeconds(device.storage.expiresSeconds).split('-');
      return new FieldWriter()
        .byte(Number(year.slice(2)))
        .byte(Number(month))
        .byte(Number(day));
    },
    'cancel-document': (_, device) => {
      device.cancelStorageDocument();
      return new FieldWriter();
    },
    registration: (_, device) => registration(device),
    'find-document': (fields, device) => findDocument(fields.number(4), device),
    'send-tags': (fields, device) => {
      device.addTags(fields.rest());
      return new FieldWriter();
    },
    'item-tags': (fields, device) => {
      device.addItemTags(fields.rest());
      return new FieldWriter();
    },
    'message-begin': (_, device) => {
      const message = device.storage.message();
      return new FieldWriter().number(message?.length ?? 0, 2).byte(MESSAGE_BLOCK);
    },
    'message-read': (fields, device) => {
      const offset = fields.number(2);
      const part = device.storage.message()?.subarray(offset, offset + fields.byte());
      if (part === undefined || part.length === 0) throw storageRefusal('no-data');
      return new FieldWriter().bytes(part);
    },
    'answer-begin': (fields) => {
      this.#incoming = new Uint8Array(fields.number(2));
      return new FieldWriter().byte(MESSAGE_BLOCK);
    },
    'answer-write': (fields, device) => this.#takeAnswer(fields, device),
    'begin-correction': (_, device) => {
      device.openReceipt('sale', 31);
      return new FieldWriter();
    },
    'ofd-status': (_, device) => ofdStatus(device),
    'select-document': (fields, device) => {
      const document = device.storage.find(fields.number(4));
      if (document === undefined) throw storageRefusal('no-data');
      this.#parts = partsOf(document.tags);
      return new FieldWriter().number(document.form, 2).number(document.tags.length, 2);
    },
    'document-part': () => {
      const part = this.#parts.shift();
      if (part === undefined) throw storageRefusal('no-data');
      return new FieldWriter().bytes(part);
    },
    ticket: (fields, device) => {
      const document = device.storage.find(fields.number(4));
      if (document?.ticket === undefined) throw storageRefusal('no-data');
      return new FieldWriter()
        .time(document.atSeconds)
        .bytes(document.ticket.subarray(0, 18))
        .number(document.fd, 4);
    },
    'shift-status': (_, { storage: { shift } }) =>
      new FieldWriter()
        .byte(shift.isOpen ? 1 : 0)
        .number(shift.number, 2)
        .number(shift.receipts, 2),
    'begin-open-shift': (_, device) => {
      device.beginShiftReport('open-shift');
      return new FieldWriter();
    },
    'begin-close-shift': (_, device) => {
      device.beginShiftReport('close-shift');
      return new FieldWriter();
    },
    item: (fields, device) => item(fields, device),
    'close-receipt': (fields, device) => closeReceipt(fields, device),
    'close-correction': (fields, device) => closeCorrection(fields, device),
  };

  #takeAnswer(fields: FieldReader, device: CashRegister): FieldWriter {
    const offset = fields.number(2);
    const length = fields.byte();
    const part = fields.bytes(length);
    if (offset + length > this.#incoming.length) throw new Refusal('value-wrong');
    this.#incoming.set(part, offset);
    if (offset + length === this.#incoming.length) device.storage.accept(this.#incoming);
    return new FieldWriter();
  }

  #setting(fields: FieldReader) {
    return settingOf(this.#settings(), fields.byte(), fields.number(2), fields.byte());
  }

  #settings(): ReadonlyMap<number, SettingsTable> {
    const { fn, registration: known } = this.#device.storage;
    this.#tables ??= settingsTables({
      serial: String(SERIAL),
      inn: known.inn,
      registrationNumber: known.number,
      fn,
    });
    return this.#tables;
  }
}

function numberOf(error: unknown): number {
  if (!(error instanceof Refusal)) {
    // Fields that do not hold what they should: a host that speaks wrongly.
    if (error instanceof Error && 'code' in error) return 0x33;
    throw error;
  }
  return error.reason === 'storage' ? error.fnError : NUMBERS[error.reason];
}

function op(): FieldWriter {
  return new FieldWriter().byte(OPERATOR);
}

function done(work: () => unknown): FieldWriter {
  work();
  return op();
}

function flagsOf({ printer }: CashRegister): number {
  return 0x0212 | (printer.hasPaper ? 0x80 : 0) | (printer.isCoverOpen ? 0x400 : 0);
}

function modeOf(device: CashRegister): number {
  if (device.open !== undefined) return 8 | ((settlementKinds[device.open.settlement] - 1) << 4);
  if (!device.storage.shift.isOpen) return 4;
  return device.isShiftExpired ? 3 : 2;
}

function submodeOf(device: CashRegister): number {
  switch (device.printer.state(device.nowMs)) {
    case 'printing':
      return 5;
    case 'no-paper':
      return 2;
    case 'stopped':
      return 3;
    case 'idle':
      return device.printer.hasPaper ? 0 : 1;
  }
}

function fullStatus(device: CashRegister): FieldWriter {
  const [year = '', month, day, hour, minute, second] = formatWallTime(device.nowSeconds).split(/[-T:]/);
  const date = [day, month, year.slice(2)].map(Number);
  const { storage } = device;
  return op()
    .bytes(Buffer.from('90'))
    .number(99, 2)
    .bytes(Uint8Array.of(22, 11, 26))
    .byte(1)
    .number(storage.lastFd % 10_000, 2)
    .number(flagsOf(device), 2)
    .byte(modeOf(device))
    .byte(submodeOf(device))
    .byte(128)
    .bytes(new Uint8Array(7))
    .bytes(Uint8Array.from(date))
    .bytes(Uint8Array.of(Number(hour), Number(minute), Number(second)))
    .byte(0)
    .number(SERIAL, 4)
    .number(storage.shift.number, 2)
    .number(0, 2)
    .byte(1)
    .byte(10)
    .number(Number(storage.registration.inn), 6);
}

function fnStatus(device: CashRegister): FieldWriter {
  const { storage, nowSeconds } = device;
  const last = storage.documents.at(-1);
  return new FieldWriter()
    .byte(3)
    .byte(storage.current)
    .byte(storage.current === 0 ? 0 : 1)
    .byte(storage.shift.isOpen ? 1 : 0)
    .byte(storage.warnings(nowSeconds))
    .time(last?.atSeconds ?? nowSeconds)
    .field(storage.fn, 16)
    .number(storage.lastFd, 4);
}

function registration(device: CashRegister): FieldWriter {
  const { registration: known, documents } = device.storage;
  const bits = known.taxSystems.reduce((sum, system) => sum | taxSystems[system], 0);
  const first = documents[0];
  return new FieldWriter()
    .time(first?.atSeconds ?? 0)
    .field(known.inn, 12)
    .field(known.number, 20)
    .byte(bits)
    .byte(0)
    .number(1, 4)
    .number(first?.fp ?? 0, 4);
}

function findDocument(fd: number, { storage }: CashRegister): FieldWriter {
  const document = storage.find(fd);
  if (document === undefined) throw storageRefusal('no-data');
  const fields = new FieldWriter()
    .byte(document.form)
    .byte(document.ticket === undefined ? 0 : 1)
    .time(document.atSeconds)
    .number(document.fd, 4)
    .number(document.fp, 4);
  if (document.settlement === undefined) return fields.number(document.shift, 2);
  return fields.byte(settlementKinds[document.settlement]).money(document.totalMinor ?? 0);
}

function ofdStatus({ storage }: CashRegister): FieldWriter {
  const waiting = storage.unacknowledged;
  const [first] = waiting;
  const fields = new FieldWriter()
    .byte(first === undefined ? 0 : 2)
    .byte(0)
    .number(waiting.length, 2);
  if (first === undefined) return fields.number(0, 4).bytes(new Uint8Array(5));
  return fields.number(first.fd, 4).time(first.atSeconds);
}

function item(fields: FieldReader, device: CashRegister): FieldWriter {
  fields.skip(1);
  const quantityMilli = fields.number(6) / 1000;
  const priceMinor = fields.money();
  const totalMinor = fields.money();
  fields.skip(5);
  const tax = fields.byte();
  fields.skip(1);
  const method = fields.byte();
  const subject = fields.byte();
  const vat = (Object.keys(TAX_BYTES) as VatKind[]).find((kind) => TAX_BYTES[kind] === tax);
  if (vat === undefined || !Number.isInteger(quantityMilli)) throw new Refusal('value-wrong');
  const name = fields.text(fields.left);
  device.addItem({ name, quantityMilli, priceMinor, totalMinor, vat, method, subject });
  return new FieldWriter();
}

function closeReceipt(fields: FieldReader, device: CashRegister): FieldWriter {
  const sums = Array.from({ length: 16 }, () => fields.money());
  const roundingMinor = fields.byte();
  fields.skip(30);
  const [cash = 0] = sums;
  const electronic = sums.slice(1, 13).reduce((sum, minor) => sum + minor, 0);
  const { changeMinor, document } = device.closeReceipt({
    sums: [cash, electronic, ...sums.slice(13)],
    roundingMinor,
    taxSystem: taxSystemOf(fields.byte()),
  });
  return new FieldWriter()
    .money(changeMinor)
    .number(document.fd, 4)
    .number(document.fp, 4)
    .time(document.atSeconds);
}

function closeCorrection(fields: FieldReader, device: CashRegister): FieldWriter {
  const type = fields.byte();
  const settlement = settlementOf(fields.byte());
  const totalMinor = fields.money();
  const sums = Array.from({ length: 5 }, () => fields.money());
  fields.skip(30);
  const taxSystem = taxSystemOf(fields.byte());
  const document = device.closeOldCorrection(
    settlement,
    totalMinor,
    { sums, roundingMinor: 0, taxSystem },
    type,
  );
  return new FieldWriter()
    .number(document.receiptNumber ?? 0, 2)
    .number(document.fd, 4)
    .number(document.fp, 4);
}

function settlementOf(code: number): SettlementKind {
  const kind = (Object.keys(settlementKinds) as SettlementKind[]).find(
    (word) => settlementKinds[word] === code,
  );
  if (kind === undefined) throw new Refusal('value-wrong');
  return kind;
}

function taxSystemOf(bit: number): TaxSystem {
  const system = (Object.keys(taxSystems) as TaxSystem[]).find((word) => taxSystems[word] === bit);
  if (system === undefined) throw new Refusal('value-wrong');
  return system;
}

/** Whole tags where they fit one answer. */
function partsOf(tags: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < tags.length; ) {
    const end = at + 4 + (tags[at + 2]! | (tags[at + 3]! << 8));
    for (let from = at; from < end; from += TAGS_PART_MAX) {
      parts.push(tags.subarray(from, Math.min(end, from + TAGS_PART_MAX)));
    }
    at = end;
  }
  return parts;
}
