/**
 * A recount: `POST /v1/stock/counts`. Writes the difference between what was counted and what the counter saw, never the
 * number itself, so that sales made during the count are not lost.
 *
 * `seenMilli` is what the counter's device showed when counting began; left out, it is what this node sees now.
 *
 * Commits: a `stock-count` in `stock/<branch>`, and the differences in the stock document.
 */
import {
  type EventBody,
  ProblemError,
  QUANTITY_MILLI_MAX,
  type StockCountRequest,
  type StockDocumentId,
  type StockMovement,
  uuidV7,
} from '@branchline/model';
import { formatStamp, stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export async function countStock(
  trade: Trade,
  transaction: Transaction,
  request: StockCountRequest,
): Promise<Decision<StockMovement>> {
  const counted: EventBody<'stock-count'>['lines'] = [];
  const lines: StockMovement['lines'] = [];
  const seen = new Set<string>();
  for (const [index, line] of request.lines.entries()) {
    if (seen.has(line.sku)) {
      throw new ProblemError('INVALID_REQUEST', `Line ${index + 1} counts ${line.sku} a second time.`, {
        errors: [{ path: `/lines/${index}/sku`, reason: 'counted twice' }],
      });
    }
    seen.add(line.sku);
    const onHandMilli = await trade.stock.onHandMilli(transaction, line.sku);
    const seenMilli = line.seenMilli ?? onHandMilli;
    const deltaMilli = line.quantityMilli - seenMilli;
    if (Math.abs(deltaMilli) > 2 * QUANTITY_MILLI_MAX) {
      throw new ProblemError('AMOUNT_TOO_LARGE', `Line ${index + 1} differs by more than stock can hold.`);
    }
    counted.push({
      sku: line.sku,
      countedMilli: line.quantityMilli,
      seenMilli,
      deltaMilli,
      ...(line.lot === undefined ? {} : { lot: line.lot }),
      ...(line.serials === undefined ? {} : { serials: line.serials }),
    });
    lines.push({ sku: line.sku, deltaMilli, onHandMilli: onHandMilli + deltaMilli });
  }
  const id = uuidV7(stampMs(transaction.stamp), trade.randomBytes(10)) as StockDocumentId;
  const body: EventBody<'stock-count'> = {
    id,
    till: transaction.till.till as EventBody<'stock-count'>['till'],
    ...(request.reference === undefined ? {} : { reference: request.reference }),
    lines: counted,
  };
  transaction.append(`stock/${trade.branch}`, 'stock-count', body);
  trade.stock.move(
    transaction,
    'adjusted',
    counted.map(({ sku, deltaMilli }) => ({ sku, quantityMilli: deltaMilli })),
  );
  return { status: 201, body: { id, hlc: formatStamp(transaction.stamp), lines } };
}
