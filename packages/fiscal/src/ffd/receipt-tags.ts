/**
 * A receipt as tags: `composeReceipt` checks everything and gives either the tags a host sends or every reason why not.
 *
 * Guarantees: what comes out holds no tag twice, none the version does not have in that place, none too long, and every
 * tag the format demands of a host; it fits the storage. Tags of the device and of the storage (numbers, times, signs,
 * registration) are left out: they fill them in.
 */
import { vatRates } from '@branchline/model';
import { FiscalError, type ReceiptProblem } from '../errors.ts';
import { printableText } from './cp866.ts';
import { decodeTagList, encodeTags } from './document.ts';
import { checkTags } from './document-check.ts';
import { agentKinds, settlementKinds, settlementMethods, taxSystems, unitMeasures } from './enumerations.ts';
import { ITEM_NAME_CHARS_MAX, problem, subjectCode } from './item-check.ts';
import { nomenclatureCode, productCodeTag } from './product-code.ts';
import type { Correction, ItemAgent, ItemMarking, Receipt, ReceiptDevice, ReceiptItem } from './receipt.ts';
import { checkReceipt, paymentSums } from './receipt-check.ts';
import { type Decimal, isVersionAtLeast, type TagInput } from './tag.ts';
import { type VatSum, vatSums } from './vat-tags.ts';
import { secondsOfDay } from './wall-time.ts';

/** What a host may send into one receipt; the storage takes 30 KB. */
export const RECEIPT_BYTES_MAX = 30 * 1024;

export interface ComposedReceipt {
  readonly form: number;
  /** Tags of the receipt itself, without its items. */
  readonly tags: readonly TagInput[];
  /** Children of 1059, one list per item; empty lists of items in a correction up to FFD 1.1. */
  readonly items: readonly (readonly TagInput[])[];
  readonly vat: readonly VatSum[];
  /** All of it as the storage counts it. */
  readonly bytes: Uint8Array;
}

export type Composition =
  | { readonly ok: true; readonly receipt: ComposedReceipt }
  | { readonly ok: false; readonly problems: readonly ReceiptProblem[] };

/** Filled in by the device or the storage. */
const DEVICE_TAGS = new Set([1012, 1018, 1037, 1038, 1040, 1041, 1042, 1077, 1187, 1188, 1189, 1190, 1209]);

const PAYMENT_TAGS = [1031, 1081, 1215, 1216, 1217];

export function composeReceipt(receipt: Receipt, device: ReceiptDevice): Composition {
  const problems = checkReceipt(receipt, device);
  if (problems.length > 0) return { ok: false, problems };
  const form = formCode(receipt);
  const isNew = isVersionAtLeast(device.ffd, '1.2');
  const listsItems = receipt.correction === undefined || isNew;
  const items = listsItems ? receipt.items.map((item) => itemTags(item, device)) : [];
  const vat = vatSums(receipt.items);
  const tags = [...receiptTags(receipt, device), ...vatTags(vat), ...(receipt.extraTags ?? [])];
  const all = [...tags, ...items.map((value): TagInput => ({ tag: 1059, value }))];
  return judge(form, all, device, (bytes) => ({ form, tags, items, vat, bytes }));
}

/** The tags as bytes, seen once more by the rules of the format. */
function judge(
  form: number,
  all: readonly TagInput[],
  { ffd }: ReceiptDevice,
  composed: (bytes: Uint8Array) => ComposedReceipt,
): Composition {
  let bytes: Uint8Array;
  try {
    bytes = encodeTags(all, ffd, form);
  } catch (error) {
    if (!(error instanceof FiscalError)) throw error;
    const code = error.code === 'FFD_TAG_UNKNOWN' ? 'RECEIPT_TAG_UNKNOWN' : 'RECEIPT_TAG_INVALID';
    const hint = error.hint ?? 'Correct the tag or leave it out.';
    return { ok: false, problems: [problem(code, '/', error.message, hint)] };
  }
  if (bytes.length > RECEIPT_BYTES_MAX) {
    const detail = `The receipt takes ${bytes.length} bytes, ${RECEIPT_BYTES_MAX} fit.`;
    return {
      ok: false,
      problems: [problem('RECEIPT_TOO_LARGE', '/items', detail, 'Split it into several.')],
    };
  }
  const options = { filledLater: (tag: number) => DEVICE_TAGS.has(tag) };
  const findings = checkTags(ffd, form, decodeTagList(bytes, ffd, form), options);
  if (findings.length === 0) return { ok: true, receipt: composed(bytes) };
  return {
    ok: false,
    problems: findings.map(({ kind, tag, path }) => {
      const code = kind === 'duplicate' ? 'RECEIPT_TAG_DUPLICATE' : 'RECEIPT_TAG_INVALID';
      return problem(code, `/${path}`, `Tag ${tag}: ${kind}.`, 'Correct the tag or leave it out.');
    }),
  };
}

function formCode({ isBso, correction }: Receipt): number {
  if (correction === undefined) return isBso ? 4 : 3;
  return isBso ? 41 : 31;
}

function receiptTags(receipt: Receipt, device: ReceiptDevice): TagInput[] {
  const { cashier, payments, extra, senderEmail, correction } = receipt;
  const sums = paymentSums(payments);
  return [
    { tag: 1054, value: settlementKinds[receipt.kind] },
    { tag: 1055, value: taxSystems[receipt.taxSystem] },
    ...maybe(1021, cashier && printableText(cashier.name, 64)),
    ...maybe(1203, cashier?.inn),
    { tag: 1020, value: receipt.totalMinor },
    ...PAYMENT_TAGS.map((tag, at): TagInput => ({ tag, value: sums[at] ?? 0 })),
    ...buyerTags(receipt, device),
    ...maybe(1117, senderEmail),
    ...(extra === undefined ? [] : [extraTag(extra)]),
    ...(correction === undefined ? [] : correctionTags(correction, device)),
  ];
}

