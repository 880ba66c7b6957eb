/** What is wrong with one item of a receipt: its words and sums, its VAT, its agent, its marking code. */
import { QUANTITY_MILLI_MAX } from '@branchline/model';
import type { ReceiptProblem, ReceiptProblemCode } from '../errors.ts';
import { printableText } from './cp866.ts';
import { isSubject, type SettlementSubject, settlementSubjects } from './enumerations.ts';
import { INN_OF_NOBODY, isInn } from './inn.ts';
import { isWithinOneKopeck } from './line-items.ts';
import { isMarkingCode, nomenclatureCode } from './product-code.ts';
import type { ItemAgent, ItemMarking, ReceiptDevice, ReceiptItem } from './receipt.ts';
import { isVersionAtLeast } from './tag.ts';
import { isVatKnown, isVatValidOn } from './vat-tags.ts';

export const ITEM_NAME_CHARS_MAX = 128;

/** Bits of tag 2106: checked by the storage, and well; checked by the marking system, and well. */
const STORAGE_CHECKED = 1;
const STORAGE_AGREED = 2;
const SYSTEM_CHECKED = 4;
const SYSTEM_AGREED = 8;

const PIECE_MILLI = 1000;

export function subjectCode(item: ReceiptItem, device: ReceiptDevice): number {
  const marked = isVersionAtLeast(device.ffd, '1.2') ? 'goods-marked' : 'goods';
  const subject = item.subject ?? (item.marking === undefined ? 'goods' : marked);
  return typeof subject === 'number' ? subject : settlementSubjects[subject];
}

export function checkItem(
  item: ReceiptItem,
  device: ReceiptDevice,
  lawDay: string,
  path: string,
): ReceiptProblem[] {
  return [
    ...checkSums(item, device, path),
    ...checkVat(item, device, lawDay, path),
    ...(item.agent === undefined ? [] : checkAgent(item.agent, device, `${path}/agent`)),
    ...checkMarking(item, device, `${path}/marking`),
  ];
}

function checkSums(item: ReceiptItem, device: ReceiptDevice, path: string): ReceiptProblem[] {
  const { name, quantityMilli, unitPriceMinor, totalMinor } = item;
  if (printableText(name, ITEM_NAME_CHARS_MAX) === '') {
    return [
      problem(
        'RECEIPT_ITEM_INVALID',
        `${path}/name`,
        'The item has no name.',
        'Name the product in the catalog.',
      ),
    ];
  }
  const isQuantity =
    Number.isInteger(quantityMilli) && quantityMilli > 0 && quantityMilli <= QUANTITY_MILLI_MAX;
  const areAmounts = [unitPriceMinor, totalMinor].every((sum) => Number.isSafeInteger(sum) && sum >= 0);
  const subject = subjectCode(item, device);
  if (!isQuantity || !areAmounts || !isSubject(subject, isVersionAtLeast(device.ffd, '1.2'))) {
    const detail = `Quantity ${quantityMilli}, price ${unitPriceMinor}, sum ${totalMinor}, subject ${subject}.`;
    return [
      problem('RECEIPT_ITEM_INVALID', path, detail, 'Correct the line; amounts are whole and not negative.'),
    ];
  }
  if (!isWithinOneKopeck(unitPriceMinor, quantityMilli, totalMinor)) {
    const detail = `${quantityMilli} thousandths at ${unitPriceMinor} are not ${totalMinor}.`;
    return [
      problem(
        'RECEIPT_ITEM_SUM',
        `${path}/totalMinor`,
        detail,
        'Split the line so that each price is whole kopecks.',
      ),
    ];
  }
  return [];
}

function checkVat(item: ReceiptItem, device: ReceiptDevice, lawDay: string, path: string): ReceiptProblem[] {
  const at = `${path}/vat`;
  if (!isVatKnown(item.vat, device)) {
    const detail = `The device does not know the rate ${item.vat} (FFD ${device.ffd}, firmware ${device.firmwareDate ?? '?'}).`;
    return [
      problem('RECEIPT_VAT_UNKNOWN', at, detail, 'Update the firmware of the device, or use another one.'),
    ];
  }
  if (!isVatValidOn(item.vat, lawDay)) {
    const detail = `The rate ${item.vat} is not in force on ${lawDay}.`;
    return [
      problem(
        'RECEIPT_VAT_DATE',
        at,
        detail,
        'Correct the VAT of the product; a return repeats that of the sale.',
      ),
    ];
  }
  return [];
}

