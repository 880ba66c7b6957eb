/** An order as the receipt a register is asked for, and as what the document in the storage will be known by. */
import {
  type Expectation,
  itemsOfLine,
  printableText,
  type Receipt,
  type TaxSystem,
  withMark,
} from '@branchline/fiscal';
import type { Order } from '@branchline/model';

/** Form of a receipt. */
const RECEIPT_FORM = 3;
/** Tags 1030 and 1021. */
const ITEM_CHARS_MAX = 128;
const CASHIER_CHARS_MAX = 64;

export interface ShopFacts {
  readonly taxSystem: TaxSystem;
  /** Who sells, where an order does not say. */
  readonly cashier: string;
}

/** The mark is the id of the receipt: by it the document is found again whatever was lost on the line. */
export function receiptOfOrder(order: Order, { taxSystem, cashier }: ShopFacts): Receipt {
  const contact = order.customer?.contact;
  const receipt: Receipt = {
    kind: 'sale',
    taxSystem,
    cashier: { name: printableText(order.cashier ?? cashier, CASHIER_CHARS_MAX) },
    items: order.lines.flatMap((line) =>
      itemsOfLine(line).map((share) => ({
        name: printableText(line.name, ITEM_CHARS_MAX),
        ...share,
        vat: line.vat,
      })),
    ),
    payments: paymentsOf(order),
    totalMinor: order.totalMinor,
    ...(contact === undefined ? {} : { buyer: { contact } }),
  };
  return withMark(receipt, order.receipt.id);
}

export function expectationOf(order: Order): Expectation {
  return {
    kind: 'receipt',
    form: RECEIPT_FORM,
    settlement: 'sale',
    totalMinor: order.totalMinor,
    mark: order.receipt.id,
  };
}

/** Net of change, which is given in cash only. What is neither cash nor card stands as another way of payment (tag 1217). */
function paymentsOf({ payments, changeMinor }: Order): Receipt['payments'] {
  const sumOf = (kind: Order['payments'][number]['kind']): number =>
    payments.reduce((sum, payment) => sum + (payment.kind === kind ? payment.amountMinor : 0), 0);
  return {
    cashMinor: sumOf('cash') - changeMinor,
    electronicMinor: sumOf('card'),
    barterMinor: sumOf('other'),
  };
}
