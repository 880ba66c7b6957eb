/**
 * The driver port: a cash register in the words of a shop. One implementation per family of devices (shtrih/, atol/, pirit/),
 * all of them held to `kktDriverSuite`.
 *
 * The fiscal storage (FN) inside the device numbers, signs and stores documents. A receipt is therefore registered in two
 * steps: `beginReceipt` brings everything up to the close, `closeReceipt` is the one command after which a document exists.
 * Between the two nothing is fiscal and everything can be cancelled; whoever calls makes its intent durable before the first.
 *
 * Guarantees of a driver: one command at a time on the line, in the order called; every failure is a `KktError` whose
 * `outcome` is never more certain than the truth; a command that moves money or registers a document is never repeated
 * without proof that it was not carried out; every wait ends by a limit of its own or by `signal`; after a failed line the
 * next call opens it again.
 * Does not: decide what to do about an unknown outcome (job-state.ts does), check the FN number (the job does), print texts.
 */
import type { SettlementKind } from '../ffd/enumerations.ts';
import type { Receipt, ReceiptDevice } from '../ffd/receipt.ts';
import type { FnMessagePort } from '../ofd/pump.ts';

export interface Waiting {
  readonly signal?: AbortSignal;
}

export interface KktDriver {
  readonly capabilities: KktCapabilities;
  /** Called before the first sale and for the registration page. */
  identify(waiting?: Waiting): Promise<KktIdentity>;
  /** Called before every intent, after every doubt, and while something prints. Reads only. */
  status(waiting?: Waiting): Promise<KktStatus>;
  /** Called when a sale finds the shift closed. Registers a document. */
  openShift(cashier: Cashier | undefined, waiting?: Waiting): Promise<FiscalMark>;
  /** Called for the Z report. Registers a document. */
  closeShift(cashier: Cashier | undefined, waiting?: Waiting): Promise<FiscalMark>;
  /** Called for the X report: paper only, nothing is registered. */
  printXReport(waiting?: Waiting): Promise<void>;
  /** Called when cash enters or leaves the drawer outside of a sale; no fiscal document. */
  moveCash(move: CashMove, waiting?: Waiting): Promise<void>;
  /** Called before and after `moveCash`: the only proof of its outcome. */
  cashMinor(waiting?: Waiting): Promise<number>;
  /** Called with a durable intent. Checks the receipt, opens it, sends items and tags. Nothing is fiscal yet. */
  beginReceipt(receipt: Receipt, waiting?: Waiting): Promise<void>;
  /** Called once after `beginReceipt`. When it returns, the document exists whatever happens to the paper. */
  closeReceipt(receipt: Receipt, waiting?: Waiting): Promise<FiscalMark>;
  /** Called when a begun receipt is not wanted any more. Refused when none is open. */
  cancelReceipt(waiting?: Waiting): Promise<void>;
  /** Called with a number up to `lastFd`; undefined when the storage does not show the document. */
  findDocument(fd: number, waiting?: Waiting): Promise<FnDocument | undefined>;
  /** Called once a document is registered, for keeping: its tags as the storage holds them, without the outer one. */
  documentTags(fd: number, waiting?: Waiting): Promise<Uint8Array | undefined>;
  /** Called when printing stopped and the cause is removed. */
  continuePrint(waiting?: Waiting): Promise<void>;
  /** Called when a fiscal receipt never reached paper. Prints the last one again, marked as a copy. */
  printCopy(waiting?: Waiting): Promise<void>;
  /** Called by the age monitor and before each pump run. */
  ofdQueue(waiting?: Waiting): Promise<OfdQueue>;
  /** The raw messages to the operator, on devices that let the host carry them. */
  messagePort(fn: string): FnMessagePort | undefined;
  /** Idempotent. A command under way is abandoned with an unknown outcome. */
  close(): Promise<void>;
}

export interface KktCapabilities {
  readonly model: string;
  /** The host may carry messages to the operator. */
  readonly hostPump: boolean;
  /** The node's own mark (tag 1084) can be written and read back. */
  readonly embedsMark: boolean;
}

export interface KktIdentity {
  readonly name: string;
  readonly serial: string;
  readonly firmware: string;
  readonly inn: string;
  readonly registrationNumber: string;
  /** Last day of the storage's term, `2027-03-01`; unknown where the device does not tell. */
  readonly fnExpires: string | undefined;
  /** What `composeReceipt` has to know. */
  readonly receipts: ReceiptDevice;
}

export interface Cashier {
  readonly name: string;
  readonly inn?: string;
}

export interface CashMove {
  readonly direction: 'in' | 'out';
  readonly amountMinor: number;
}

/** What a registered document is known by. */
export interface FiscalMark {
  readonly fd: number;
  /** The sign as printed. */
  readonly fp: number;
  /** The device's own time; some firmware does not tell, the document itself always does. */
  readonly atSeconds?: number;
}

export const shiftStates = ['closed', 'open', 'expired'] as const;
export type ShiftState = (typeof shiftStates)[number];

/** `stopped`: paper is back, printing waits for `continuePrint`. */
export type PrintState = 'idle' | 'printing' | 'no-paper' | 'stopped';

export type FnWarning =
  | 'replace-in-3-days'
  | 'replace-in-30-days'
  | 'memory-90-percent'
  | 'ofd-late'
  | 'critical';

export interface KktStatus {
  readonly fn: string;
  /** Number of the last registered document. */
  readonly lastFd: number;
  readonly phase: 'unregistered' | 'fiscal' | 'closed' | 'archive';
  readonly shift: { readonly state: ShiftState; readonly number: number; readonly receipts: number };
  /** `unprinted`: registered, the device insists on printing it before anything else. */
  readonly document: 'none' | 'receipt' | 'other' | 'unprinted';
  readonly print: PrintState;
  readonly hasPaper: boolean;
  readonly isCoverOpen: boolean;
  /** Wall time of the device, as in documents; undefined where only receipts tell it. */
  readonly clockSeconds: number | undefined;
  readonly warnings: readonly FnWarning[];
}

/** A document as the storage shows it. */
export interface FnDocument extends FiscalMark {
  readonly atSeconds: number;
  /** Form of the document: 2 shift opened, 3 receipt, 5 shift closed, 31 correction. */
  readonly form: number;
  /** The operator has acknowledged it. */
  readonly isDelivered: boolean;
  readonly settlement?: SettlementKind;
  readonly totalMinor?: number;
  readonly shift?: number;
  /** Value of the node's own mark; meaningful only when `isDetailed`. */
  readonly mark?: string;
  /** All tags were read, so an absent mark is absent in the document. */
  readonly isDetailed: boolean;
}

export interface OfdQueue {
  readonly waiting: number;
  /** The oldest document without an acknowledgement. */
  readonly first: { readonly fd: number; readonly atSeconds: number } | undefined;
}
