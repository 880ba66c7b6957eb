/** S-24: stock levels, goods receipts, counts. */
import {
  ProblemError,
  sku,
  stockCountRequest,
  stockLevel,
  stockMovement,
  stockQuery,
  stockReceiptRequest,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

const refusals = ['IDEMPOTENCY_MISMATCH', 'PRODUCT_UNKNOWN', 'CHANGE_INVALID'] as const;

export const stockRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/stock/{sku}',
    name: 'readStock',
    tag: 'stock',
    summary: 'What is on hand',
    description: 'Of this branch, or of another one this node replicates. Below zero after an oversell.',
    role: 'cashier',
    params: z.strictObject({ sku }),
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
];
