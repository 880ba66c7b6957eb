/** S-24: stock levels, goods receipts, counts, adjustments, reservations, transfers, oversells, reordering. */
import {
  oversell,
  oversellList,
  oversellQuery,
  oversellResolution,
  ProblemError,
  reorderList,
  reorderPoint,
  reorderPointPut,
  reorderQuery,
  reservation,
  reservationEnded,
  reservationList,
  reservationRequest,
  sku,
  stockAdjustmentRequest,
  stockCountRequest,
  stockLevel,
  stockMovement,
  stockQuery,
  stockReceiptRequest,
  transfer,
  transferPage,
  transferQuery,
  transferReception,
  transferRequest,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

const refusals = ['IDEMPOTENCY_MISMATCH', 'PRODUCT_UNKNOWN', 'CHANGE_INVALID'] as const;
const bySku = z.strictObject({ sku });
// Any text: what is no id simply names nothing.
const byId = z.strictObject({ id: z.string() });
const nothing = z.strictObject({});

// Before /v1/stock/{sku}: a path that is a word of its own is not an SKU.
const lists: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/stock/reservations',
    name: 'listReservations',
    tag: 'stock',
    summary: 'What is promised to carts now',
    role: 'cashier',
    answers: { 200: reservationList },
    invoke: ({ services }) => ({ status: 200, body: { reservations: services.stock.reservations() } }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/stock/transfers',
    name: 'listTransfers',
    tag: 'stock',
    summary: 'Transfers from and to this branch',
    description: 'At head office those of all branches. Oldest first; hand back `next` as `after`.',
    role: 'cashier',
    query: transferQuery,
    answers: { 200: transferPage },
    invoke: async ({ services, query }) => ({ status: 200, body: await services.stock.transfers(query) }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/stock/transfers/{id}',
    name: 'readTransfer',
    tag: 'stock',
    summary: 'One transfer',
    role: 'cashier',
    params: byId,
    answers: { 200: transfer },
    problems: ['TRANSFER_NOT_FOUND'],
    invoke: async ({ services, params }) => {
      const found = await services.stock.transfer(params.id);
      if (found === undefined) {
        throw new ProblemError('TRANSFER_NOT_FOUND', 'No word of a transfer of this id has arrived here.');
      }
      return { status: 200, body: found };
    },
  }),
  readRoute({
    method: 'get',
    path: '/v1/stock/oversells',
    name: 'listOversells',
    tag: 'stock',
    summary: 'Goods sold that the books do not have',
    description: 'A task each, newest first, with whose it is to find out.',
    role: 'cashier',
    query: oversellQuery,
    answers: { 200: oversellList },
    invoke: async ({ services, query }) => ({
      status: 200,
      body: { oversells: await services.stock.oversells(query) },
    }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/stock/reorder',
    name: 'suggestOrders',
    tag: 'stock',
    summary: 'What to order again',
    description:
      'Products below their reorder point, with what is promised and what is on its way counted in.',
    role: 'cashier',
    query: reorderQuery,
    answers: { 200: reorderList },
    invoke: async ({ services, query }) => ({
      status: 200,
      body: { suggestions: await services.stock.reorder(query.limit) },
    }),
  }),
];

export const stockRoutes: readonly Route[] = [
  ...lists,
  readRoute({
    method: 'get',
    path: '/v1/stock/{sku}',
    name: 'readStock',
    tag: 'stock',
    summary: 'What is on hand',
    description:
      'Of this branch, or of another one this node replicates. Below zero after an oversell. For this branch also what is promised, ' +
      'what is on its way, and what other branches had when they were last heard of, where this node may read it.',
    role: 'cashier',
    params: bySku,
    query: stockQuery,
    answers: { 200: stockLevel },
    problems: ['PRODUCT_NOT_FOUND', 'BRANCH_UNKNOWN'],
    invoke: async ({ services, params, query }) => {
      const level = await services.stock.get(params.sku, query.branch);
      if (level === undefined) {
        throw new ProblemError(
          'PRODUCT_NOT_FOUND',
          `No product has the SKU ${params.sku}, and none was ever moved.`,
        );
      }
      return { status: 200, body: level };
    },
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/receipts',
    name: 'receiveGoods',
    tag: 'stock',
    summary: 'Goods came in',
    role: 'cashier',
    body: stockReceiptRequest,
    answers: { 201: stockMovement },
    problems: refusals,
    invoke: ({ services }, write) => services.stock.receive(write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/counts',
    name: 'countStock',
    tag: 'stock',
    summary: 'A shelf was counted',
    description: 'Writes the difference to what was seen, so that sales made meanwhile are kept.',
    role: 'cashier',
    body: stockCountRequest,
    answers: { 201: stockMovement },
    problems: refusals,
    invoke: ({ services }, write) => services.stock.count(write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/adjustments',
    name: 'adjustStock',
    tag: 'stock',
    summary: 'The books are put right',
    description: 'Signed, with a reason; who did it stays with it.',
    role: 'manager',
    body: stockAdjustmentRequest,
    answers: { 201: stockMovement },
    problems: ['IDEMPOTENCY_MISMATCH'],
    invoke: ({ services }, write) => services.stock.adjust(write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/reservations',
    name: 'reserveGoods',
    tag: 'stock',
    summary: 'Promise goods to a cart',
    description:
      'Until it is sold (an order that names it), released, or its time is over. Of two tills that ask for the last one, one gets it.',
    role: 'cashier',
    body: reservationRequest,
    answers: { 201: reservation },
    problems: ['IDEMPOTENCY_MISMATCH', 'STOCK_SHORT'],
    invoke: ({ services }, write) => services.stock.reserve(write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/reservations/{id}/release',
    name: 'releaseGoods',
    tag: 'stock',
    summary: 'A cart was given up',
    role: 'cashier',
    params: byId,
    body: nothing,
    answers: { 200: reservationEnded },
    problems: ['IDEMPOTENCY_MISMATCH', 'RESERVATION_NOT_FOUND'],
    invoke: ({ services, params }, write) => services.stock.release(params.id, write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/transfers',
    name: 'sendTransfer',
    tag: 'stock',
    summary: 'Goods leave for another branch',
    description: 'They are off this branch’s stock and in transit at once, with or without a network.',
    role: 'cashier',
    body: transferRequest,
    answers: { 201: transfer },
    problems: ['IDEMPOTENCY_MISMATCH', 'BRANCH_UNKNOWN', 'CHANGE_INVALID'],
    invoke: ({ services }, write) => services.stock.send(write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/transfers/{id}/receive',
    name: 'receiveTransfer',
    tag: 'stock',
    summary: 'Goods of a transfer arrived',
    description:
      'All as sent, or with differences. Received again it answers 200 with the reception there was and moves nothing.',
    role: 'cashier',
    params: byId,
    body: transferReception,
    answers: { 200: transfer, 201: transfer },
    problems: ['IDEMPOTENCY_MISMATCH', 'TRANSFER_NOT_FOUND', 'TRANSFER_RECEIVED', 'BRANCH_UNKNOWN'],
    invoke: ({ services, params }, write) => services.stock.receiveTransfer(params.id, write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/stock/oversells/{id}/resolve',
    name: 'resolveOversell',
    tag: 'stock',
    summary: 'Somebody found out',
    description: 'Says how it came about; moves no stock.',
    role: 'manager',
    params: byId,
    body: oversellResolution,
    answers: { 200: oversell },
    problems: ['IDEMPOTENCY_MISMATCH', 'OVERSELL_NOT_FOUND', 'OVERSELL_RESOLVED'],
    invoke: ({ services, params }, write) => services.stock.resolveOversell(params.id, write),
  }),
  writeRoute({
    method: 'put',
    path: '/v1/stock/{sku}/reorder-point',
    name: 'setReorderPoint',
    tag: 'stock',
    summary: 'When to order again, and up to how much',
    role: 'manager',
    params: bySku,
    body: reorderPointPut,
    answers: { 200: reorderPoint },
    problems: ['IDEMPOTENCY_MISMATCH'],
    invoke: ({ services, params }, write) => services.stock.setReorderPoint(params.sku, write),
  }),
];
