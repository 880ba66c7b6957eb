/**
 * The books are put right for a reason: `POST /v1/stock/adjustments`. Breakage, theft, finds; signed, and audited with who and why.
 *
 * Commits: a `stock-adjustment` in `stock/<branch>`, and the movements in the stock document.
 */
import {
  type EventBody,
  type StockAdjustmentRequest,
  type StockDocumentId,
  type StockMovement,
  uuidV7,
} from '@branchline/model';
import { formatStamp, stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export async function adjustStock(
  trade: Trade,
  transaction: Transaction,
  request: StockAdjustmentRequest,
): Promise<Decision<StockMovement>> {
  const id = uuidV7(stampMs(transaction.stamp), trade.randomBytes(10)) as StockDocumentId;
  const lines: StockMovement['lines'] = [];
  const moved = new Map<string, number>();
  for (const { sku, deltaMilli } of request.lines) {
    const before = await trade.stock.onHandMilli(transaction, sku);
    const sum = (moved.get(sku) ?? 0) + deltaMilli;
    moved.set(sku, sum);
    lines.push({ sku, deltaMilli, onHandMilli: before + sum });
  }
  const { reason, note, cashier, reference } = request;
  const body: EventBody<'stock-adjustment'> = {
    id,
    till: transaction.till.till as EventBody<'stock-adjustment'>['till'],
    ...(cashier === undefined ? {} : { cashier }),
    reason,
    ...(note === undefined ? {} : { note }),
    ...(reference === undefined ? {} : { reference }),
    lines: request.lines,
  };
  transaction.append(`stock/${trade.branch}`, 'stock-adjustment', body);
  trade.stock.move(
    transaction,
    'adjusted',
    request.lines.map(({ sku, deltaMilli }) => ({ sku, quantityMilli: deltaMilli })),
  );
  return { status: 201, body: { id, hlc: formatStamp(transaction.stamp), lines } };
}
