/**
 * The emulated device between its protocols and its storage: an open receipt, a drawer, a printer, a clock of its own.
 *
 * Every call either changes all it should or throws a `Refusal` and changes nothing. A receipt is registered in the storage
 * first and printed after; from the registration on nothing takes it back. On a loss of power the storage keeps everything,
 * the open receipt is dropped or kept as the firmware would (`keepsOpenReceipt`).
 */
import { type VatKind, vatRates } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import { encodeTags } from '../../ffd/document.ts';
import { type SettlementKind, settlementKinds, type TaxSystem, taxSystems } from '../../ffd/enumerations.ts';
import { vatTags } from '../../ffd/receipt-tags.ts';
import type { TagInput } from '../../ffd/tag.ts';
import { vatSums } from '../../ffd/vat-tags.ts';
import type { FiscalStorage, StoredDocument } from './fiscal-storage.ts';
import { PrintQueue } from './print-queue.ts';
import { Refusal } from './refusal.ts';
import { shiftCounterTags } from './shift-counters.ts';

export const ITEMS_MAX = 1_000;
/** Moscow: shops print their own wall clock. */
const ZONE_SECONDS = 3 * 3600;

export interface RegisterItem {
  readonly name: string;
  readonly quantityMilli: number;
  readonly priceMinor: number;
  readonly totalMinor: number;
  readonly vat: VatKind;
  readonly method: number;
  readonly subject: number;
}

export interface OpenReceipt {
  readonly form: number;
  readonly settlement: SettlementKind;
  readonly items: { readonly item: RegisterItem; readonly tags: Uint8Array[] }[];
  readonly tags: Uint8Array[];
}

export interface Payment {
  /** Cash, electronic, prepaid, credit, barter. */
  readonly sums: readonly number[];
  readonly roundingMinor: number;
  readonly taxSystem: TaxSystem;
}

export interface CashRegisterOptions {
  readonly clock: Clock;
  readonly storage: FiscalStorage;
  readonly stripMs: number;
  readonly keepsOpenReceipt: boolean;
}

/** Kinds of the document under construction, as storages number them. */
const CURRENT = { none: 0, 'open-shift': 2, receipt: 4, 'close-shift': 8, correction: 0x14 } as const;

export class CashRegister {
  readonly printer: PrintQueue;
  readonly #clock: Clock;
  storage: FiscalStorage;
  keepsOpenReceipt: boolean;
  /** Seconds the device's clock is off. */
  clockOffsetSeconds = 0;
  cashMinor = 0;
  open: OpenReceipt | undefined;
  #shiftTags: Uint8Array[] = [];

  constructor({ clock, storage, stripMs, keepsOpenReceipt }: CashRegisterOptions) {
    this.#clock = clock;
    this.storage = storage;
    this.printer = new PrintQueue(stripMs);
    this.keepsOpenReceipt = keepsOpenReceipt;
  }

