/**
 * What is wrong with a receipt, before any device hears of it. A device answers all of these with one number and an open
 * document; here each has a place, a code and a hint.
 *
 * Guarantees of a receipt without findings: the items add up to the total (or to it before kopecks were dropped), the
 * payments to the total; every rate is known to the device and was in force on the day of the settlement; a return gives back
 * no more than is left of the original, line by line and in total, at the rates of the original; a correction has the form
 * its version allows. Does not know stock, prices, or whether the original exists: the caller looks that up.
 */
import type { ReceiptProblem } from '../errors.ts';
import { encodeText } from './cp866.ts';
import { isInn } from './inn.ts';
import { checkItem, problem } from './item-check.ts';
import type { Original, Receipt, ReceiptDevice, ReceiptItem } from './receipt.ts';
import { isVersionAtLeast } from './tag.ts';
import { isBaseRate } from './vat-tags.ts';
import { secondsOfDay } from './wall-time.ts';

/** Marked items and items of suppliers in one receipt of a device that never talks to an operator. */
export const AUTONOMOUS_ITEMS_MAX = 10;
export const CONTACT_CHARS_MAX = 64;

export function checkReceipt(receipt: Receipt, device: ReceiptDevice): ReceiptProblem[] {
  const lawDay = receipt.original?.day ?? receipt.correction?.day ?? device.day;
  const days = [device.day, lawDay];
  if (days.some((day) => secondsOfDay(day) === undefined)) {
    return [
      problem('RECEIPT_DATE_INVALID', '/', `No day: ${days.join(', ')}.`, 'Check the clock of the device.'),
    ];
  }
  return [
    ...receipt.items.flatMap((item, at) => checkItem(item, device, lawDay, `/items/${at}`)),
    ...checkPeople(receipt, device),
    ...checkBuyer(receipt),
    ...checkSums(receipt),
    ...checkRates(receipt, device),
    ...checkCodes(receipt, device),
    ...checkCorrection(receipt, device),
    ...checkRefund(receipt),
  ];
}

function checkPeople({ cashier, taxSystem }: Receipt, device: ReceiptDevice): ReceiptProblem[] {
  const problems: ReceiptProblem[] = [];
  if (!device.taxSystems.includes(taxSystem)) {
    const detail = `The device is registered for ${device.taxSystems.join(', ')}, not for ${taxSystem}.`;
    problems.push(
      problem('RECEIPT_TAX_SYSTEM_UNKNOWN', '/taxSystem', detail, 'Correct the tax system of the branch.'),
    );
  }
  if (cashier === undefined) {
    if (!device.isAutomat) {
      problems.push(problem('RECEIPT_CASHIER_MISSING', '/cashier', 'No cashier.', 'Sign in at the till.'));
    }
    return problems;
  }
  if (cashier.name.trim() === '') {
    problems.push(problem('RECEIPT_CASHIER_MISSING', '/cashier/name', 'No name.', 'Sign in with a name.'));
  }
  if (cashier.inn !== undefined && (cashier.inn.length !== 12 || !isInn(cashier.inn))) {
    const detail = `"${cashier.inn}" is no INN of a person.`;
    problems.push(
      problem('RECEIPT_INN_INVALID', '/cashier/inn', detail, 'Enter the twelve digits of the INN.'),
    );
  }
  return problems;
}

function checkBuyer({ buyer, isElectronicOnly, senderEmail }: Receipt): ReceiptProblem[] {
  const problems: ReceiptProblem[] = [];
  if (buyer?.contact !== undefined && !isContact(buyer.contact)) {
    const detail = `"${buyer.contact}" is neither a telephone number nor an e-mail address.`;
    problems.push(
      problem('RECEIPT_CONTACT_INVALID', '/buyer/contact', detail, 'Write +7 and ten digits, or name@host.'),
    );
  }
  if (buyer?.inn !== undefined && !isInn(buyer.inn)) {
    const detail = `"${buyer.inn}" is no INN.`;
    problems.push(problem('RECEIPT_INN_INVALID', '/buyer/inn', detail, 'Enter ten or twelve digits.'));
  }
  if (isElectronicOnly && (buyer?.contact === undefined || senderEmail === undefined)) {
    const detail = 'A receipt without paper needs the contact of the buyer and the address of the sender.';
    problems.push(
      problem('RECEIPT_CONTACT_INVALID', '/buyer/contact', detail, 'Ask for a contact, or print.'),
    );
  }
  return problems;
}

