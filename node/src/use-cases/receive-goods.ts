/**
 * Goods come in: `POST /v1/stock/receipts`. Adds to this branch's stock; products need not be in the catalog yet, because a
 * delivery cannot wait for head office.
 *
 * Commits: a `stock-receipt` in `stock/<branch>`, and the movements in the stock document.
 */
import {
  type EventBody,
  type StockDocumentId,
  type StockMovement,
  type StockReceiptRequest,
  uuidV7,
} from '@branchline/model';
import { formatStamp, stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export async function receiveGoods(
  trade: Trade,
  transaction: Transaction,
  request: StockReceiptRequest,
): Promise<Decision<StockMovement>> {
  const id = uuidV7(stampMs(transaction.stamp), trade.randomBytes(10)) as StockDocumentId;
  const lines: StockMovement['lines'] = [];
  const received = new Map<string, number>();
  for (const { sku, quantityMilli } of request.lines) {
    const before = await trade.stock.onHandMilli(transaction, sku);
    const sum = (received.get(sku) ?? 0) + quantityMilli;
    received.set(sku, sum);
    lines.push({ sku, deltaMilli: quantityMilli, onHandMilli: before + sum });
  }
  const body: EventBody<'stock-receipt'> = {
    id,
    till: transaction.till.till as EventBody<'stock-receipt'>['till'],
    ...(request.reference === undefined ? {} : { reference: request.reference }),
    lines: request.lines,
  };
  transaction.append(`stock/${trade.branch}`, 'stock-receipt', body);
  trade.stock.move(transaction, 'received', request.lines);
  return { status: 201, body: { id, hlc: formatStamp(transaction.stamp), lines } };
}
