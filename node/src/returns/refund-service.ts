/** Refunds as the edge calls them: over the use case, the desk that moves rights, and the read models. */
import {
  type Order,
  type OrderDetail,
  type OrderPage,
  ProblemError,
  type Refund,
  type RefundRequest,
  restOf,
  sumMinor,
} from '@branchline/model';
import type { ReceiptWait } from '../fiscal/open-fiscal.ts';
import type { NodeParts } from '../node-services.ts';
import type { OrderService, WriteAnswer, WriteRequest } from '../services.ts';
import { refund } from '../use-cases/refund.ts';

type Parts = Pick<NodeParts, 'pipeline' | 'trade' | 'fiscal' | 'returnDesk' | 'ports'>;

/** Refunds here, or asks for the right to and tries once more. */
export async function refundOrders(
  { pipeline, trade, fiscal, returnDesk }: Parts,
  id: string,
  request: WriteRequest<RefundRequest>,
  wait: ReceiptWait | undefined,
): Promise<WriteAnswer<Refund>> {
  const attempt = (): Promise<WriteAnswer<Refund>> =>
    pipeline.submit(request, (transaction) => refund(trade, transaction, id, request.body));
  let answer: WriteAnswer<Refund>;
  try {
    answer = await attempt();
  } catch (error) {
    const { soldAt } = request.body;
    const code = error instanceof ProblemError ? error.code : undefined;
    if (code !== 'REFUND_ELSEWHERE' && !(code === 'ORDER_NOT_FOUND' && soldAt !== undefined)) {
      throw error;
    }
    await returnDesk.ask(id, soldAt);
    answer = await attempt().catch((second: Error) => {
      throw code === 'ORDER_NOT_FOUND' ? askedOf(soldAt!, second) : second;
    });
  }
  return wait === undefined ? answer : await fiscal.held(answer, wait);
}

function askedOf(branch: string, error: Error): Error {
  return error instanceof ProblemError && error.code === 'ORDER_NOT_FOUND'
    ? new ProblemError('REFUND_ELSEWHERE', `${branch} was asked for the order and has not answered yet.`)
    : error;
}

/** A page of orders, or the one a number or a receipt names. */
export async function listOrders(
  { orders, returns, fiscal }: Pick<NodeParts, 'orders' | 'returns' | 'fiscal'>,
  query: Parameters<OrderService['list']>[0],
): Promise<OrderPage> {
  if (query.number === undefined && query.qr === undefined) {
    return await orders.list(query);
  }
  const settled = query.qr === undefined ? undefined : await fiscal.settledWith(query.qr);
  const found =
    query.number !== undefined
      ? await orders.withNumber(query.number)
      : settled === undefined
        ? undefined
        : await orders.get((await returns.refund(settled))?.refundOf ?? settled);
  return { orders: found === undefined ? [] : [found] };
}

/** What concerns its return stands with an order once something has gone back. */
export async function orderDetail({ trade, fiscal, ports }: Parts, order: Order): Promise<OrderDetail> {
  const standing = await trade.returns.standing(order);
  if (standing.refunds.length === 0 && standing.turn === 0) {
    return order;
  }
  const lines = restOf(order, standing.returned);
  return {
    ...order,
    refunds: await fiscal.withStates(standing.refunds),
    refundable: {
      totalMinor: sumMinor(lines.map(({ totalMinor }) => totalMinor)),
      lines,
      branch: standing.branch as Order['branch'],
      here: standing.writer === ports.key.writer && standing.elsewhere === undefined,
    },
  };
}
