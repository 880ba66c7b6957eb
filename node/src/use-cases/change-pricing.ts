/**
 * A promotion or a pricelist is written whole under its id: `PUT /v1/promotions/{id}`, `PUT /v1/pricelists/{id}`. Head office only.
 *
 * Commits: a `promotion` or `pricelist` in `pricing`. Refused with PRICING_FULL beyond PRICING_IDS_MAX ids.
 */
import {
  type EventBody,
  type Pricelist,
  type PricelistPut,
  ProblemError,
  type Promotion,
  type PromotionPut,
} from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { PRICING, PRICING_IDS_MAX } from '../projections/pricing.ts';
import type { Trade } from './trade.ts';

export function changePromotion(
  trade: Trade,
  transaction: Transaction,
  id: string,
  put: PromotionPut,
): Decision<Promotion> {
  check(trade, 'promotion', id);
  const body: EventBody<'promotion'> = { id, till: tillOf(transaction), put };
  transaction.append(PRICING, 'promotion', body);
  return { status: 200, body: { id, ...put } };
}

export function changePricelist(
  trade: Trade,
  transaction: Transaction,
  id: string,
  put: PricelistPut,
): Decision<Pricelist> {
  check(trade, 'pricelist', id);
  const body: EventBody<'pricelist'> = { id, till: tillOf(transaction), put };
  transaction.append(PRICING, 'pricelist', body);
  return { status: 200, body: { id, ...put } };
}

function check(trade: Trade, kind: 'promotion' | 'pricelist', id: string): void {
  if (!trade.mayWrite(PRICING)) {
    throw new ProblemError('FORBIDDEN', `Head office writes ${kind}s.`);
  }
  if (!trade.pricing.has(kind, id)) {
    throw new ProblemError('PRICING_FULL', `There are ${PRICING_IDS_MAX} ${kind}s.`);
  }
}

function tillOf(transaction: Transaction): EventBody<'promotion'>['till'] {
  return transaction.till.till as EventBody<'promotion'>['till'];
}
