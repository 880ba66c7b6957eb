/**
 * Coupons that count once: `POST /v1/coupons/issue`, `/check`.
 *
 * The right to use one is a single one. It stays with whoever issued it and goes to the shop that asks for it; or it is given to one branch
 * for good, which can then use it offline and nobody else can; its other devices ask the one that has it. Refused: a code that is taken (VOUCHER_EXISTS), a branch that has no device
 * (BRANCH_UNKNOWN).
 *
 * Commits: `rights` (issued, given) beside the change of the loyalty document.
 */
import type { Member } from '@branchline/feed';
import {
  type Coupon,
  type CouponIssue,
  type CouponTerms,
  type EventBody,
  maskedCode,
  ProblemError,
} from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { askForCoupon, type CouponStanding, couponInWords, couponStanding, couponTermsOf } from './tender.ts';
import type { Trade } from './trade.ts';

export async function issueCoupon(
  trade: Trade,
  transaction: Transaction,
  { code, ...rest }: CouponIssue,
  deviceOf: (branch: string) => Member | undefined,
): Promise<Decision<Coupon>> {
  const account = trade.accountOf('coupon', code);
  const { customers } = trade;
  if (await customers.isIssued(transaction, account)) {
    throw new ProblemError('VOUCHER_EXISTS', `The coupon ${maskedCode(code)} was issued already.`);
  }
  const terms: CouponTerms = { kind: 'coupon', ending: maskedCode(code), ...rest };
  const moves: EventBody<'rights'>['moves'] = [{ account, type: 'issued', points: 1 }];
  customers.issue(transaction, account, terms);
  customers.earn(transaction, account, 1);
  if (rest.branch !== undefined && rest.branch !== trade.branch) {
    const device = deviceOf(rest.branch);
    if (device === undefined || `loyalty/${device.grant.region}` !== customers.collection) {
      const detail = `No device of ${rest.branch} shares the loyalty of this node.`;
      throw new ProblemError('BRANCH_UNKNOWN', detail);
    }
    const { region } = device.grant;
    customers.move(transaction, { region, account }, { type: 'give', to: device.writer, points: 1 });
    moves.push({ account, type: 'given', points: 1, other: device.writer });
  }
  const till = transaction.till.till as EventBody<'programme-change'>['till'];
  transaction.append(customers.collection, 'rights', { moves, till } satisfies EventBody<'rights'>);
  // Its one use is in this very commit: rows do not show it yet.
  const standing = { ...(await couponStanding(trade, transaction, account, terms)), balance: 1 };
  return { status: 201, body: answer(terms, standing) };
}

export async function couponState(trade: Trade, code: string): Promise<Coupon> {
  const account = trade.accountOf('coupon', code);
  const terms = await couponTermsOf(trade, account);
  if (terms === undefined) {
    throw new ProblemError('COUPON_UNKNOWN', `No coupon ${maskedCode(code)} is known here.`);
  }
  const standing = await couponStanding(trade, undefined, account, terms);
  askForCoupon(trade, account, standing);
  return answer(terms, standing);
}

function answer(terms: CouponTerms, standing: CouponStanding): Coupon {
  const { balance, spendable } = standing;
  const { ending, discountMinor, discountPercent, minTotalMinor, from, until, branch } = terms;
  return {
    ending,
    state: balance < 1 ? 'used' : spendable > 0 ? 'usable' : 'held_elsewhere',
    ...(discountMinor === undefined ? {} : { discountMinor }),
    ...(discountPercent === undefined ? {} : { discountPercent }),
    ...(minTotalMinor === undefined ? {} : { minTotalMinor }),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    ...(branch === undefined ? {} : { branch: branch as NonNullable<Coupon['branch']> }),
    words: couponInWords(terms, standing),
  };
}