function extraTag({ name, value }: NonNullable<Receipt['extra']>): TagInput {
  return {
    tag: 1084,
    value: [
      { tag: 1085, value: printableText(name, 64) },
      { tag: 1086, value },
    ],
  };
}

function buyerTags({ buyer }: Receipt, { ffd }: ReceiptDevice): TagInput[] {
  if (buyer === undefined) return [];
  const who = [...maybe(1227, buyer.name && printableText(buyer.name, 256)), ...maybe(1228, buyer.inn)];
  const isNested = isVersionAtLeast(ffd, '1.2') && who.length > 0;
  return [...maybe(1008, buyer.contact), ...(isNested ? [{ tag: 1256, value: who }] : who)];
}

function correctionTags(correction: Correction, { ffd }: ReceiptDevice): TagInput[] {
  const { by, day, number, reason, wrongSign } = correction;
  const isNew = isVersionAtLeast(ffd, '1.2');
  const base: TagInput[] = [
    ...(isNew ? [] : maybe(1177, printableText(reason ?? 'Коррекция', 256))),
    { tag: 1178, value: secondsOfDay(day) ?? 0 },
    // The older format wants a number even where there is no order.
    ...maybe(1179, number ?? (isNew ? undefined : 'б/н')),
  ];
  return [
    { tag: 1173, value: by === 'order' ? 1 : 0 },
    { tag: 1174, value: base },
    ...(isNew && wrongSign !== undefined ? [{ tag: 1192, value: String(wrongSign) }] : []),
  ];
}

export function vatTags(sums: readonly VatSum[]): TagInput[] {
  const pairs = sums.filter(({ tag }) => tag === 'pair');
  const plain = sums.flatMap(({ tag, minor }) => (tag === 'pair' ? [] : [{ tag, value: minor }]));
  if (pairs.length === 0) return plain;
  const list = pairs.map(
    ({ code, minor }): TagInput => ({
      tag: 1119,
      value: [
        { tag: 1199, value: code },
        { tag: 1120, value: minor },
      ],
    }),
  );
  // The order wants one of the plain columns even when all of the tax stands in pairs; this one stays unprinted.
  return [...(plain.length === 0 ? [{ tag: 1104, value: 0 }] : plain), { tag: 1115, value: list }];
}

function itemTags(item: ReceiptItem, device: ReceiptDevice): TagInput[] {
  const isNew = isVersionAtLeast(device.ffd, '1.2');
  const measure = unitMeasures[item.unit ?? 'piece'];
  const word = item.unit === undefined ? [] : [{ tag: 1197, value: measure.word }];
  return [
    { tag: 1030, value: printableText(item.name, ITEM_NAME_CHARS_MAX) },
    { tag: 1079, value: item.unitPriceMinor },
    { tag: 1023, value: decimalOfMilli(item.quantityMilli) },
    { tag: 1043, value: item.totalMinor },
    { tag: 1199, value: vatRates[item.vat].fiscalCode },
    { tag: 1214, value: settlementMethods[item.method ?? 'full'] },
    { tag: 1212, value: subjectCode(item, device) },
    ...(isNew ? [{ tag: 2108, value: measure.code }] : word),
    ...(item.marking === undefined ? [] : markingTags(item.marking, isNew)),
    ...(item.agent === undefined ? [] : agentTags(item.agent)),
    ...maybe(1229, item.exciseMinor),
    ...maybe(1230, item.countryCode),
    ...maybe(1231, item.customsDeclaration),
    ...(item.extraTags ?? []),
  ];
}

function markingTags({ code, checkResult, fraction }: ItemMarking, isNew: boolean): TagInput[] {
  if (!isNew) return maybe(1162, nomenclatureCode(code));
  const part = fraction && [
    { tag: 1292, value: `${fraction.numerator}/${fraction.denominator}` },
    { tag: 1293, value: fraction.numerator },
    { tag: 1294, value: fraction.denominator },
  ];
  return [
    { tag: 1163, value: [productCodeTag(code)] },
    { tag: 2102, value: 0 },
    ...maybe(2106, checkResult),
    ...maybe(1291, part),
  ];
}

function agentTags({
  kind,
  supplier,
  operation,
  agentPhones,
  operatorPhones,
  transfer,
}: ItemAgent): TagInput[] {
  const each = (tag: number, phones: readonly string[] = []): TagInput[] =>
    phones.map((value) => ({ tag, value }));
  const agent = [
    ...each(1075, transfer?.phones),
    ...maybe(1044, operation),
    ...each(1073, agentPhones),
    ...each(1074, operatorPhones),
    ...maybe(1026, transfer && printableText(transfer.name, 64)),
    ...maybe(1005, transfer && printableText(transfer.address, 256)),
    ...maybe(1016, transfer?.inn),
  ];
  const from = [
    ...each(1171, supplier.phones),
    ...maybe(1225, supplier.name && printableText(supplier.name, 256)),
  ];
  return [
    { tag: 1222, value: agentKinds[kind] },
    ...(agent.length === 0 ? [] : [{ tag: 1223, value: agent }]),
    ...(from.length === 0 ? [] : [{ tag: 1224, value: from }]),
    { tag: 1226, value: supplier.inn },
  ];
}

function decimalOfMilli(quantityMilli: number): Decimal {
  let mantissa = quantityMilli;
  let point = 3;
  while (point > 0 && mantissa % 10 === 0) {
    mantissa /= 10;
    point -= 1;
  }
  return { mantissa, point };
}

function maybe(tag: number, value: TagInput['value'] | undefined): TagInput[] {
  return value === undefined ? [] : [{ tag, value }];
}
