/**
 * A receipt as one task of the ATOL web server.
 *
 * Sums are rubles there. Whole kopecks divided by 100 give the number whose shortest decimal text is the sum exactly, so the
 * JSON says 50.05 and never 50.050000000000004; no sum is ever added up as such a number.
 */
import type { VatKind } from '@branchline/model';
import { type SettlementMethod, type TaxSystem, taxSystems, unitMeasures } from '../../ffd/enumerations.ts';
import { subjectCode } from '../../ffd/item-check.ts';
import type { Receipt, ReceiptDevice, ReceiptItem } from '../../ffd/receipt.ts';
import { paymentSums } from '../../ffd/receipt-check.ts';
import { isVersionAtLeast } from '../../ffd/tag.ts';
import type { Cashier } from '../driver.ts';
import type { AtolTask } from './queue.ts';

export const TAX_WORDS: Readonly<Record<VatKind, string>> = {
  vat22: 'vat22',
  vat20: 'vat20',
  vat10: 'vat10',
  vat7: 'vat7',
  vat5: 'vat5',
  vat0: 'vat0',
  none: 'none',
  vat22_122: 'vat122',
  vat20_120: 'vat120',
  vat10_110: 'vat110',
  vat7_107: 'vat107',
  vat5_105: 'vat105',
};

export const TAXATION_WORDS: Readonly<Record<TaxSystem, string>> = {
  general: 'osn',
  'simplified-income': 'usnIncome',
  'simplified-profit': 'usnIncomeOutcome',
  agricultural: 'esn',
  patent: 'patent',
};

export const METHOD_WORDS: Readonly<Record<SettlementMethod, string>> = {
  'full-prepayment': 'fullPrepayment',
  prepayment: 'prepayment',
  advance: 'advance',
  full: 'fullPayment',
  'partial-credit': 'partialPayment',
  credit: 'credit',
  'credit-payment': 'creditPayment',
};

export const KIND_WORDS: Readonly<Record<Receipt['kind'], string>> = {
  sale: 'sell',
  'sale-return': 'sellReturn',
  purchase: 'buy',
  'purchase-return': 'buyReturn',
};

export const PAYMENT_WORDS = ['cash', 'electronically', 'prepaid', 'credit', 'other'] as const;

export function rubles(minor: number): number {
  return minor / 100;
}

export function kopecks(value: unknown): number {
  return Math.round(Number(value) * 100);
}

export function operatorOf(cashier: Cashier | undefined): { operator?: { name: string; vatin?: string } } {
  if (cashier === undefined) return {};
  return { operator: { name: cashier.name, ...(cashier.inn === undefined ? {} : { vatin: cashier.inn }) } };
}

export function receiptTask(receipt: Receipt, device: ReceiptDevice): AtolTask {
  const { correction, extra, buyer } = receipt;
  const items: AtolTask[] = receipt.items.map((item) => itemTask(item, device));
  if (extra !== undefined) items.push({ type: 'userAttribute', ...extra, print: false });
  if (correction?.wrongSign !== undefined) {
    items.push({ type: 'additionalAttribute', value: String(correction.wrongSign), print: true });
  }
  return {
    type: KIND_WORDS[receipt.kind] + (correction === undefined ? '' : 'Correction'),
    electronically: receipt.isElectronicOnly ?? false,
    ignoreNonFiscalPrintErrors: false,
    taxationType: TAXATION_WORDS[receipt.taxSystem],
    ...operatorOf(receipt.cashier),
    ...(buyer?.contact === undefined ? {} : { clientInfo: clientOf(receipt) }),
    ...(correction === undefined ? {} : correctionOf(receipt)),
    items,
    payments: paymentSums(receipt.payments).flatMap((minor, at) =>
      minor === 0 ? [] : [{ type: PAYMENT_WORDS[at], sum: rubles(minor) }],
    ),
    total: rubles(receipt.totalMinor),
  };
}

function itemTask(item: ReceiptItem, device: ReceiptDevice): AtolTask {
  const isNew = isVersionAtLeast(device.ffd, '1.2');
  const measure = unitMeasures[item.unit ?? 'piece'];
  const mark = item.marking && Buffer.from(item.marking.code).toString('base64');
  return {
    type: 'position',
    name: item.name,
    price: rubles(item.unitPriceMinor),
    quantity: item.quantityMilli / 1000,
    amount: rubles(item.totalMinor),
    measurementUnit: isNew ? measure.code : measure.word,
    paymentMethod: METHOD_WORDS[item.method ?? 'full'],
    paymentObject: subjectCode(item, device),
    tax: { type: TAX_WORDS[item.vat] },
    ...(mark === undefined ? {} : markOf(mark, isNew, item.marking?.checkResult)),
  };
}

function markOf(mark: string, isNew: boolean, checkResult: number | undefined): object {
  if (!isNew) return { markingCode: { type: 'other', mark } };
  const imcParams = {
    imcType: 'auto',
    imc: mark,
    itemEstimatedStatus: 'itemPieceSold',
    imcModeProcessing: 0,
    ...(checkResult === undefined ? {} : { itemInfoCheckResult: checkResult }),
  };
  return { imcParams };
}

function clientOf({ buyer }: Receipt): object {
  return {
    emailOrPhone: buyer?.contact,
    ...(buyer?.name === undefined ? {} : { name: buyer.name }),
    ...(buyer?.inn === undefined ? {} : { vatin: buyer.inn }),
  };
}

function correctionOf({ correction }: Receipt): object {
  return {
    correctionType: correction?.by === 'order' ? 'instruction' : 'self',
    correctionBaseDate: correction?.day.replaceAll('-', '.'),
    correctionBaseNumber: correction?.number ?? '',
  };
}

export function taxSystemOfWord(word: string): TaxSystem | undefined {
  return (Object.keys(taxSystems) as TaxSystem[]).find((system) => TAXATION_WORDS[system] === word);
}
