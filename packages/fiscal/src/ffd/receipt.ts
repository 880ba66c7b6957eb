/**
 * A receipt before a device has it: what was sold, how it was paid, what the law wants to know besides.
 *
 * The words of a node and of a driver alike. Amounts are whole kopecks, quantities whole thousandths, days and times those
 * of the shop's wall clock. Nothing here has been checked; `composeReceipt` does that.
 */
import type { Unit, VatKind } from '@branchline/model';
import type {
  AgentKind,
  SettlementKind,
  SettlementMethod,
  SettlementSubject,
  TaxSystem,
} from './enumerations.ts';
import type { FfdVersion, TagInput } from './tag.ts';
import type { VatKnowledge } from './vat-tags.ts';

export interface Receipt {
  readonly kind: SettlementKind;
  /** A strict reporting form instead of a receipt. */
  readonly isBso?: boolean;
  readonly taxSystem: TaxSystem;
  /** Absent only at automats. */
  readonly cashier?: { readonly name: string; readonly inn?: string };
  readonly items: readonly ReceiptItem[];
  /** Net of change. Their sum is `totalMinor`. */
  readonly payments: ReceiptPayments;
  readonly totalMinor: number;
  readonly buyer?: Buyer;
  /** Sender of electronic receipts; needed when there is no paper. */
  readonly senderEmail?: string;
  readonly isElectronicOnly?: boolean;
  readonly correction?: Correction;
  /** For returns: the receipt that is given back, and what of it was given back before. */
  readonly original?: Original;
  /** A word and a value of the node's own (tag 1084), by which it finds the document again. */
  readonly extra?: { readonly name: string; readonly value: string };
  /** Tags nobody here composes, e.g. details of an industry. */
  readonly extraTags?: readonly TagInput[];
}

export interface ReceiptItem {
  readonly name: string;
  readonly quantityMilli: number;
  readonly unit?: Unit;
  /** After discounts. */
  readonly unitPriceMinor: number;
  readonly totalMinor: number;
  readonly vat: VatKind;
  /** `full` when left out. */
  readonly method?: SettlementMethod;
  /** `goods` when left out, or what the marking says. */
  readonly subject?: SettlementSubject | number;
  readonly marking?: ItemMarking;
  readonly agent?: ItemAgent;
  readonly countryCode?: string;
  readonly customsDeclaration?: string;
  readonly exciseMinor?: number;
  /** For returns: the line of `original` it gives back. */
  readonly originalLine?: number;
  readonly extraTags?: readonly TagInput[];
}

export interface ReceiptPayments {
  readonly cashMinor?: number;
  readonly electronicMinor?: number;
  readonly prepaidMinor?: number;
  readonly creditMinor?: number;
  readonly barterMinor?: number;
}

export interface Buyer {
  /** Where the electronic receipt goes: `+7…` or an e-mail address. */
  readonly contact?: string;
  readonly name?: string;
  readonly inn?: string;
}

export interface ItemMarking {
  /** The whole code as scanned, group separators (0x1D) included. */
  readonly code: string;
  /** Tag 2106 as the device gave it; wanted from format 1.2. */
  readonly checkResult?: number;
  /** A part of a package: 1 of 10 tablets. */
  readonly fraction?: { readonly numerator: number; readonly denominator: number };
}

export interface ItemAgent {
  readonly kind: AgentKind;
  readonly supplier: { readonly inn: string; readonly name?: string; readonly phones?: readonly string[] };
  readonly operation?: string;
  readonly agentPhones?: readonly string[];
  readonly operatorPhones?: readonly string[];
  readonly transfer?: {
    readonly name: string;
    readonly inn: string;
    readonly address: string;
    readonly phones?: readonly string[];
  };
}

export interface Correction {
  readonly by: 'own' | 'order';
  /** Day of the settlement that is corrected, `2026-11-20`. */
  readonly day: string;
  /** Number of the tax service's order; wanted with `order`. */
  readonly number?: string;
  /** Up to format 1.1: what the correction is about, in words. */
  readonly reason?: string;
  /** Printed fiscal sign of the wrong receipt, from format 1.2. */
  readonly wrongSign?: number;
}

export interface Original {
  /** Day of the sale: its VAT rates are repeated, whatever the law says today. */
  readonly day: string;
  readonly totalMinor: number;
  readonly refundedMinor: number;
  readonly lines: readonly OriginalLine[];
}

export interface OriginalLine {
  readonly quantityMilli: number;
  readonly totalMinor: number;
  readonly vat: VatKind;
  readonly refundedMilli: number;
  readonly refundedMinor: number;
}

/** What is known about the device that will print, from its registration and its driver. */
export interface ReceiptDevice extends VatKnowledge {
  readonly ffd: Exclude<FfdVersion, '1.0'>;
  /** The device's own date, `2026-11-22`. */
  readonly day: string;
  /** From tag 1062. */
  readonly taxSystems: readonly TaxSystem[];
  /** From the registration; up to format 1.1 an agent must be registered. */
  readonly agents?: readonly AgentKind[];
  readonly isAutomat?: boolean;
  /** Never talks to an operator: fewer marked items fit. */
  readonly isAutonomous?: boolean;
  /** True where base rates of two years may stand in one receipt. */
  readonly mixesBaseRates?: boolean;
}
