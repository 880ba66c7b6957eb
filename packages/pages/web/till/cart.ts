/**
 * What is being sold at this till: lines, customer, and what is paid with besides money. Pure: every change gives a new cart.
 *
 * Guarantees:
 * C1 the total shown is the one the node will come to: lines are priced with the model's own functions and sent with the price shown;
 * C2 quantities stay above zero and discounts within their line;
 * C3 points are taken off whenever the lines change, because they were quoted for other lines;
 * C4 what gift cards pay never exceeds what is due.
 */
import type { PlainOrder } from '@branchline/client';
import { grossMinor, LINES_MAX, type Product } from '@branchline/model';

const ONE_MILLI = 1000;

export interface CartLine {
  readonly sku: string;
  readonly name: string;
  readonly unit: string;
  readonly unitPriceMinor: number;
  readonly quantityMilli: number;
  readonly discountMinor: number;
}

export interface CartCustomer {
  readonly id: string;
  readonly name: string;
  readonly balance: number;
  readonly spendableHere: number;
}

export interface CartGiftCard {
  readonly code: string;
  readonly ending: string;
  readonly spendableMinor: number;
}

export interface Cart {
  readonly lines: readonly CartLine[];
  /** Which line keys and buttons mean. */
  readonly selected: number;
  readonly customer: CartCustomer | undefined;
  readonly points: number;
  readonly pointsMinor: number;
  readonly giftCards: readonly CartGiftCard[];
}

export const emptyCart: Cart = {
  lines: [],
  selected: 0,
  customer: undefined,
  points: 0,
  pointsMinor: 0,
  giftCards: [],
};

export interface CartTotals {
  readonly grossMinor: number;
  readonly discountMinor: number;
  readonly pointsMinor: number;
  /** What the sale comes to. */
  readonly totalMinor: number;
  readonly giftMinor: number;
  /** Left for cash and card. */
  readonly dueMinor: number;
}

export function lineGross({ quantityMilli, unitPriceMinor }: CartLine): number {
  return grossMinor(quantityMilli, unitPriceMinor);
}

export function lineTotal(line: CartLine): number {
  return lineGross(line) - line.discountMinor;
}

export function totalsOf(cart: Cart): CartTotals {
  const gross = sum(cart.lines.map(lineGross));
  const discountMinor = sum(cart.lines.map((line) => line.discountMinor));
  const totalMinor = Math.max(0, gross - discountMinor - cart.pointsMinor);
  const giftMinor = sum(giftPayments(cart, totalMinor).map(({ amountMinor }) => amountMinor));
  return {
    grossMinor: gross,
    discountMinor,
    pointsMinor: cart.pointsMinor,
    totalMinor,
    giftMinor,
    dueMinor: totalMinor - giftMinor,
  };
}

/** One more of it: on the line it has already, where that was not changed by hand. */
export function addProduct(cart: Cart, product: Product, quantityMilli = ONE_MILLI): Cart {
  const { sku, name, priceMinor, unit = 'piece' } = product;
  const at = cart.lines.findIndex(
    (line) => line.sku === sku && line.unitPriceMinor === priceMinor && line.discountMinor === 0,
  );
  if (at !== -1) {
    return setQuantity({ ...cart, selected: at }, cart.lines[at]!.quantityMilli + quantityMilli);
  }
  if (cart.lines.length >= LINES_MAX) {
    return cart;
  }
  const line = { sku, name, unit, unitPriceMinor: priceMinor, quantityMilli, discountMinor: 0 };
  return relined(cart, [...cart.lines, line], cart.lines.length);
}

/** Of the selected line; none of it takes the line off. */
export function setQuantity(cart: Cart, quantityMilli: number): Cart {
  if (quantityMilli <= 0) {
    return removeLine(cart);
  }
  return changed(cart, (line) => {
    const next = { ...line, quantityMilli };
    return { ...next, discountMinor: Math.min(line.discountMinor, lineGross(next)) };
  });
}

