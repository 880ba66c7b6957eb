/**
 * What a till can offer now, and why the rest is not on offer. Pure; reasons are codes with words in the tables.
 *
 * The node decides: what stands here only keeps a person from trying what would be refused.
 */
import type { FiscalReceipt, OrderDetail, ShiftView, TillSelf } from '@branchline/model';
import { type Cart, totalsOf } from './cart.ts';
import { isUnderWay, type Payment } from './payment.ts';
import type { Strip } from './status.ts';

export type WhyNot =
  | 'nodeAway'
  | 'cannotSell'
  | 'paying'
  | 'cartEmpty'
  | 'noCustomer'
  | 'noPoints'
  | 'managerOnly'
  | 'noRegister'
  | 'shiftOpen'
  | 'shiftClosed'
  | 'soldElsewhere'
  | 'nothingLeft'
  | 'nothingDue'
  | 'notRegistered';

/** Undefined: it is possible. */
export type Offer = WhyNot | undefined;

export interface OfferFacts {
  readonly me: TillSelf | undefined;
  readonly strip: Strip;
  readonly isHere: boolean;
  readonly cart: Cart;
  readonly payment: Payment;
  readonly shift: ShiftView | undefined;
}

export function offerPay({ isHere, strip, cart, payment }: OfferFacts): Offer {
  if (isUnderWay(payment)) {
    return 'paying';
  }
  if (cart.lines.length === 0) {
    return 'cartEmpty';
  }
  return isHere ? (strip.canSell ? undefined : 'cannotSell') : 'nodeAway';
}

export function offerGoods({ isHere, payment }: Pick<OfferFacts, 'isHere' | 'payment'>): Offer {
  return isUnderWay(payment) ? 'paying' : isHere ? undefined : 'nodeAway';
}

export function offerPoints(facts: OfferFacts): Offer {
  const { cart } = facts;
  const { customer } = cart;
  if (customer === undefined) {
    return 'noCustomer';
  }
  if (cart.lines.length === 0) {
    return 'cartEmpty';
  }
  if (customer.balance === 0) {
    return 'noPoints';
  }
  return facts.isHere ? undefined : 'nodeAway';
}

export function offerGiftCard(facts: OfferFacts): Offer {
  if (!facts.isHere) {
    return 'nodeAway';
  }
  return totalsOf(facts.cart).dueMinor === 0 ? 'nothingDue' : undefined;
}

export function offerRefund(order: OrderDetail, branch: string, isHere: boolean): Offer {
  if (!isHere) {
    return 'nodeAway';
  }
  if (order.refundable?.totalMinor === 0) {
    return 'nothingLeft';
  }
  return (order.refundable?.here ?? order.branch === branch) ? undefined : 'soldElsewhere';
}

export function offerOpenShift({ isHere, shift }: OfferFacts): Offer {
  return isHere ? (shift?.state === 'open' ? 'shiftOpen' : undefined) : 'nodeAway';
}

export function offerCloseShift({ isHere, shift, me }: OfferFacts): Offer {
  if (!isHere) {
    return 'nodeAway';
  }
  return shift?.state !== 'open' ? 'shiftClosed' : me?.role === 'cashier' ? 'managerOnly' : undefined;
}

export function offerPrint(receipt: FiscalReceipt | undefined, hasRegister: boolean): Offer {
  return !hasRegister ? 'noRegister' : receipt?.qr === undefined ? 'notRegistered' : undefined;
}

/** How many of a line can still go back, in thousandths. */
export function refundableMilli(order: OrderDetail, line: number): number {
  if (order.refundable === undefined) {
    return order.lines[line]?.quantityMilli ?? 0;
  }
  return order.refundable.lines.find((row) => row.line === line)?.quantityMilli ?? 0;
}
