/**
 * Goods are promised to a cart until a moment: `POST /v1/stock/reservations`, and its release.
 *
 * Refused when less is free than is asked (STOCK_SHORT): of two tills that reserve the last one, one gets it. A sale is never refused,
 * whatever is reserved: the goods are in the customer's hand.
 *
 * Commits: a `reservation`, or how it ended, in `goods/<branch>`.
 */
import {
  type EventBody,
  ProblemError,
  type Reservation,
  type ReservationEnded,
  type ReservationRequest,
  type StockDocumentId,
  uuidV7,
} from '@branchline/model';
import { formatStamp, stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { RESERVATIONS_MAX, reservationOf } from '../projections/reservations.ts';
import { milliBySku } from '../projections/transfers.ts';
import type { Trade } from './trade.ts';

export async function reserveGoods(
  trade: Trade,
  transaction: Transaction,
  request: ReservationRequest,
): Promise<Decision<Reservation>> {
  if (trade.reservations.count >= RESERVATIONS_MAX) {
    throw new ProblemError('OVERLOADED', `${RESERVATIONS_MAX} reservations stand at this branch.`, {
      retryAfterSeconds: 5,
    });
  }
  const short: { path: string; reason: string }[] = [];
  for (const [sku, milli] of milliBySku(request.lines)) {
    const onHandMilli = await trade.stock.onHandMilli(transaction, sku);
    const freeMilli = onHandMilli - trade.reservations.reservedMilli(sku, transaction);
    if (freeMilli < milli) {
      const line = request.lines.findIndex((one) => one.sku === sku);
      const reason = `${milli} thousandths of ${sku} are asked, ${Math.max(0, freeMilli)} are free`;
      short.push({ path: `/lines/${line}/quantityMilli`, reason });
    }
  }
  if (short.length > 0) {
    throw new ProblemError('STOCK_SHORT', `${short[0]!.reason}.`, { errors: short });
  }
  const ms = stampMs(transaction.stamp);
  const body: EventBody<'reservation'> = {
    id: uuidV7(ms, trade.randomBytes(10)) as StockDocumentId,
    till: transaction.till.till as EventBody<'reservation'>['till'],
    ...(request.cashier === undefined ? {} : { cashier: request.cashier }),
    ...(request.reference === undefined ? {} : { reference: request.reference }),
    expiresMs: trade.nowMs() + request.ttlSeconds * 1_000,
    lines: request.lines,
  };
  transaction.append(`goods/${trade.branch}`, 'reservation', body);
  const reservation = reservationOf(trade.branch, formatStamp(transaction.stamp), body);
  trade.reservations.note(transaction, reservation, 1);
  return { status: 201, body: reservation };
}

export function releaseGoods(trade: Trade, transaction: Transaction, id: string): Decision<ReservationEnded> {
  const reservation = trade.reservations.standing(transaction, id);
  if (reservation === undefined) {
    throw new ProblemError('RESERVATION_NOT_FOUND', 'No reservation of this id stands at this branch.');
  }
  const body: EventBody<'reservation-ended'> = {
    id: reservation.id,
    till: transaction.till.till as EventBody<'reservation-ended'>['till'],
    how: 'released',
  };
  transaction.append(`goods/${trade.branch}`, 'reservation-ended', body);
  trade.reservations.note(transaction, reservation, -1);
  return { status: 200, body: { id: reservation.id, how: 'released' } };
}
