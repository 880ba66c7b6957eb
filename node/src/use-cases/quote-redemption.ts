/**
 * What points can pay of a cart here now: `POST /v1/customers/{id}/points/redeem-quote`.
 *
 * Changes nothing; where the customer could redeem more than this device holds, the rest is asked for, so that the same question a moment
 * later is answered with more. Refused with CUSTOMER_NOT_FOUND and PRODUCT_UNKNOWN.
 */
import {
  offerInWords,
  ProblemError,
  type RedeemQuote,
  type RedeemQuoteRequest,
  redeemOffer,
} from '@branchline/model';
import { priceLines } from './price-lines.ts';
import { hasExpired, netOf } from './tender.ts';
import type { Trade } from './trade.ts';

export async function quoteRedemption(
  trade: Trade,
  id: string,
  { lines, points }: RedeemQuoteRequest,
  nowMs: number,
): Promise<RedeemQuote> {
  const customer = await trade.customers.get(id);
  if (customer === undefined) {
    throw new ProblemError('CUSTOMER_NOT_FOUND', 'No customer with this id is known to this node.');
  }
  const prices = await priceLines(trade, lines, id, nowMs);
  const priced = lines.map(({ quantityMilli }, index) => ({ quantityMilli, ...prices[index]! }));
  const totalMinor = netOf(priced);
  const programme = trade.programmes.at(nowMs);
  const expired = await hasExpired(trade, id, nowMs);
  const { balance, spendableHere } = customer.points;
  const offer = redeemOffer({ totalMinor, balance, spendableHere, expired, programme });
  const wanted =
    points ?? redeemOffer({ totalMinor, balance, spendableHere: balance, expired, programme }).points;
  const asked = !expired && wanted > spendableHere && balance > spendableHere;
  if (asked) {
    trade.rights.need(id, Math.min(wanted, balance));
  }
  return {
    balance,
    spendableHere,
    totalMinor,
    maxPoints: offer.points,
    maxMinor: offer.minor,
    limit: offer.limit,
    words: offerInWords(offer, { balance, spendableHere }, programme),
    asked,
  };
}
