/**
 * What a sale takes from accounts instead of money: coupons off the lines, points off the total, gift cards as payment.
 *
 *     lines ──coupons, in turn──> discounts of the lines ──points──> `redeemedMinor` of the lines ──> total ──gift cards──> payments
 *
 * Each takes only what this device holds rights to (G5), and is refused otherwise with what is spendable here; then what is held elsewhere is
 * asked for, so that a repetition a moment later may pass. A coupon and points are discounts, spread over the lines in proportion to
 * their value, to the last minor unit: a fiscal receipt knows no discount on the whole. A gift card was paid for before: it is a
 * payment, and the receipt says prepaid. Codes end here: what goes on holds accounts and last signs.
 */

import {
  type CouponTerms,
  cardTerms,
  couponMinor,
  couponRefusal,
  couponTerms,
  grossMinor,
  isExpired,
  maskedCode,
  type Order,
  type OrderRequest,
  offerInWords,
  ProblemError,
  redeemOffer,
  spread,
} from '@branchline/model';
import { stampMs } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import { dayOf } from '../projections/programmes.ts';
import type { Trade } from './trade.ts';

const DAY_MS = 86_400_000;

export interface TenderLine {
  readonly quantityMilli: number;
  readonly unitPriceMinor: number;
  readonly discountMinor: number;
}

export interface Tender<Line> {
  /** With what coupons take off in their discounts. */
  readonly lines: Line[];
  readonly points: number;
  readonly redeemedMinor: number;
  readonly payments: Order['payments'];
  readonly coupons: NonNullable<Order['coupons']>;
}

/** Most sales take nothing but money. */
export function takesRights({ redeemPoints, coupons = [], payments }: OrderRequest): boolean {
  return redeemPoints > 0 || coupons.length > 0 || payments.some(({ kind }) => kind === 'giftCard');
}

export function moneyOnly<Line>(lines: Line[], { payments }: OrderRequest): Tender<Line> {
  return { lines, points: 0, redeemedMinor: 0, payments: payments.map(withoutCode), coupons: [] };
}

export async function tenderOf<Line extends TenderLine>(
  trade: Trade,
  transaction: Transaction,
  lines: Line[],
  request: OrderRequest,
): Promise<Tender<Line>> {
  const coupons: Tender<Line>['coupons'][number][] = [];
  let discounted = lines;
  for (const [index, code] of (request.coupons ?? []).entries()) {
    const netMinor = netOf(discounted);
    const used = await useCoupon(trade, transaction, code, netMinor, index);
    coupons.push(used);
    discounted = takenOff(discounted, used.discountMinor);
  }
  const redeemed = await redeemPoints(trade, transaction, request, netOf(discounted));
  const payments: Tender<Line>['payments'] = [];
  for (const [index, payment] of request.payments.entries()) {
    payments.push(
      payment.code === undefined
        ? withoutCode(payment)
        : await payByCard(trade, transaction, payment.code, payment.amountMinor, index),
    );
  }
  return { lines: discounted, ...redeemed, payments, coupons };
}

/** What lines cost before points. Discounts beyond a line are refused by the pricing. */
export function netOf(lines: readonly TenderLine[]): number {
  return lines.reduce((sum, line) => sum + worthOf(line), 0);
}

/** Whether points of a customer have expired at a moment. */
export async function hasExpired(trade: Trade, id: string, ms: number): Promise<boolean> {
  const { seenDay } = await trade.customers.spendable(undefined, id);
  return isExpired(seenDay, Math.floor(ms / DAY_MS), trade.programmes.at(ms));
}

async function redeemPoints(
  trade: Trade,
  transaction: Transaction,
  { redeemPoints: wanted, customer }: OrderRequest,
  totalMinor: number,
): Promise<{ points: number; redeemedMinor: number }> {
  if (wanted === 0) {
    return { points: 0, redeemedMinor: 0 };
  }
  const path = '/redeemPoints';
  if (customer?.id === undefined) {
    throw refused('POINTS_SHORT', 'The order names no customer whose points could be redeemed.', path);
  }
  const ms = stampMs(transaction.stamp);
  const programme = trade.programmes.at(ms);
  const { spendable, balance } = await trade.customers.spendable(transaction, customer.id);
  const spendableHere = Math.min(spendable, Math.max(balance, spendable));
  const expired = await hasExpired(trade, customer.id, ms);
  const offer = redeemOffer({ totalMinor, balance, spendableHere, expired, programme });
  if (wanted > offer.points) {
    if (wanted > spendableHere && balance > spendableHere) {
      trade.rights.need(customer.id, wanted);
    }
    const code =
      offer.limit === 'balance' || offer.limit === 'held_elsewhere' ? 'POINTS_SHORT' : 'POINTS_LIMIT';
    const words = offerInWords(offer, { balance, spendableHere }, programme);
    throw refused(code, `${wanted} points cannot be redeemed, ${offer.points} can. ${words}`, path);
  }
  await trade.customers.spend(transaction, customer.id, wanted);
  return { points: wanted, redeemedMinor: wanted * programme.pointValueMinor };
}