function checkAgent(agent: ItemAgent, device: ReceiptDevice, path: string): ReceiptProblem[] {
  const complain = (detail: string, hint: string): ReceiptProblem =>
    problem('RECEIPT_AGENT_INVALID', path, detail, hint);
  const problems: ReceiptProblem[] = [];
  const { kind, supplier, transfer, operation } = agent;
  if (!isVersionAtLeast(device.ffd, '1.2') && !(device.agents ?? []).includes(kind)) {
    problems.push(
      complain(`The device is not registered as ${kind}.`, 'Re-register the device with this kind of agent.'),
    );
  }
  if (!isInn(supplier.inn) && supplier.inn !== INN_OF_NOBODY) {
    problems.push(complain(`"${supplier.inn}" is no INN of a supplier.`, 'Enter the INN of the supplier.'));
  }
  const isBank = kind === 'bank-agent' || kind === 'bank-subagent';
  if (isBank && (transfer === undefined || operation === undefined || !isInn(transfer.inn))) {
    problems.push(
      complain(
        'A bank agent names its operation and the transfer operator.',
        'Enter the details of the operator.',
      ),
    );
  }
  const phones = [
    ...(supplier.phones ?? []),
    ...(agent.agentPhones ?? []),
    ...(agent.operatorPhones ?? []),
    ...(transfer?.phones ?? []),
  ];
  for (const phone of phones.filter((text) => !/^\+\d{5,18}$/.test(text))) {
    problems.push(complain(`"${phone}" is no telephone number.`, 'Write it as + and digits.'));
  }
  return problems;
}

function checkMarking(item: ReceiptItem, device: ReceiptDevice, path: string): ReceiptProblem[] {
  const subject = subjectCode(item, device);
  const isMarkedSubject =
    subject === settlementSubjects['goods-marked'] || subject === settlementSubjects['excise-marked'];
  if (item.marking === undefined) {
    if (!isMarkedSubject) return [];
    const unmarked: SettlementSubject = subject === 31 ? 'excise-unmarked' : 'goods-unmarked';
    const hint = `Scan the code, or sell it as ${unmarked} where the law allows it.`;
    return [problem('RECEIPT_MARKING_INVALID', path, 'Marked goods without their code.', hint)];
  }
  const { code, fraction } = item.marking;
  const isPieces = (item.unit ?? 'piece') === 'piece';
  if (!isMarkingCode(code)) {
    return [problem('RECEIPT_MARKING_INVALID', path, 'Not a marking code.', 'Scan the code again.')];
  }
  if (isPieces && item.quantityMilli !== PIECE_MILLI) {
    return [
      problem(
        'RECEIPT_MARKING_INVALID',
        path,
        'One code stands for one piece.',
        'Scan every piece as a line.',
      ),
    ];
  }
  const isFraction = fraction === undefined || isProperFraction(fraction);
  if (!isFraction) {
    return [problem('RECEIPT_MARKING_INVALID', path, 'Not a part of a package.', 'Give a part as 1 of 10.')];
  }
  if (!isVersionAtLeast(device.ffd, '1.2')) {
    if (nomenclatureCode(code) !== undefined) return [];
    const detail = `FFD ${device.ffd} has no place for this kind of code.`;
    return [problem('RECEIPT_MARKING_INVALID', path, detail, 'Use a device registered for FFD 1.2.')];
  }
  if (!isMarkedSubject) {
    const detail = `Subject ${subject} carries no marking code.`;
    return [problem('RECEIPT_MARKING_INVALID', path, detail, 'Sell it as goods-marked or excise-marked.')];
  }
  return checkVerdict(item.marking, path);
}

/** The law: no sale of what the storage or the marking system found wrong. */
function checkVerdict({ checkResult }: ItemMarking, path: string): ReceiptProblem[] {
  if (checkResult === undefined) {
    const hint = 'Let the device check the code before the receipt.';
    return [problem('RECEIPT_MARKING_INVALID', path, 'The code was not checked.', hint)];
  }
  const has = (bit: number): boolean => (checkResult & bit) !== 0;
  const isRefused =
    (has(STORAGE_CHECKED) && !has(STORAGE_AGREED)) || (has(SYSTEM_CHECKED) && !has(SYSTEM_AGREED));
  if (!isRefused) return [];
  const detail = `The check of the code failed (${checkResult}).`;
  return [problem('RECEIPT_MARKING_REFUSED', path, detail, 'Do not sell this piece; take another one.')];
}

function isProperFraction({ numerator, denominator }: NonNullable<ItemMarking['fraction']>): boolean {
  return (
    Number.isInteger(numerator) && Number.isInteger(denominator) && 0 < numerator && numerator < denominator
  );
}

export function problem(
  code: ReceiptProblemCode,
  path: string,
  detail: string,
  hint: string,
): ReceiptProblem {
  return { code, path, detail, hint };
}
