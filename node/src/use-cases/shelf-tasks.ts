/**
 * Somebody saw to it: an oversell is resolved (`POST /v1/stock/oversells/{id}/resolve`), a reorder point is set
 * (`PUT /v1/stock/{sku}/reorder-point`). Both are entries in `goods/<branch>` with who said it; neither moves stock.
 */
import {
  type EventBody,
  type OversellResolution,
  ProblemError,
  type ReorderPoint,
  type ReorderPointPut,
  type StockDocumentId,
} from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export function resolveOversell(
  trade: Trade,
  transaction: Transaction,
  id: string,
  { how, cashier, note }: OversellResolution,
): Decision<{ id: string }> {
  const state = trade.shelfTasks.state(id);
  const name = `${id}/resolved`;
  if (state === undefined) {
    throw new ProblemError('OVERSELL_NOT_FOUND', 'No task of this id is known at this branch.');
  }
  if (state === 'resolved' || transaction.movedMilli(name) > 0) {
    throw new ProblemError('OVERSELL_RESOLVED', 'This task was resolved before.');
  }
  const body: EventBody<'oversell-resolved'> = {
    id: id as StockDocumentId,
    till: transaction.till.till as EventBody<'oversell-resolved'>['till'],
    ...(cashier === undefined ? {} : { cashier }),
    how,
    ...(note === undefined ? {} : { note }),
  };
  transaction.append(`goods/${trade.branch}`, 'oversell-resolved', body);
  transaction.noteMoved(name, 1);
  return { status: 200, body: { id } };
}

export function setReorderPoint(
  trade: Trade,
  transaction: Transaction,
  sku: ReorderPoint['sku'],
  { minMilli, upToMilli }: ReorderPointPut,
): Decision<ReorderPoint> {
  const body: EventBody<'reorder-point'> = {
    sku,
    till: transaction.till.till as EventBody<'reorder-point'>['till'],
    minMilli,
    upToMilli,
  };
  transaction.append(`goods/${trade.branch}`, 'reorder-point', body);
  const branch = trade.branch as ReorderPoint['branch'];
  return { status: 200, body: { sku, branch, minMilli, upToMilli } };
}
