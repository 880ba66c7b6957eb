/**
 * `refundOrder`: what part of an order is worth when it goes back. Pure; the same function in the node, the till page and the tests.
 *
 * Guarantees:
 * R1 never more of a line goes back, over all refunds, than was sold;
 * R2 the refunds of a line add up to its total to the minor unit, however it is cut: each gets its part of the running share;
 * R3 payments out add up to what goes back; by card and other means never more than was taken by them; without payments named,
 *    money goes back the way it came: first what was not cash;
 * R4 points earned are taken back and points redeemed are given back in the same proportion, and exactly by the last refund.
 * What cannot go back is a value (`ok: false` with a problem code), not an exception.
 */
import type { Order, OrderLine } from './api/orders.ts';
import { ModelError } from './errors.ts';
import { AMOUNT_MINOR_MAX } from './limits.ts';
import { divideHalfUp, sumMinor } from './money.ts';
import type { PaymentKind } from './price-order.ts';
import type { ProblemCode } from './problem.ts';
import { type VatShare, vatSplit } from './vat.ts';

export type SoldOrder = Pick<Order, 'lines' | 'payments' | 'changeMinor' | 'totalMinor' | 'loyalty'>;

/** What went back before: thousandths by place of the line, minor units by way of payment. */
export interface Returned {
  readonly lines: ReadonlyMap<number, number>;
  readonly paid: ReadonlyMap<PaymentKind, number>;
}

export interface RefundWish {
  /** Left out: everything that has not gone back yet. */
  readonly lines?: readonly { readonly line: number; readonly quantityMilli: number }[] | undefined;
  readonly payments?: readonly { readonly kind: PaymentKind; readonly amountMinor: number }[] | undefined;
}

export type RefundedLine = OrderLine & { readonly line: number };

export interface PricedRefund {
  readonly lines: RefundedLine[];
  readonly totalMinor: number;
  readonly payments: Order['payments'];
  readonly vat: VatShare[];
  /** Points taken back, and given back. */
  readonly loyalty: { readonly earned: number; readonly redeemed: number };
}

export type Refunding =
  | { readonly ok: true; readonly refund: PricedRefund }
  | { readonly ok: false; readonly code: ProblemCode; readonly detail: string; readonly path: string };

/** Not cash first: a card can take back what it paid, a drawer can give anything. */
const WAYS = ['card', 'other', 'giftCard', 'cash'] as const satisfies readonly PaymentKind[];

const NOT_CASH = WAYS.filter((kind) => kind !== 'cash');

export const NOTHING_RETURNED: Returned = { lines: new Map(), paid: new Map() };

export function refundOrder(order: SoldOrder, returned: Returned, wish: RefundWish): Refunding {
  try {
    return refund(order, returned, wish);
  } catch (error) {
    if (error instanceof ModelError && error.code === 'MODEL_AMOUNT_RANGE') {
      const detail = `The payments are more than ${AMOUNT_MINOR_MAX} minor units.`;
      return refusal('AMOUNT_TOO_LARGE', detail, '/payments');
    }
    throw error;
  }
}

function refund(order: SoldOrder, returned: Returned, wish: RefundWish): Refunding {
  const wanted =
    wish.lines ?? restOf(order, returned).map(({ line, quantityMilli }) => ({ line, quantityMilli }));
  if (wanted.length === 0) {
    return refusal('REFUND_EXCEEDS', 'All of this order has gone back already.', '/lines');
  }
  const lines: RefundedLine[] = [];
  const seen = new Set<number>();
  for (const [index, { line: at, quantityMilli }] of wanted.entries()) {
    const path = `/lines/${index}`;
    const sold = order.lines[at];
    if (sold === undefined) {
      const detail = `The order has ${order.lines.length} lines, counted from 0; there is no line ${at}.`;
      return refusal('REFUND_LINE_UNKNOWN', detail, `${path}/line`);
    }
    if (seen.has(at)) {
      return refusal('REFUND_LINE_UNKNOWN', `Line ${at} is named twice.`, `${path}/line`);
    }
    seen.add(at);
    const before = returned.lines.get(at) ?? 0;
    if (before + quantityMilli > sold.quantityMilli) {
      const detail =
        `Of line ${at} (${sold.sku}) ${sold.quantityMilli} thousandths were sold and ${before} went back; ` +
        `${sold.quantityMilli - before} can.`;
      return refusal('REFUND_EXCEEDS', detail, `${path}/quantityMilli`);
    }
    lines.push(partOf(sold, at, before, quantityMilli));
  }
  const totalMinor = sumMinor(lines.map((line) => line.totalMinor));
  const payments = wish.payments ?? backTheWayItCame(order, returned, totalMinor);
  const fault = faultOf(order, returned, payments, totalMinor);
  if (fault !== undefined) {
    return refusal('ORDER_PAYMENT', fault, '/payments');
  }
  return {
    ok: true,
    refund: {
      lines,
      totalMinor,
      payments: payments.flatMap(({ kind, amountMinor }) =>
        kind === 'giftCard' ? ontoCards(order, returned, amountMinor) : [{ kind, amountMinor }],
      ),
      vat: vatSplit(lines),
      loyalty: pointsOf(order, returned, lines),
    },
  };
}

