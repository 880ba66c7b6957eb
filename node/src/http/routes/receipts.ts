/** S-27: fiscal receipts. */
import { fiscalReceipt, ProblemError } from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute } from '../route.ts';

export const receiptRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/receipts/{id}',
    name: 'readReceipt',
    tag: 'orders',
    summary: 'One fiscal receipt: how far it got, its number and sign, what to do about it',
    role: 'cashier',
    params: z.strictObject({ id: z.string() }),
    answers: { 200: fiscalReceipt },
    problems: ['RECEIPT_NOT_FOUND'],
    invoke: async ({ services, params }) => {
      const found = await services.receipts.get(params.id);
      if (found === undefined) {
        throw new ProblemError('RECEIPT_NOT_FOUND', 'No fiscal receipt with this id is known to this node.');
      }
      return { status: 200, body: found };
    },
  }),
];
