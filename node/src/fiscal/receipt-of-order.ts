/**
 * What was settled as the receipt a register is asked for, and as what the document in the storage will be known by: orders,
 * refunds, corrections. A refund is measured by the order it gives back where this node knows it; how much of that went back
 * before, the refund itself was checked for.
 */
import {
  type Expectation,
  type ItemMarking,
  itemsOfLine,
  type OriginalLine,
  printableText,
  type Receipt,
  type SettlementKind,
  type TaxSystem,
  withMark,
} from '@branchline/fiscal';
import { type EventBody, type Order, vatRates } from '@branchline/model';

/** Forms of a receipt and of a correction. */
const RECEIPT_FORM = 3;
const CORRECTION_FORM = 31;
/** Tags 1030 and 1021. */
const ITEM_CHARS_MAX = 128;
const CASHIER_CHARS_MAX = 64;
/** Tag 2106 without a bit. */
const UNCHECKED = 0;

export interface ShopFacts {
  readonly taxSystem: TaxSystem;
  /** Who sells, where an order does not say. */
  readonly cashier: string;
}

type What = EventBody<'receipt'>['what'];
/** What of an order its receipt is made of. */
export type Sold = Pick<
  Order,
  'cashier' | 'customer' | 'lines' | 'payments' | 'changeMinor' | 'totalMinor' | 'receipt'
>;
/** What a receipt is for, unlike the reports of a shift. */
export type Settlement = Extract<What, { kind: 'sale' | 'refund' | 'correction' }>;
export type RefundWanted = Extract<What, { kind: 'refund' }>;
export type CorrectionOrder = Extract<What, { kind: 'correction' }>;

export function isSettlement(what: What): what is Settlement {
  return what.kind !== 'shift-open' && what.kind !== 'shift-close';
}

interface Line {
  readonly name: string;
  readonly quantityMilli: number;
  readonly totalMinor: number;
  readonly vat: Receipt['items'][number]['vat'];
  readonly markingCode?: string | undefined;
}

/** The mark is the id of the receipt: by it the document is found again whatever was lost on the line. */
export function receiptOfOrder(order: Sold, { taxSystem, cashier }: ShopFacts): Receipt {
  const contact = order.customer?.contact;
  const receipt: Receipt = {
    kind: 'sale',
    taxSystem,
    cashier: { name: printableText(order.cashier ?? cashier, CASHIER_CHARS_MAX) },
    items: order.lines.flatMap((line) => itemsOf(line)),
    payments: paymentsOf(order),
    totalMinor: order.totalMinor,
    ...(contact === undefined ? {} : { buyer: { contact } }),
  };
  return withMark(receipt, order.receipt.id);
}

export function receiptOfRefund(
  id: string,
  refund: RefundWanted,
  { taxSystem, cashier, original }: ShopFacts & { readonly original: Order | undefined },
): Receipt {
  const given: OriginalLine[] =
    original === undefined
      ? refund.lines.map((line) => ({ ...line, refundedMilli: 0, refundedMinor: 0 }))
      : original.lines.map((line) => ({ ...line, refundedMilli: 0, refundedMinor: 0 }));
  const receipt: Receipt = {
    kind: 'sale-return',
    taxSystem,
    cashier: { name: printableText(refund.cashier ?? cashier, CASHIER_CHARS_MAX) },
    items: refund.lines.flatMap((line, at) =>
      itemsOf(line).map((item) => ({
        ...item,
        originalLine: original === undefined ? at : (line.line ?? at),
      })),
    ),
    payments: paymentsOf({ payments: refund.payments, changeMinor: 0 }),
    totalMinor: refund.totalMinor,
    original: {
      day: refund.original.at.slice(0, 10),
      totalMinor: given.reduce((sum, line) => sum + line.totalMinor, 0),
      refundedMinor: 0,
      lines: given,
    },
    ...(refund.contact === undefined ? {} : { buyer: { contact: refund.contact } }),
  };
  return withMark(receipt, id);
}

export function receiptOfCorrection(
  id: string,
  wanted: CorrectionOrder,
  { taxSystem, cashier }: ShopFacts,
): Receipt {
  const { settlement, by, day, documentNumber, reason, wrongSign, lines, totalMinor } = wanted;
  const receipt: Receipt = {
    kind: settlement,
    taxSystem,
    cashier: { name: printableText(wanted.cashier ?? cashier, CASHIER_CHARS_MAX) },
    items: lines.flatMap((line) => itemsOf(line)),
    payments: paymentsOf({ payments: wanted.payments, changeMinor: 0 }),
    totalMinor,
    correction: {
      by,
      day,
      ...(documentNumber === undefined ? {} : { number: documentNumber }),
      ...(reason === undefined ? {} : { reason }),
      ...(wrongSign === undefined ? {} : { wrongSign: Number(wrongSign) }),
    },
  };
  return withMark(receipt, id);
}

/** What the document in the storage will be known by. */
export function expectationOf(id: string, what: Settlement): Expectation {
  return {
    kind: 'receipt',
    form: what.kind === 'correction' ? CORRECTION_FORM : RECEIPT_FORM,
    settlement: settlementOf(what),
    totalMinor: what.totalMinor,
    mark: id,
  };
}

/** Tag 1054 in words. */
export function settlementOf(what: Settlement): SettlementKind {
  switch (what.kind) {
    case 'sale':
      return 'sale';
    case 'refund':
      return 'sale-return';
    case 'correction':
      return what.settlement;
    default:
      return what satisfies never;
  }
}

function itemsOf(line: Line): Receipt['items'] {
  const marking: ItemMarking | undefined =
    line.markingCode === undefined ? undefined : { code: line.markingCode };
  return itemsOfLine(line).map((share) => ({
    name: printableText(line.name, ITEM_CHARS_MAX),
    ...share,
    vat: line.vat,
    ...advanceOf(line.vat),
    ...(marking === undefined ? {} : { marking }),
  }));
}

/** Money for what is not named yet, a gift card above all, is an advance (tags 1214 = 3, 1212 = 10): only of those the VAT is calculated. */
function advanceOf(vat: Line['vat']): Pick<Receipt['items'][number], 'method' | 'subject'> {
  return vatRates[vat].calculated ? { method: 'advance', subject: 'payment' } : {};
}

/** Net of change, which is given in cash only. A gift card was paid before (tag 1215); the rest is another way (tag 1217). */
function paymentsOf({ payments, changeMinor }: Pick<Order, 'payments' | 'changeMinor'>): Receipt['payments'] {
  const sumOf = (kind: Order['payments'][number]['kind']): number =>
    payments.reduce((sum, payment) => sum + (payment.kind === kind ? payment.amountMinor : 0), 0);
  return {
    cashMinor: sumOf('cash') - changeMinor,
    electronicMinor: sumOf('card'),
    prepaidMinor: sumOf('giftCard'),
    barterMinor: sumOf('other'),
  };
}

/** Codes nobody has checked are sold as not checked: the law asks for the check where it can be made, and for nothing to wait. */
export function withChecks(receipt: Receipt): Receipt {
  return {
    ...receipt,
    items: receipt.items.map((item) =>
      item.marking === undefined || item.marking.checkResult !== undefined
        ? item
        : { ...item, marking: { ...item.marking, checkResult: UNCHECKED } },
    ),
  };
}