/** What can still go back, by line; lines of which nothing is left are not in it. */
export function restOf(
  order: SoldOrder,
  returned: Returned,
): { line: number; quantityMilli: number; totalMinor: number }[] {
  return order.lines.flatMap((sold, line) => {
    const before = returned.lines.get(line) ?? 0;
    const quantityMilli = sold.quantityMilli - before;
    const totalMinor = sold.totalMinor - shareOf(sold.totalMinor, before, sold.quantityMilli);
    return quantityMilli <= 0 ? [] : [{ line, quantityMilli, totalMinor }];
  });
}

/** What went back, after this refund as well. */
export function returnedWith(
  returned: Returned,
  refund: {
    readonly lines: readonly { readonly line: number; readonly quantityMilli: number }[];
    readonly payments: readonly { readonly kind: PaymentKind; readonly amountMinor: number }[];
  },
): Returned {
  const lines = new Map(returned.lines);
  const paid = new Map(returned.paid);
  for (const { line, quantityMilli } of refund.lines) {
    lines.set(line, (lines.get(line) ?? 0) + quantityMilli);
  }
  for (const { kind, amountMinor } of refund.payments) {
    paid.set(kind, (paid.get(kind) ?? 0) + amountMinor);
  }
  return { lines, paid };
}

function partOf(sold: OrderLine, line: number, before: number, quantityMilli: number): RefundedLine {
  const part = (whole: number): number =>
    shareOf(whole, before + quantityMilli, sold.quantityMilli) - shareOf(whole, before, sold.quantityMilli);
  const { redeemedMinor } = sold;
  return {
    ...sold,
    line,
    quantityMilli,
    discountMinor: part(sold.discountMinor),
    ...(redeemedMinor === undefined ? {} : { redeemedMinor: part(redeemedMinor) }),
    totalMinor: part(sold.totalMinor),
  };
}

/** `part` of `whole` thousandths of an amount. */
function shareOf(amount: number, part: number, whole: number): number {
  return divideHalfUp(amount, part, whole);
}

function takenBy(order: SoldOrder, kind: PaymentKind): number {
  const paid = sumMinor(order.payments.filter((one) => one.kind === kind).map((one) => one.amountMinor));
  return kind === 'cash' ? paid - order.changeMinor : paid;
}

function backTheWayItCame(
  order: SoldOrder,
  returned: Returned,
  totalMinor: number,
): { kind: PaymentKind; amountMinor: number }[] {
  let left = totalMinor;
  const out: { kind: PaymentKind; amountMinor: number }[] = [];
  for (const kind of WAYS) {
    const room = kind === 'cash' ? left : Math.max(0, takenBy(order, kind) - (returned.paid.get(kind) ?? 0));
    const amountMinor = Math.min(left, room);
    if (amountMinor > 0) {
      out.push({ kind, amountMinor });
      left -= amountMinor;
    }
  }
  return out;
}

/** What goes back to gift cards, card by card in the order they paid. */
function ontoCards(order: SoldOrder, returned: Returned, amountMinor: number): Order['payments'] {
  let skip = returned.paid.get('giftCard') ?? 0;
  let left = amountMinor;
  return order.payments.flatMap((card) => {
    const room = card.kind === 'giftCard' ? Math.max(0, card.amountMinor - skip) : 0;
    skip -= card.kind === 'giftCard' ? card.amountMinor - room : 0;
    const part = Math.min(room, left);
    left -= part;
    return part === 0 ? [] : [{ ...card, amountMinor: part }];
  });
}

function faultOf(
  order: SoldOrder,
  returned: Returned,
  payments: readonly { readonly kind: PaymentKind; readonly amountMinor: number }[],
  totalMinor: number,
): string | undefined {
  const out = sumMinor(payments.map(({ amountMinor }) => amountMinor));
  if (out !== totalMinor) {
    return `${totalMinor} go back, the payments add up to ${out}.`;
  }
  for (const kind of NOT_CASH) {
    const now = sumMinor(payments.filter((one) => one.kind === kind).map((one) => one.amountMinor));
    const room = takenBy(order, kind) - (returned.paid.get(kind) ?? 0);
    if (now > room) {
      return `Only ${Math.max(0, room)} can go back by ${kind}; give the rest in cash.`;
    }
  }
  return undefined;
}

function pointsOf(
  order: SoldOrder,
  returned: Returned,
  lines: readonly RefundedLine[],
): { earned: number; redeemed: number } {
  const after = new Map(returned.lines);
  for (const { line, quantityMilli } of lines) {
    after.set(line, (after.get(line) ?? 0) + quantityMilli);
  }
  const { earned, redeemed } = order.loyalty;
  const part = (points: number, amountOf: (line: OrderLine) => number): number => {
    const whole = sumMinor(order.lines.map(amountOf));
    const upTo = (quantities: ReadonlyMap<number, number>): number =>
      sumMinor(
        order.lines.map((line, at) => shareOf(amountOf(line), quantities.get(at) ?? 0, line.quantityMilli)),
      );
    return points === 0 || whole === 0
      ? 0
      : divideHalfUp(points, upTo(after), whole) - divideHalfUp(points, upTo(returned.lines), whole);
  };
  return {
    earned: part(earned, ({ totalMinor }) => totalMinor),
    redeemed: part(redeemed, ({ redeemedMinor }) => redeemedMinor ?? 0),
  };
}

function refusal(code: ProblemCode, detail: string, path: string): Refunding {
  return { ok: false, code, detail, path };
}