function checkSums({ items, payments, totalMinor, correction }: Receipt): ReceiptProblem[] {
  if (items.length === 0 && correction === undefined) {
    return [problem('RECEIPT_EMPTY', '/items', 'No items.', 'Sell something first.')];
  }
  const itemsMinor = items.reduce((sum, item) => sum + item.totalMinor, 0);
  const paidMinor = paymentSums(payments).reduce((sum, minor) => sum + minor, 0);
  const isRounded = totalMinor === itemsMinor - (itemsMinor % 100);
  const problems: ReceiptProblem[] = [];
  if (totalMinor <= 0) {
    const detail = `The total is ${totalMinor}: registers refuse it (Shtrih-M error 8E).`;
    const hint = 'Leave at least one minor unit to be paid; give nothing back together with what was paid.';
    problems.push(problem('RECEIPT_TOTAL_ZERO', '/totalMinor', detail, hint));
  }
  if (totalMinor !== itemsMinor && !isRounded) {
    const detail = `The items are worth ${itemsMinor}, the total says ${totalMinor}.`;
    problems.push(
      problem(
        'RECEIPT_TOTAL_MISMATCH',
        '/totalMinor',
        detail,
        'Only kopecks may be dropped, and only all of them.',
      ),
    );
  }
  const areSums = paymentSums(payments).every((minor) => Number.isSafeInteger(minor) && minor >= 0);
  if (paidMinor !== totalMinor || !areSums) {
    const detail = `Payments of ${paidMinor} for a total of ${totalMinor}.`;
    problems.push(
      problem('RECEIPT_PAYMENT_MISMATCH', '/payments', detail, 'Give payments without the change.'),
    );
  }
  return problems;
}

/** In the order of tags 1031, 1081, 1215, 1216, 1217. */
export function paymentSums(payments: Receipt['payments']): readonly number[] {
  const { cashMinor, electronicMinor, prepaidMinor, creditMinor, barterMinor } = payments;
  return [cashMinor, electronicMinor, prepaidMinor, creditMinor, barterMinor].map((minor) => minor ?? 0);
}

function checkRates({ items }: Receipt, { mixesBaseRates }: ReceiptDevice): ReceiptProblem[] {
  const base = new Set(items.filter(({ vat }) => isBaseRate(vat)).map(({ vat }) => vat.slice(0, 5)));
  if (base.size < 2 || mixesBaseRates) return [];
  const detail = `Rates of different years in one receipt: ${[...base].join(', ')}.`;
  return [problem('RECEIPT_VAT_MIXED', '/items', detail, 'Make one receipt per rate.')];
}

function checkCodes({ items }: Receipt, { isAutonomous }: ReceiptDevice): ReceiptProblem[] {
  const problems: ReceiptProblem[] = [];
  const seen = new Set<string>();
  for (const [at, { marking }] of items.entries()) {
    if (marking === undefined) continue;
    if (seen.has(marking.code)) {
      const path = `/items/${at}/marking`;
      problems.push(
        problem('RECEIPT_MARKING_DUPLICATE', path, 'The same code twice.', 'Remove one of the lines.'),
      );
    }
    seen.add(marking.code);
  }
  const special = items.filter((item) => item.marking !== undefined || item.agent !== undefined).length;
  if (isAutonomous && special > AUTONOMOUS_ITEMS_MAX) {
    const detail = `${special} marked items; ${AUTONOMOUS_ITEMS_MAX} fit while the device is autonomous.`;
    problems.push(problem('RECEIPT_TOO_LARGE', '/items', detail, 'Split the receipt.'));
  }
  return problems;
}