  /** Wall time as it stands in documents. */
  get nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000) + ZONE_SECONDS + this.clockOffsetSeconds;
  }

  get nowMs(): number {
    return this.#clock.monotonicMs();
  }

  get isShiftExpired(): boolean {
    return this.storage.isShiftExpired(this.nowSeconds);
  }

  openReceipt(settlement: SettlementKind, form: number): void {
    this.#checkPrinter();
    if (this.open !== undefined) throw new Refusal('document-open');
    if (!this.storage.shift.isOpen) throw new Refusal('shift-closed');
    if (this.isShiftExpired) throw new Refusal('shift-expired');
    this.storage.checkReady(this.nowSeconds);
    this.open = { form, settlement, items: [], tags: [] };
    this.storage.current = form === 3 ? CURRENT.receipt : CURRENT.correction;
  }

  addItem(item: RegisterItem): void {
    const open = this.#receipt();
    if (open.items.length >= ITEMS_MAX) throw new Refusal('value-wrong');
    const exactMinor = (item.quantityMilli * item.priceMinor) / 1000;
    if (Math.abs(exactMinor - item.totalMinor) > 1) throw new Refusal('value-wrong');
    open.items.push({ item, tags: [] });
  }

  addItemTags(bytes: Uint8Array): void {
    const last = this.#receipt().items.at(-1);
    if (last === undefined) throw new Refusal('document-closed');
    last.tags.push(bytes.slice());
  }

  /** Tags of whatever is under construction. */
  addTags(bytes: Uint8Array): void {
    if (this.storage.current === CURRENT['open-shift'] || this.storage.current === CURRENT['close-shift']) {
      this.#shiftTags.push(bytes.slice());
      return;
    }
    this.#receipt().tags.push(bytes.slice());
  }

  get subtotalMinor(): number {
    return this.#receipt().items.reduce((sum, { item }) => sum + item.totalMinor, 0);
  }

  closeReceipt({ sums, roundingMinor, taxSystem }: Payment): {
    readonly changeMinor: number;
    readonly document: StoredDocument;
  } {
    const open = this.#receipt();
    this.#checkPrinter();
    const totalMinor = this.subtotalMinor - roundingMinor;
    const changeMinor = this.#change(sums, totalMinor);
    const [cash = 0, electronic = 0, prepaid = 0, credit = 0, barter = 0] = sums;
    const tags: TagInput[] = [
      { tag: 1054, value: settlementKinds[open.settlement] },
      { tag: 1055, value: taxSystems[taxSystem] },
      { tag: 1020, value: totalMinor },
      { tag: 1031, value: cash - changeMinor },
      { tag: 1081, value: electronic },
      { tag: 1215, value: prepaid },
      { tag: 1216, value: credit },
      { tag: 1217, value: barter },
      ...vatTags(vatSums(open.items.map(({ item }) => item))),
    ];
    const document = this.#register(
      open,
      [...tags, ...open.items.map((item) => this.#itemTag(item))],
      totalMinor,
    );
    this.#moveDrawer(open.settlement, cash - changeMinor);
    return { changeMinor, document };
  }

  /** Corrections up to FFD 1.1: a total without items. */
  closeOldCorrection(
    settlement: SettlementKind,
    totalMinor: number,
    payment: Payment,
    type: number,
  ): StoredDocument {
    const open = this.#receipt();
    this.#checkPrinter();
    const [cash = 0, electronic = 0, prepaid = 0, credit = 0, barter = 0] = payment.sums;
    this.#change(payment.sums, totalMinor);
    const tags: TagInput[] = [
      { tag: 1054, value: settlementKinds[settlement] },
      { tag: 1055, value: taxSystems[payment.taxSystem] },
      { tag: 1173, value: type },
      { tag: 1020, value: totalMinor },
      { tag: 1031, value: cash },
      { tag: 1081, value: electronic },
      { tag: 1215, value: prepaid },
      { tag: 1216, value: credit },
      { tag: 1217, value: barter },
    ];
    return this.#register({ ...open, settlement }, tags, totalMinor);
  }

  cancel(): void {
    if (this.open === undefined) throw new Refusal('nothing-to-cancel');
    this.open = undefined;
    this.storage.current = CURRENT.none;
    this.#print('CANCELLED');
  }

  /** What the storage began and the device never opened. */
  cancelStorageDocument(): void {
    if (this.storage.current === CURRENT.none) throw new Refusal('storage', 2);
    this.open = undefined;
    this.#shiftTags = [];
    this.storage.current = CURRENT.none;
  }

  beginShiftReport(kind: 'open-shift' | 'close-shift'): void {
    this.#checkShift(kind);
    this.storage.current = CURRENT[kind];
    this.#shiftTags = [];
  }

  openShift(): StoredDocument {
    this.#checkShift('open-shift');
    return this.#registerShift(2);
  }

  closeShift(): StoredDocument {
    this.#checkShift('close-shift');
    return this.#registerShift(5);
  }

  printXReport(): void {
    this.#checkPrinter();
    this.#print('X REPORT');
  }

  moveCash(direction: 'in' | 'out', amountMinor: number): void {
    this.#checkPrinter();
    if (this.open !== undefined) throw new Refusal('document-open');
    if (direction === 'out' && amountMinor > this.cashMinor) throw new Refusal('cash-short');
    this.cashMinor += direction === 'in' ? amountMinor : -amountMinor;
    this.#print(`CASH ${direction} ${amountMinor}`);
  }

  printCopy(): void {
    this.#checkPrinter();
    const last = this.storage.documents.at(-1);
    if (last === undefined) throw new Refusal('no-data');
    this.#print(`COPY of FD ${last.fd}`);
  }

  continuePrint(): void {
    if (this.printer.state(this.nowMs) === 'no-paper') throw new Refusal('paper-out');
    this.printer.continue(this.nowMs);
  }

  losePower(): void {
    if (this.keepsOpenReceipt && this.open !== undefined) return;
    this.open = undefined;
    this.#shiftTags = [];
    this.storage.current = CURRENT.none;
  }

  /** A sale by somebody else on the same device; refused like anybody's, and then without a trace. */
  sellElsewhere(totalMinor: number): void {
    if (this.open !== undefined) return;
    const item = { name: 'somebody else', quantityMilli: 1000, vat: 'none', method: 4, subject: 1 } as const;
    try {
      this.openReceipt('sale', 3);
      this.addItem({ ...item, priceMinor: totalMinor, totalMinor });
      this.closeReceipt({ sums: [totalMinor], roundingMinor: 0, taxSystem: 'general' });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  #receipt(): OpenReceipt {
    if (this.open === undefined) throw new Refusal('document-closed');
    return this.open;
  }

  #checkPrinter(): void {
    const state = this.printer.state(this.nowMs);
    if (this.printer.isCoverOpen) throw new Refusal('cover-open');
    if (!this.printer.hasPaper || state === 'no-paper') throw new Refusal('paper-out');
    if (state === 'stopped') throw new Refusal('waits-for-continue');
    if (state === 'printing') throw new Refusal('printing');
  }

  #checkShift(kind: 'open-shift' | 'close-shift'): void {
    this.#checkPrinter();
    if (this.open !== undefined) throw new Refusal('document-open');
    const { isOpen } = this.storage.shift;
    if (kind === 'open-shift' && isOpen) throw new Refusal('shift-open');
    if (kind === 'close-shift' && !isOpen) throw new Refusal('shift-closed');
    this.storage.checkReady(this.nowSeconds);
  }

  #registerShift(form: 2 | 5): StoredDocument {
    const { receipts, number } = this.storage.shift;
    const counters: TagInput[] = [
      { tag: 1118, value: receipts },
      { tag: 1111, value: receipts + 2 },
      { tag: 1097, value: this.storage.unacknowledged.length },
    ];
    const document = this.storage.register({
      form,
      tags: [...(form === 5 ? [...counters, ...shiftCounterTags(this.storage)] : []), ...this.#shiftTags],
      atSeconds: this.nowSeconds,
    });
    this.#shiftTags = [];
    this.#print(form === 2 ? `SHIFT ${number + 1} OPENED` : `Z REPORT ${number}`);
    return document;
  }

  #register(open: OpenReceipt, tags: readonly (TagInput | Uint8Array)[], totalMinor: number): StoredDocument {
    const document = this.storage.register({
      form: open.form,
      tags: [...tags, ...open.tags],
      atSeconds: this.nowSeconds,
      settlement: open.settlement,
      totalMinor,
      isReceipt: true,
    });
    this.open = undefined;
    this.#print(`RECEIPT FD ${document.fd} ${totalMinor} EMULATED, NOT FISCAL`);
    return document;
  }

  #change(sums: readonly number[], totalMinor: number): number {
    const paidMinor = sums.reduce((sum, minor) => sum + minor, 0);
    const [cash = 0] = sums;
    if (totalMinor <= 0 || paidMinor < totalMinor || paidMinor - cash > totalMinor) {
      throw new Refusal('payments-short');
    }
    return paidMinor - totalMinor;
  }

  #moveDrawer(settlement: SettlementKind, cashMinor: number): void {
    const isIn = settlement === 'sale' || settlement === 'purchase-return';
    this.cashMinor += isIn ? cashMinor : -cashMinor;
  }

  #itemTag({ item, tags }: OpenReceipt['items'][number]): Uint8Array {
    const { ffd } = this.storage.registration;
    const own = encodeTags(
      [
        { tag: 1030, value: item.name },
        { tag: 1079, value: item.priceMinor },
        { tag: 1023, value: { mantissa: item.quantityMilli, point: 3 } },
        { tag: 1043, value: item.totalMinor },
        { tag: 1199, value: vatRates[item.vat].fiscalCode },
        { tag: 1214, value: item.method },
        { tag: 1212, value: item.subject },
      ],
      ffd,
      1059,
    );
    const inside = Buffer.concat([own, ...tags]);
    const outer = Buffer.alloc(4);
    outer.writeUInt16LE(1059, 0);
    outer.writeUInt16LE(inside.length, 2);
    return Buffer.concat([outer, inside]);
  }

  #print(strip: string): void {
    this.printer.add(strip, this.nowMs);
  }
}
