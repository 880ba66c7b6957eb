/**
 * Where the VAT of a receipt goes, and who knows which rate. The rates themselves, their codes (tag 1199) and the days they
 * are valid on are words of the model; this is what the fiscal format adds to them.
 *
 * A rate with a sum tag of its own is written there; the newer ones share 1115, a list of pairs of code and sum. Without
 * VAT (0 %, none) the turnover is written instead of a sum of tax.
 *
 * A device is asked before a receipt is opened: a driver that knows the codes of its firmware says so; otherwise the build
 * date of the firmware tells, because no firmware is older than the law it carries out. A younger one may still be
 * ignorant, and refuses then itself.
 */
import { type VatKind, vatKindsOn, vatRates, vatSplit } from '@branchline/model';
import type { FfdVersion } from './tag.ts';

/** Tag of the sum in a receipt; `pair` means inside 1115. */
export interface VatColumn {
  readonly tag: number | 'pair';
  readonly holds: 'tax' | 'turnover';
  /** First build date of a firmware that can know the rate. */
  readonly firmwareSince?: string;
}

/** Law 176-FZ: 5 and 7 percent. Law 425-FZ: 22 percent. */
const LAW_OF_5_AND_7 = '2024-07-12';
const LAW_OF_22 = '2025-11-28';

export const vatColumns: Readonly<Record<VatKind, VatColumn>> = {
  vat22: { tag: 'pair', holds: 'tax', firmwareSince: LAW_OF_22 },
  vat20: { tag: 1102, holds: 'tax' },
  vat10: { tag: 1103, holds: 'tax' },
  vat7: { tag: 'pair', holds: 'tax', firmwareSince: LAW_OF_5_AND_7 },
  vat5: { tag: 'pair', holds: 'tax', firmwareSince: LAW_OF_5_AND_7 },
  vat0: { tag: 1104, holds: 'turnover' },
  none: { tag: 1105, holds: 'turnover' },
  vat22_122: { tag: 'pair', holds: 'tax', firmwareSince: LAW_OF_22 },
  vat20_120: { tag: 1106, holds: 'tax' },
  vat10_110: { tag: 1107, holds: 'tax' },
  vat7_107: { tag: 'pair', holds: 'tax', firmwareSince: LAW_OF_5_AND_7 },
  vat5_105: { tag: 'pair', holds: 'tax', firmwareSince: LAW_OF_5_AND_7 },
};

export interface VatKnowledge {
  readonly ffd: FfdVersion;
  /** The codes of tag 1199 the driver knows its firmware to have. */
  readonly vatCodes?: readonly number[];
  /** Build date of the firmware, `2025-12-20`. */
  readonly firmwareDate?: string;
}

/** Whether the device can print this rate, as far as anybody can know before asking it. */
export function isVatKnown(kind: VatKind, { ffd, vatCodes, firmwareDate }: VatKnowledge): boolean {
  const { tag, firmwareSince } = vatColumns[kind];
  if (tag === 'pair' && ffd === '1.0') return false;
  if (vatCodes !== undefined) return vatCodes.includes(vatRates[kind].fiscalCode);
  return firmwareSince === undefined || firmwareDate === undefined || firmwareDate >= firmwareSince;
}

/** Whether the law knows the rate for a settlement of that day. */
export function isVatValidOn(kind: VatKind, day: string): boolean {
  return vatKindsOn(day).includes(kind);
}

/** Base rates of different years; many devices refuse a receipt that mixes them. */
export function isBaseRate(kind: VatKind): boolean {
  return vatRates[kind].percent >= 18;
}

export interface VatSum {
  readonly tag: number | 'pair';
  readonly code: number;
  readonly minor: number;
}

/** What a receipt says about VAT, one row per rate in it. */
export function vatSums(items: readonly { readonly vat: VatKind; readonly totalMinor: number }[]): VatSum[] {
  return vatSplit(items).map(({ vat, totalMinor, vatMinor }) => {
    const { tag, holds } = vatColumns[vat];
    return { tag, code: vatRates[vat].fiscalCode, minor: holds === 'tax' ? vatMinor : totalMinor };
  });
}