function checkCorrection(receipt: Receipt, device: ReceiptDevice): ReceiptProblem[] {
  const { correction, kind, items } = receipt;
  if (correction === undefined) return [];
  const complain = (detail: string, hint: string): ReceiptProblem[] => [
    problem('RECEIPT_CORRECTION_INVALID', '/correction', detail, hint),
  ];
  const isNew = isVersionAtLeast(device.ffd, '1.2');
  if (!isNew && kind !== 'sale' && kind !== 'purchase') {
    return complain(`FFD ${device.ffd} corrects sales and purchases only.`, 'Correct a return by a sale.');
  }
  if (isNew && items.length === 0) {
    return complain('A correction lists its items from FFD 1.2.', 'Enter what was sold.');
  }
  if (correction.day > device.day) {
    return complain(`${correction.day} is in the future.`, 'Enter the day of the settlement.');
  }
  if (correction.by === 'order' && (correction.number ?? '').trim() === '') {
    return complain('An ordered correction has no number of the order.', 'Enter it from the letter.');
  }
  return [];
}

function checkRefund(receipt: Receipt): ReceiptProblem[] {
  const { kind, original, correction } = receipt;
  const isReturn = kind === 'sale-return' || kind === 'purchase-return';
  if (!isReturn || correction !== undefined) return [];
  if (original === undefined) {
    const hint = 'Find the receipt that is given back and return its lines.';
    return [problem('RECEIPT_REFUND_UNLINKED', '/original', 'A return of no known receipt.', hint)];
  }
  const leftMinor = original.totalMinor - original.refundedMinor;
  const problems: ReceiptProblem[] = [];
  if (receipt.totalMinor > leftMinor) {
    const detail = `The return is ${receipt.totalMinor}, of the original ${leftMinor} are left.`;
    problems.push(
      problem('RECEIPT_REFUND_EXCEEDS', '/totalMinor', detail, 'Return what is left of the original.'),
    );
  }
  return [...problems, ...checkReturnedLines(receipt.items, original)];
}

function checkReturnedLines(items: readonly ReceiptItem[], original: Original): ReceiptProblem[] {
  const problems: ReceiptProblem[] = [];
  const givenBack = original.lines.map((line) => ({ milli: line.refundedMilli, minor: line.refundedMinor }));
  for (const [at, item] of items.entries()) {
    const path = `/items/${at}`;
    const line = original.lines[item.originalLine ?? -1];
    const sums = givenBack[item.originalLine ?? -1];
    if (line === undefined || sums === undefined) {
      const hint = 'Choose the line of the original.';
      problems.push(problem('RECEIPT_REFUND_UNLINKED', path, 'The item is no line of the original.', hint));
      continue;
    }
    // Items of one line add up: a discount may have split it.
    sums.milli += item.quantityMilli;
    sums.minor += item.totalMinor;
    if (sums.milli > line.quantityMilli || sums.minor > line.totalMinor) {
      const detail = `Of ${line.quantityMilli} for ${line.totalMinor}, ${sums.milli} for ${sums.minor} would be returned.`;
      problems.push(problem('RECEIPT_REFUND_EXCEEDS', path, detail, 'Return what is left of the line.'));
    }
    if (item.vat !== line.vat) {
      const detail = `The sale had ${line.vat}, the return ${item.vat}.`;
      problems.push(
        problem('RECEIPT_VAT_DATE', `${path}/vat`, detail, 'A return repeats the rate of the sale.'),
      );
    }
  }
  return problems;
}

function isContact(contact: string): boolean {
  if (contact.length > CONTACT_CHARS_MAX) return false;
  if (/^\+\d{10,15}$/.test(contact)) return true;
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(contact)) return false;
  try {
    encodeText(contact);
    return true;
  } catch {
    return false;
  }
}
