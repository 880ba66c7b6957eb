/** S-20, S-21: orders. */
import {
  order,
  orderDetail,
  orderListQuery,
  orderPage,
  orderRequest,
  ProblemError,
  refund,
  refundRequest,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

// Any text: what is no order id simply names no order.
const byId = z.strictObject({ id: z.string() });

export const orderRoutes: readonly Route[] = [
  writeRoute({
    method: 'post',
    path: '/v1/orders',
    name: 'placeOrder',
    tag: 'orders',
    summary: 'Sell',
    description:
      'Answers 201 once the order survives a power cut. The same key and body give the same answer again; nothing waits ' +
      'for the network. With `Prefer: wait=7` the answer is held until the fiscal receipt is registered, at most so many seconds.',
    role: 'cashier',
    body: orderRequest,
    answers: { 201: order },
    problems: [
      'IDEMPOTENCY_MISMATCH',
      'ORDER_INVALID',
      'ORDER_PAYMENT',
      'PAYMENT_SHORT',
      'OVERPAID_NOT_CASH',
      'DISCOUNT_TOO_LARGE',
      'AMOUNT_TOO_LARGE',
      'PRODUCT_UNKNOWN',
      'CUSTOMER_UNKNOWN',
      'POINTS_SHORT',
      'POINTS_LIMIT',
      'GIFT_CARD_UNKNOWN',
      'GIFT_CARD_SHORT',
      'COUPON_UNKNOWN',
      'COUPON_REFUSED',
      'DISCOUNT_NEEDS_APPROVAL',
      'RECEIPT_INVALID',
      'RECEIPT_TOTAL_ZERO',
      'RECEIPT_TOO_LARGE',
      'MARKING_REFUSED',
      'TILL_MISMATCH',
    ],
    invoke: (call, write) => {
      const { preferWaitMs: ms } = call;
      return call.services.orders.place(write, ms === 0 ? undefined : { ms, signal: call.signal });
    },
  }),
  readRoute({
    method: 'get',
    path: '/v1/orders/{id}',
    name: 'readOrder',
    tag: 'orders',
    summary: 'One order, or one refund',
    description:
      'Once something has gone back: the refunds, and what can still go back where. The id of a refund gives the refund.',
    role: 'cashier',
    params: byId,
    answers: { 200: z.union([orderDetail, refund]) },
    problems: ['ORDER_NOT_FOUND'],
    invoke: async ({ services, params }) => {
      const found = (await services.orders.get(params.id)) ?? (await services.orders.refundOf(params.id));
      if (found === undefined) {
        throw new ProblemError('ORDER_NOT_FOUND', 'No order with this id is known to this node.');
      }
      return { status: 200, body: found };
    },
  }),
  writeRoute({
    method: 'post',
    path: '/v1/orders/{id}/refunds',
    name: 'refundOrder',
    tag: 'orders',
    summary: 'Goods and money go back',
    description:
      'By line and quantity, or all of it; never more than was sold, over all refunds at all branches. An order sold on this device ' +
      'can always be refunded; for another the right to return is asked for, and the answer held for some seconds.',
    role: 'cashier',
    params: byId,
    body: refundRequest,
    answers: { 201: refund },
    problems: [
      'IDEMPOTENCY_MISMATCH',
      'ORDER_NOT_FOUND',
      'ORDER_PAYMENT',
      'AMOUNT_TOO_LARGE',
      'REFUND_EXCEEDS',
      'REFUND_LINE_UNKNOWN',
      'REFUND_ELSEWHERE',
      'RECEIPT_TOTAL_ZERO',
      'TILL_MISMATCH',
    ],
    invoke: (call, write) => {
      const { preferWaitMs: ms } = call;
      const wait = ms === 0 ? undefined : { ms, signal: call.signal };
      return call.services.orders.refund(call.params.id, write, wait);
    },
  }),
  readRoute({
    method: 'get',
    path: '/v1/orders',
    name: 'listOrders',
    tag: 'orders',
    summary: 'Orders, oldest or newest first',
    description:
      'Hand back `next` as `after` for the following page; new orders always come later. With `number` or `qr` at most one order: ' +
      'what a customer brings back is found by its number or by the QR code of its receipt.',
    role: 'cashier',
    query: orderListQuery,
    answers: { 200: orderPage },
    invoke: async ({ services, query }) => ({ status: 200, body: await services.orders.list(query) }),
  }),
];
