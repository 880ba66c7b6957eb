/**
 * What an order would cost here and now: `POST /v1/quotes`, with the body of the order.
 *
 * Priced by the same functions as the sale, points and coupons included; nothing is committed, reserved or numbered, and payments are not
 * looked at. Refused as the sale would be.
 */
import {
  earnedPoints,
  type OrderQuote,
  priceOrder,
  pricingProblem,
  type QuoteRequest,
} from '@branchline/model';
import { makeStamp } from 'hlc-ts';
import { GatheredTransaction } from '../commit/transaction.ts';
import type { TillIdentity } from '../services.ts';
import { linesOf } from './sell.ts';
import { netOf, takesRights, tenderOf } from './tender.ts';
import type { Trade } from './trade.ts';

export async function quoteOrder(trade: Trade, till: TillIdentity, asked: QuoteRequest): Promise<OrderQuote> {
  const ms = trade.nowMs();
  const request = { ...asked, payments: [] };
  const lines = await linesOf(trade, request, ms);
  // Gathers what a sale would do, for nobody.
  const scratch = new GatheredTransaction(() => makeStamp(ms, 0), till, new Map());
  const tender = takesRights(request)
    ? await tenderOf(trade, scratch, lines, request)
    : { lines, points: 0, redeemedMinor: 0, coupons: [] };
  const dueMinor = Math.max(0, netOf(tender.lines) - tender.redeemedMinor);
  const pricing = priceOrder({
    lines: tender.lines,
    redeemedMinor: tender.redeemedMinor,
    payments: [{ kind: 'cash', amountMinor: dueMinor }],
  });
  if (!pricing.ok) {
    throw pricingProblem(pricing);
  }
  const { order } = pricing;
  const earned =
    request.customer?.id === undefined ? 0 : earnedPoints(order.totalMinor, trade.programmes.at(ms));
  return {
    lines: order.lines.map(({ redeemedMinor, ...line }) =>
      redeemedMinor === 0 ? line : { ...line, redeemedMinor },
    ),
    totalMinor: order.totalMinor,
    discountMinor: order.lines.reduce((sum, { discountMinor }) => sum + discountMinor, 0),
    vat: order.vat,
    ...(tender.coupons.length === 0 ? {} : { coupons: tender.coupons }),
    loyalty: { earned, redeemed: tender.points },
  };
}
