/**
 * Goods leave for another branch: `POST /v1/stock/transfers`. Works without a network; what is on hand is not asked, the goods are
 * in the box.
 *
 * Commits: a letter to the other branch, and the goods taken off this branch's stock. They are in transit from then on.
 */
import {
  type EventBody,
  ProblemError,
  type StockDocumentId,
  type Transfer,
  type TransferRequest,
  uuidV7,
} from '@branchline/model';
import { formatStamp, stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { letterCollection } from '../projections/letters.ts';
import { transferOf } from '../projections/transfers.ts';
import type { Trade } from './trade.ts';

export function sendTransfer(
  trade: Trade,
  transaction: Transaction,
  request: TransferRequest,
): Decision<Transfer> {
  const { to } = request;
  if (to === trade.branch) {
    throw new ProblemError('CHANGE_INVALID', 'A transfer goes to another branch than this one.');
  }
  if (!trade.isBranch(to)) {
    throw new ProblemError(
      'BRANCH_UNKNOWN',
      `No device of branch ${to} is enrolled, as far as is known here.`,
    );
  }
  const collection = letterCollection(trade.branch, to);
  if (!trade.mayWrite(collection)) {
    throw new ProblemError('FORBIDDEN', `This device may not write ${collection}; enrol it again.`);
  }
  const id = uuidV7(stampMs(transaction.stamp), trade.randomBytes(10)) as StockDocumentId;
  const body: EventBody<'transfer-sent'> = {
    id,
    till: transaction.till.till as EventBody<'transfer-sent'>['till'],
    ...(request.cashier === undefined ? {} : { cashier: request.cashier }),
    ...(request.reference === undefined ? {} : { reference: request.reference }),
    lines: request.lines,
  };
  transaction.append(collection, 'transfer-sent', body);
  trade.stock.move(transaction, 'sent', request.lines);
  const sent = { from: trade.branch, to, hlc: formatStamp(transaction.stamp), writer: '', body };
  return {
    status: 201,
    body: transferOf({ id, sent, receptions: [] }, (sku) => trade.catalog.get(sku)?.name ?? sku),
  };
}