async function payByCard(
  trade: Trade,
  transaction: Transaction,
  code: string,
  amountMinor: number,
  index: number,
): Promise<Order['payments'][number]> {
  const path = `/payments/${index}`;
  const account = trade.accountOf('card', code);
  const voucher = await trade.customers.voucher(account);
  if (voucher === undefined || !cardTerms.safeParse(JSON.parse(voucher.terms)).success) {
    throw refused('GIFT_CARD_UNKNOWN', `No gift card ${maskedCode(code)} is known here.`, `${path}/code`);
  }
  const { spendable, balance } = await trade.customers.spendable(transaction, account);
  if (spendable < amountMinor) {
    if (balance > spendable) {
      trade.rights.need(account, amountMinor);
    }
    const words = cardInWords(balance, spendable);
    throw refused(
      'GIFT_CARD_SHORT',
      `The gift card ${maskedCode(code)} cannot pay ${amountMinor}. ${words}`,
      path,
    );
  }
  await trade.customers.spend(transaction, account, amountMinor);
  return { kind: 'giftCard', amountMinor, ending: maskedCode(code), account };
}

async function useCoupon(
  trade: Trade,
  transaction: Transaction,
  code: string,
  netMinor: number,
  index: number,
): Promise<NonNullable<Order['coupons']>[number]> {
  const path = `/coupons/${index}`;
  const account = trade.accountOf('coupon', code);
  const terms = await couponTermsOf(trade, account);
  if (terms === undefined) {
    throw refused('COUPON_UNKNOWN', `No coupon ${maskedCode(code)} is known here.`, path);
  }
  const day = dayOf(stampMs(transaction.stamp));
  const refusal = couponRefusal(terms, { netMinor, day });
  const standing = await couponStanding(trade, transaction, account, terms);
  if (refusal !== undefined || standing.spendable < 1) {
    if (refusal === undefined) {
      askForCoupon(trade, account, standing);
    }
    throw refused('COUPON_REFUSED', refusal ?? couponInWords(terms, standing), path);
  }
  await trade.customers.spend(transaction, account, 1);
  return { ending: maskedCode(code), account, discountMinor: couponMinor(terms, netMinor) };
}

export async function couponTermsOf(trade: Trade, account: string): Promise<CouponTerms | undefined> {
  const voucher = await trade.customers.voucher(account);
  const terms = couponTerms.safeParse(voucher === undefined ? undefined : JSON.parse(voucher.terms));
  return terms.success ? terms.data : undefined;
}

export interface CouponStanding {
  /** One until it was used. */
  readonly balance: number;
  /** One where this device may use it now. */
  readonly spendable: number;
  /** In this branch. */
  readonly counts: boolean;
}

/** A right that somebody else holds is none here; nor is one to a coupon of another branch, which head office keeps after it was taken back. */
export async function couponStanding(
  trade: Trade,
  transaction: Transaction | undefined,
  account: string,
  { branch }: CouponTerms,
): Promise<CouponStanding> {
  const { spendable, balance } = await trade.customers.spendable(transaction, account);
  const counts = branch === undefined || branch === trade.branch;
  return { balance, spendable: counts ? spendable : 0, counts };
}

/** Also one of this very branch: the device it was given to may be lost, and its rights with head office. */
export function askForCoupon(
  trade: Trade,
  account: string,
  { balance, spendable, counts }: CouponStanding,
): void {
  if (balance > 0 && spendable < 1 && counts) {
    trade.rights.need(account, 1);
  }
}

export function couponInWords(
  { branch }: CouponTerms,
  { balance, spendable, counts }: CouponStanding,
): string {
  if (balance < 1) {
    return 'The coupon was used already.';
  }
  if (spendable > 0) {
    return 'The coupon can be used here.';
  }
  return counts
    ? 'The coupon is held by another device or head office; it was asked for. Repeat in a moment.'
    : `The coupon counts in ${branch} only.`;
}

/** Amounts in minor units. */
export function cardInWords(balance: number, spendable: number): string {
  return spendable >= balance
    ? `It has ${balance} left.`
    : `It has ${balance} left, of which ${spendable} can be spent here now; the rest was asked for.`;
}

/** `offMinor` off lines worth more than that, in proportion to their value. */
function takenOff<Line extends TenderLine>(lines: Line[], offMinor: number): Line[] {
  const values = lines.map(worthOf);
  const shares = spread(offMinor, values, netOf(lines));
  return lines.map((line, at) => ({ ...line, discountMinor: line.discountMinor + (shares[at] ?? 0) }));
}

function worthOf({ quantityMilli, unitPriceMinor, discountMinor }: TenderLine): number {
  return Math.max(0, grossMinor(quantityMilli, unitPriceMinor) - discountMinor);
}

function withoutCode({ kind, amountMinor }: OrderRequest['payments'][number]): Order['payments'][number] {
  return { kind, amountMinor };
}

function refused(
  code: ConstructorParameters<typeof ProblemError>[0],
  detail: string,
  path: string,
): ProblemError {
  return new ProblemError(code, detail, { errors: [{ path, reason: detail }] });
}
