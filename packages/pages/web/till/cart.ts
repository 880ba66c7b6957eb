/**
 * What is being sold at this till: lines, customer, and what is paid with besides money. Pure: every change gives a new cart.
 *
 * Guarantees:
 * C1 the total shown is the one the node will come to: lines are priced with the model's own functions, then by the node's quote with
 *    pricelists, promotions and coupons, and sent with the price and the promotion shown;
 * C2 quantities stay above zero and discounts within their line;
 * C3 points are taken off whenever the lines change, because they were quoted for other lines;
 * C4 what gift cards pay never exceeds what is due;
 * C5 a piece with a marking code, a lot or serial numbers has a line of its own; one marking code is there once.
 */
import type { PlainOrder } from '@branchline/client';
import { grossMinor, LINES_MAX, type OrderQuote, type Product } from '@branchline/model';

const ONE_MILLI = 1000;

export interface CartLine {
  readonly sku: string;
  readonly name: string;
  readonly unit: string;
  readonly unitPriceMinor: number;
  readonly quantityMilli: number;
  /** Taken off by hand. */
  readonly discountMinor: number;
  /** Taken off by a promotion, as the node quoted it. */
  readonly promotionMinor?: number;
  /** The catalog's price, where the node quoted another. */
  readonly listMinor?: number;
  readonly markingCode?: string;
  readonly lot?: string;
  readonly serials?: readonly string[];
}

/** What tells pieces of one product apart. */
export type LineMarks = Pick<CartLine, 'markingCode' | 'lot' | 'serials'>;

export interface CartCoupon {
  readonly code: string;
  readonly ending: string;
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
  readonly coupons: readonly CartCoupon[];
  /** What the node said of exactly this cart. */
  readonly quoted?: { readonly totalMinor: number; readonly couponMinor: number } | undefined;
}

export const emptyCart: Cart = {
  lines: [],
  selected: 0,
  customer: undefined,
  points: 0,
  pointsMinor: 0,
  giftCards: [],
  coupons: [],
};

export interface CartTotals {
  readonly grossMinor: number;
  readonly discountMinor: number;
  /** Of coupons; known once the node was asked. */
  readonly couponMinor: number;
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
  return lineGross(line) - offLine(line);
}

export function totalsOf(cart: Cart): CartTotals {
  const gross = sum(cart.lines.map(lineGross));
  const discountMinor = sum(cart.lines.map(offLine));
  const couponMinor = cart.quoted?.couponMinor ?? 0;
  const totalMinor =
    cart.quoted?.totalMinor ?? Math.max(0, gross - discountMinor - couponMinor - cart.pointsMinor);
  const giftMinor = sum(giftPayments(cart, totalMinor).map(({ amountMinor }) => amountMinor));
  return {
    grossMinor: gross,
    discountMinor,
    couponMinor,
    pointsMinor: cart.pointsMinor,
    totalMinor,
    giftMinor,
    dueMinor: totalMinor - giftMinor,
  };
}

/** One more of it: on the line it has already, where that was not changed by hand. The same marked piece is not sold twice. */
export function addProduct(
  cart: Cart,
  product: Product,
  quantityMilli = ONE_MILLI,
  marks: LineMarks = {},
): Cart {
  const { sku, name, priceMinor, unit = 'piece' } = product;
  if (marks.markingCode !== undefined && hasMarkingCode(cart, marks.markingCode)) {
    return cart;
  }
  const at = cart.lines.findIndex(
    (line) =>
      line.sku === sku &&
      (line.listMinor ?? line.unitPriceMinor) === priceMinor &&
      line.discountMinor === 0 &&
      !isMarked(line) &&
      !isMarked(marks),
  );
  if (at !== -1) {
    return setQuantity({ ...cart, selected: at }, cart.lines[at]!.quantityMilli + quantityMilli);
  }
  if (cart.lines.length >= LINES_MAX) {
    return cart;
  }
  const line = { sku, name, unit, unitPriceMinor: priceMinor, quantityMilli, discountMinor: 0, ...marks };
  return relined(cart, [...cart.lines, line], cart.lines.length);
}

export function hasMarkingCode(cart: Cart, markingCode: string): boolean {
  return cart.lines.some((line) => line.markingCode === markingCode);
}

export function isMarked({ markingCode, lot, serials = [] }: LineMarks): boolean {
  return markingCode !== undefined || lot !== undefined || serials.length > 0;
}

