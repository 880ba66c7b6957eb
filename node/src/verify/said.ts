/**
 * What a business entry does to balances: stock by SKU and movement, accounts (points, gift cards, coupons) by count.
 *
 * The document beside it says the same in its own words (`written.ts`); `BalanceLedger` holds the two against each other.
 */
import { type EventBody, eventBodies } from '@branchline/model';

/** One step of one count, e.g. `CHAIR sold` by 1000, `anna spent` by 40. */
export interface Step {
  /** `stock/B001` for goods, `loyalty` for accounts: of whose books. */
  readonly books: string;
  /** SKU or account. */
  readonly subject: string;
  readonly count: string;
  readonly by: number;
}

/** Kinds of entries that do something to balances. */
export const SAID_KINDS = [
  'order',
  'refund',
  'rights',
  'stock-receipt',
  'stock-count',
  'stock-adjustment',
  'transfer-sent',
  'transfer-received',
  'transfer-undone',
] as const;
type SaidKind = (typeof SAID_KINDS)[number];

export const ACCOUNTS = 'loyalty';

/** Throws when the body is not one of its kind. */
export function stepsSaid(kind: SaidKind, collection: string, body: unknown): Step[] {
  const goods = (count: string, lines: readonly { sku: string; milli: number }[]): Step[] =>
    lines.map(({ sku, milli }) => ({
      // `B001` of `orders/B001`, `goods/B001`, `letters/B001/B002`: each says what happened at the branch named first.
      books: `stock/${collection.split('/')[1] ?? ''}`,
      subject: sku,
      count,
      by: milli,
    }));
  switch (kind) {
    case 'order': {
      const order = eventBodies.order.parse(body);
      // Another program lets goods come back in the basket of a sale.
      const back = order.pushed?.returned ?? [];
      return [
        ...goods('sold', order.lines.map(quantity)),
        ...goods('returned', back.map(quantity)),
        ...paidBy(order),
      ];
    }
    case 'refund': {
      const refund = eventBodies.refund.parse(body);
      const kept = refund.lines.filter(({ restock }) => restock);
      return [...goods('returned', kept.map(quantity)), ...givenBack(refund)];
    }
    case 'rights':
      return eventBodies.rights
        .parse(body)
        .moves.map(({ account, type, points, other }) =>
          step(
            account,
            type === 'issued' || type === 'loaded'
              ? 'earned'
              : other === undefined
                ? type
                : `${type} ${other}`,
            points,
          ),
        );
    case 'stock-receipt':
      return goods('received', eventBodies['stock-receipt'].parse(body).lines.map(quantity));
    case 'stock-count':
      return goods('adjusted', eventBodies['stock-count'].parse(body).lines.map(delta));
    case 'stock-adjustment':
      return goods('adjusted', eventBodies['stock-adjustment'].parse(body).lines.map(delta));
    case 'transfer-sent':
      return goods('sent', eventBodies['transfer-sent'].parse(body).lines.map(quantity));
    case 'transfer-received':
      return goods('arrived', eventBodies['transfer-received'].parse(body).lines.map(quantity));
    case 'transfer-undone':
      return goods('adjusted', eventBodies['transfer-undone'].parse(body).lines.map(delta));
    default:
      return kind satisfies never;
  }
}

function paidBy({ customer, loyalty, payments, coupons = [] }: EventBody<'order'>): Step[] {
  return [
    ...(customer?.id === undefined
      ? []
      : [step(customer.id, 'earned', loyalty.earned), step(customer.id, 'spent', loyalty.redeemed)]),
    ...payments.flatMap(({ account, amountMinor }) =>
      account === undefined ? [] : [step(account, 'spent', amountMinor)],
    ),
    ...coupons.map(({ account }) => step(account, 'spent', 1)),
  ];
}

function givenBack({ customer, loyalty, payments }: EventBody<'refund'>): Step[] {
  return [
    ...(customer?.id === undefined
      ? []
      : [step(customer.id, 'owed', loyalty.earned), step(customer.id, 'returned', loyalty.redeemed)]),
    ...payments.flatMap(({ account, amountMinor }) =>
      account === undefined ? [] : [step(account, 'returned', amountMinor)],
    ),
  ];
}

function step(subject: string, count: string, by: number): Step {
  return { books: ACCOUNTS, subject, count, by };
}

function quantity({ sku, quantityMilli }: { readonly sku: string; readonly quantityMilli: number }) {
  return { sku, milli: quantityMilli };
}

function delta({ sku, deltaMilli }: { readonly sku: string; readonly deltaMilli: number }) {
  return { sku, milli: deltaMilli };
}
