/**
 * Goods of a transfer arrive: `POST /v1/stock/transfers/{id}/receive`, whole or with differences.
 *
 * Taken in once: again, with nothing said about the lines or with the same, gives the reception there was and moves nothing; with
 * other lines it is refused (TRANSFER_RECEIVED). Goods may be faster than the word of them: with the sender and the lines of the
 * delivery note they are taken in all the same, and the difference shows when the word arrives.
 *
 * Commits: a letter to the sending branch, and what arrived added to this branch's stock.
 */
import {
  type EventBody,
  ProblemError,
  type StockDocumentId,
  stockDocumentId,
  type Transfer,
  type TransferReception,
} from '@branchline/model';
import { formatStamp } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { letterCollection } from '../projections/letters.ts';
import { milliBySku, transferOf } from '../projections/transfers.ts';
import type { Trade } from './trade.ts';

export async function receiveTransfer(
  trade: Trade,
  transaction: Transaction,
  id: string,
  request: TransferReception,
): Promise<Decision<Transfer>> {
  const nameOf = (sku: string): string => trade.catalog.get(sku)?.name ?? sku;
  const known = await trade.transfers.get(id);
  if (known !== undefined && (known.sent ?? known.receptions[0])!.to !== trade.branch) {
    const { to } = (known.sent ?? known.receptions[0])!;
    throw new ProblemError('FORBIDDEN', `The transfer goes to ${to}; this is ${trade.branch}.`);
  }
  const before = known?.receptions[0];
  if (known !== undefined && before !== undefined) {
    if (request.lines !== undefined && !isSame(milliBySku(request.lines), milliBySku(before.body.lines))) {
      throw new ProblemError('TRANSFER_RECEIVED', 'The transfer was received before, with other quantities.');
    }
    return { status: 200, body: transferOf(known, nameOf) };
  }
  const name = `${id}/received`;
  if (transaction.movedMilli(name) > 0) {
    throw new ProblemError('TRANSFER_RECEIVED', 'The transfer is being received by another till just now.');
  }
  const from = known?.sent?.from ?? request.from;
  const lines = request.lines ?? known?.sent?.body.lines;
  if (from === undefined || lines === undefined || !stockDocumentId.safeParse(id).success) {
    throw new ProblemError(
      'TRANSFER_NOT_FOUND',
      `No word of the transfer ${id.slice(0, 40)} has arrived here.`,
    );
  }
  const collection = letterCollection(trade.branch, from);
  if (from === trade.branch || !trade.isBranch(from) || !trade.mayWrite(collection)) {
    throw new ProblemError('BRANCH_UNKNOWN', `Nothing can be received from ${from} here.`);
  }
  const body: EventBody<'transfer-received'> = {
    id: id as StockDocumentId,
    till: transaction.till.till as EventBody<'transfer-received'>['till'],
    ...(request.cashier === undefined ? {} : { cashier: request.cashier }),
    ...(request.reference === undefined ? {} : { reference: request.reference }),
    lines,
  };
  transaction.append(collection, 'transfer-received', body);
  transaction.noteMoved(name, 1);
  trade.stock.move(transaction, 'arrived', lines);
  const received = { from, to: trade.branch, hlc: formatStamp(transaction.stamp), writer: '', body };
  return {
    status: 201,
    body: transferOf({ id, sent: known?.sent, receptions: [received] }, nameOf),
  };
}

function isSame(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return [...one.keys(), ...other.keys()].every((sku) => (one.get(sku) ?? 0) === (other.get(sku) ?? 0));
}