/** Of the selected line; an empty text takes a mark off. */
export function setMarks(cart: Cart, { lot, serials }: { lot?: string; serials?: readonly string[] }): Cart {
  return changed(cart, ({ lot: _lot, serials: _serials, ...line }) => ({
    ...line,
    ...(lot === undefined || lot === '' ? {} : { lot }),
    ...(serials === undefined || serials.length === 0 ? {} : { serials }),
  }));
}

/** Of the selected line; none of it takes the line off. */
export function setQuantity(cart: Cart, quantityMilli: number): Cart {
  if (quantityMilli <= 0) {
    return removeLine(cart);
  }
  return changed(cart, (line) => {
    // A marked piece is one piece.
    const next = { ...line, quantityMilli: line.markingCode === undefined ? quantityMilli : ONE_MILLI };
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
  return unquoted({ ...cart, customer, points: 0, pointsMinor: 0 });
}

export function setPoints(cart: Cart, points: number, pointsMinor: number): Cart {
  return cart.customer === undefined ? cart : unquoted({ ...cart, points, pointsMinor });
}

/** The same card twice is one card. */
export function addGiftCard(cart: Cart, card: CartGiftCard): Cart {
  const others = cart.giftCards.filter(({ code }) => code !== card.code);
  return { ...cart, giftCards: [...others, card] };
}

export function removeGiftCard(cart: Cart, code: string): Cart {
  return { ...cart, giftCards: cart.giftCards.filter((card) => card.code !== code) };
}

export function addCoupon(cart: Cart, coupon: CartCoupon): Cart {
  const others = cart.coupons.filter(({ code }) => code !== coupon.code);
  return unquoted({ ...cart, coupons: [...others, coupon], points: 0, pointsMinor: 0 });
}

export function removeCoupon(cart: Cart, code: string): Cart {
  const coupons = cart.coupons.filter((coupon) => coupon.code !== code);
  return unquoted({ ...cart, coupons, points: 0, pointsMinor: 0 });
}

/** The cart as a question: what it costs here now. Prices are the node's to say. */
export function quoteOf(cart: Cart) {
  return {
    lines: cart.lines.map(({ sku, quantityMilli, discountMinor }) => ({
      sku,
      quantityMilli,
      ...(discountMinor === 0 ? {} : { discountMinor }),
    })),
    ...rightsOf(cart),
  };
}

/** With the prices, promotions and coupons the node counts for it; `cart` must be the one that was asked about. */
export function withQuote(cart: Cart, { lines, totalMinor, coupons = [] }: OrderQuote): Cart {
  return {
    ...cart,
    lines: cart.lines.map((line, at) => {
      const { unitPriceMinor, promotion } = lines[at]!;
      const { promotionMinor: _, ...rest } = line;
      return {
        ...rest,
        unitPriceMinor,
        listMinor: line.listMinor ?? line.unitPriceMinor,
        ...(promotion === undefined ? {} : { promotionMinor: promotion.discountMinor }),
      };
    }),
    quoted: { totalMinor, couponMinor: sum(coupons.map(({ discountMinor }) => discountMinor)) },
  };
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
    lines: cart.lines.map((line) => ({
      sku: line.sku,
      quantityMilli: line.quantityMilli,
      unitPriceMinor: line.unitPriceMinor,
      ...(offLine(line) === 0 ? {} : { discountMinor: offLine(line) }),
      ...(line.markingCode === undefined ? {} : { markingCode: line.markingCode }),
      ...(line.lot === undefined ? {} : { lot: line.lot }),
      ...(line.serials === undefined ? {} : { serials: line.serials }),
    })),
    payments,
    ...(cashier === undefined ? {} : { cashier }),
    ...rightsOf(cart),
  };
}

/** What is asked of accounts: whose points, how many, which coupons. */
function rightsOf({ customer, points, coupons }: Cart) {
  return {
    ...(customer === undefined ? {} : { customer: { id: customer.id } }),
    ...(points === 0 ? {} : { redeemPoints: points }),
    ...(coupons.length === 0 ? {} : { coupons: coupons.map(({ code }) => code) }),
  };
}

/** A promotion was quoted for other quantities and discounts: never more than what the line still costs. */
function offLine(line: CartLine): number {
  return Math.min(lineGross(line), line.discountMinor + (line.promotionMinor ?? 0));
}

function unquoted(cart: Cart): Cart {
  const { quoted: _, ...asked } = cart;
  return asked;
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
  return unquoted({ ...cart, lines, selected, points: 0, pointsMinor: 0 });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
