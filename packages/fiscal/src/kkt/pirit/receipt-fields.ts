/**
 * A receipt as fields of Pirit commands. The device multiplies price and quantity itself and has no field for the sum of an
 * item, so a sum that is a kopeck off is refused here; it knows the six rates of old only.
 */
import type { VatKind } from '@branchline/model';
import { grossMinor } from '@branchline/model';
import { KktError } from '../../errors.ts';
import {
  agentKinds,
  type SettlementKind,
  settlementMethods,
  type TaxSystem,
  unitMeasures,
} from '../../ffd/enumerations.ts';
import { subjectCode } from '../../ffd/item-check.ts';
import type { ItemAgent, Receipt, ReceiptDevice, ReceiptItem } from '../../ffd/receipt.ts';
import { paymentSums } from '../../ffd/receipt-check.ts';
import { isVersionAtLeast } from '../../ffd/tag.ts';
import type { Cashier } from '../driver.ts';

export const TAX_INDEXES: Partial<Readonly<Record<VatKind, number>>> = {
  vat20: 0,
  vat10: 1,
  vat0: 2,
  none: 3,
  vat20_120: 4,
  vat10_110: 5,
};
/** Codes of tag 1199 behind them. */
export const KNOWN_VAT_CODES = [1, 2, 3, 4, 5, 6];

export const DOCUMENT_TYPES: Readonly<Record<SettlementKind, number>> = {
  sale: 2,
  'sale-return': 3,
  purchase: 6,
  'purchase-return': 7,
};

/** Numbers of tax systems: bits of tag 1055 by position. */
export const TAX_SYSTEM_NUMBERS: Readonly<Record<TaxSystem, number>> = {
  general: 0,
  'simplified-income': 1,
  'simplified-profit': 2,
  agricultural: 4,
  patent: 5,
};

/** Types of payments: cash, electronic, prepaid, credit, barter. */
export const PAYMENT_TYPES = [0, 1, 13, 14, 15] as const;

export function operatorField(cashier: Cashier | undefined): string {
  if (cashier === undefined) return '';
  return cashier.inn === undefined ? cashier.name : `${cashier.inn}&${cashier.name}`;
}

/** Two digits behind the point. */
export function sumField(minor: number): string {
  const digits = String(minor).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

export function minorOfField(field: string | undefined): number {
  return Math.round(Number(field ?? 0) * 100);
}

/** Refuses what has no field, before anything is opened. */
export function checkFits({ items, extraTags, correction }: Receipt, device: ReceiptDevice): void {
  if (correction !== undefined && !isVersionAtLeast(device.ffd, '1.2')) {
    throw unsupported('a correction up to FFD 1.1 is a document of its own here');
  }
  if ((extraTags?.length ?? 0) > 0) throw unsupported('extra tags have no field');
  for (const item of items) {
    if ((item.extraTags?.length ?? 0) > 0) throw unsupported('extra tags have no field');
    if (grossMinor(item.quantityMilli, item.unitPriceMinor) === item.totalMinor) continue;
    throw new KktError('KKT_TOTAL_MISMATCH', `${item.name}: price times quantity is another sum`, {
      outcome: 'unsent',
    });
  }
}

function unsupported(message: string): KktError {
  return new KktError('KKT_UNSUPPORTED', message, { outcome: 'unsent' });
}

export function itemFields(item: ReceiptItem, device: ReceiptDevice): string[] {
  const isNew = isVersionAtLeast(device.ffd, '1.2');
  return [
    item.name,
    '',
    (item.quantityMilli / 1000).toFixed(3),
    sumField(item.unitPriceMinor),
    String(TAX_INDEXES[item.vat]),
    '',
    '',
    '',
    isNew ? String(unitMeasures[item.unit ?? 'piece'].code) : '',
    '',
    String(settlementMethods[item.method ?? 'full']),
    String(subjectCode(item, device)),
    item.countryCode ?? '',
    item.customsDeclaration ?? '',
    item.exciseMinor === undefined ? '' : sumField(item.exciseMinor),
  ];
}

/** Fields of the extra details of an item; undefined when it has none. */
export function detailFields(item: ReceiptItem, device: ReceiptDevice): string[] | undefined {
  const isNew = isVersionAtLeast(device.ffd, '1.2');
  const code = isNew || item.marking === undefined ? '' : escaped(item.marking.code);
  const unit = isNew || item.unit === undefined ? '' : unitMeasures[item.unit].word;
  if (code === '' && unit === '' && item.agent === undefined) return undefined;
  return [code, '', unit, ...(item.agent === undefined ? [] : agentFields(item.agent))];
}

function agentFields({
  kind,
  supplier,
  transfer,
  operation,
  agentPhones,
  operatorPhones,
}: ItemAgent): string[] {
  const list = (phones: readonly string[] | undefined): string => (phones ?? []).join(',');
  return [
    String(agentKinds[kind]),
    supplier.inn,
    list(supplier.phones),
    supplier.name ?? '',
    transfer?.address ?? '',
    transfer?.inn ?? '',
    transfer?.name ?? '',
    list(transfer?.phones),
    operation ?? '',
    list(agentPhones),
    list(operatorPhones),
  ];
}

/** Fields that bind a marking code to the next item. */
export function markingFields(item: ReceiptItem, device: ReceiptDevice): string[] | undefined {
  if (item.marking === undefined || !isVersionAtLeast(device.ffd, '1.2')) return undefined;
  const { code, checkResult = 0 } = item.marking;
  const measure = unitMeasures[item.unit ?? 'piece'].code;
  return ['15', escaped(code), '1', '0', String(checkResult), String(measure)];
}

function escaped(code: string): string {
  return [...code]
    .map((sign) => {
      const number = sign.charCodeAt(0);
      return number < 0x20 ? `$${number.toString(16).toUpperCase().padStart(2, '0')}` : sign;
    })
    .join('');
}

export function paymentFields({ payments }: Receipt): string[][] {
  return paymentSums(payments).flatMap((minor, at) =>
    minor === 0 ? [] : [[String(PAYMENT_TYPES[at]), sumField(minor), '']],
  );
}

export function closeFields({ buyer, senderEmail, extra }: Receipt): string[] {
  return [
    '0',
    buyer?.contact ?? '',
    '',
    '',
    senderEmail ?? '',
    '',
    extra?.name ?? '',
    extra?.value ?? '',
    buyer?.name ?? '',
    buyer?.inn ?? '',
  ];
}

/** Fields that open a correction; from then on it is like any receipt. */
export function correctionFields(receipt: Receipt): string[] {
  const { correction, cashier, taxSystem, kind } = receipt;
  const isPurchase = kind === 'purchase' || kind === 'purchase-return';
  const isReturn = kind === 'sale-return' || kind === 'purchase-return';
  const bits =
    (correction?.by === 'order' ? 1 : 0) |
    (isPurchase ? 2 : 0) |
    (TAX_SYSTEM_NUMBERS[taxSystem] << 2) |
    (isReturn ? 64 : 0);
  const [year = '', month, day] = (correction?.day ?? '').split('-');
  const sums = ['', '', '', '', ''];
  const taxes = ['', '', '', '', '', ''];
  const sign = correction?.wrongSign === undefined ? '' : String(correction.wrongSign);
  const date = `${day}${month}${year.slice(2)}`;
  return [
    operatorField(cashier),
    ...sums,
    String(bits),
    date,
    correction?.number ?? 'б/н',
    '',
    ...taxes,
    sign,
  ];
}