export function setDiscount(cart: Cart, discountMinor: number): Cart {
  return changed(cart, (line) => ({
    ...line,
    discountMinor: Math.max(0, Math.min(discountMinor, lineGross(line))),
  }));
}

export function removeLine(cart: Cart): Cart {
  const lines = cart.lines.filter((_, at) => at !== cart.selected);
  return relined(cart, lines, Math.min(cart.selected, Math.max(0, lines.length - 1)));
}

export function selectLine(cart: Cart, at: number): Cart {
  return { ...cart, selected: Math.max(0, Math.min(at, cart.lines.length - 1)) };
}

/** Points belong to the customer they were quoted for. */
export function setCustomer(cart: Cart, customer: CartCustomer | undefined): Cart {
  return { ...cart, customer, points: 0, pointsMinor: 0 };
}

export function setPoints(cart: Cart, points: number, pointsMinor: number): Cart {
  return cart.customer === undefined ? cart : { ...cart, points, pointsMinor };
}

/** The same card twice is one card. */
export function addGiftCard(cart: Cart, card: CartGiftCard): Cart {
  const others = cart.giftCards.filter(({ code }) => code !== card.code);
  return { ...cart, giftCards: [...others, card] };
}

export function removeGiftCard(cart: Cart, code: string): Cart {
  return { ...cart, giftCards: cart.giftCards.filter((card) => card.code !== code) };
}

/** Money given: cash as handed over, card as charged. */
export interface Money {
  readonly cashMinor: number;
  readonly cardMinor: number;
}

export function coversDue(cart: Cart, { cashMinor, cardMinor }: Money): boolean {
  const { dueMinor } = totalsOf(cart);
  return cardMinor <= dueMinor && cashMinor + cardMinor >= dueMinor;
}

export function orderOf(cart: Cart, money: Money, cashier: string | undefined): PlainOrder {
  const payments = [
    ...giftPayments(cart, totalsOf(cart).totalMinor),
    ...(money.cardMinor > 0 ? [{ kind: 'card' as const, amountMinor: money.cardMinor }] : []),
    ...(money.cashMinor > 0 ? [{ kind: 'cash' as const, amountMinor: money.cashMinor }] : []),
  ];
  return {
    lines: cart.lines.map(({ sku, quantityMilli, unitPriceMinor, discountMinor }) => ({
      sku,
      quantityMilli,
      unitPriceMinor,
      ...(discountMinor === 0 ? {} : { discountMinor }),
    })),
    payments,
    ...(cashier === undefined ? {} : { cashier }),
    ...(cart.customer === undefined ? {} : { customer: { id: cart.customer.id } }),
    ...(cart.points === 0 ? {} : { redeemPoints: cart.points }),
  };
}

/** What people usually hand over: the exact sum, and the next round ones. */
export function quickAmounts(dueMinor: number): number[] {
  const steps = [10_00, 50_00, 100_00, 500_00, 1_000_00, 5_000_00];
  const round = steps.map((step) => Math.ceil(dueMinor / step) * step);
  return [...new Set([dueMinor, ...round])].sort((a, b) => a - b).slice(0, 5);
}

function giftPayments(cart: Cart, totalMinor: number) {
  const payments: { kind: 'giftCard'; amountMinor: number; code: string }[] = [];
  let left = totalMinor;
  for (const { code, spendableMinor } of cart.giftCards) {
    const amountMinor = Math.min(left, spendableMinor);
    if (amountMinor > 0) {
      payments.push({ kind: 'giftCard', amountMinor, code });
      left -= amountMinor;
    }
  }
  return payments;
}

function changed(cart: Cart, change: (line: CartLine) => CartLine): Cart {
  return relined(
    cart,
    cart.lines.map((line, at) => (at === cart.selected ? change(line) : line)),
    cart.selected,
  );
}

function relined(cart: Cart, lines: readonly CartLine[], selected: number): Cart {
  return { ...cart, lines, selected, points: 0, pointsMinor: 0 };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
