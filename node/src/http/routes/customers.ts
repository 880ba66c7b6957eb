/** S-25: customers and their points. */
import {
  customer,
  customerId,
  customerList,
  customerPut,
  customerQuery,
  ProblemError,
  redeemQuote,
  redeemQuoteRequest,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

const byId = z.strictObject({ id: customerId });

export const customerRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/customers',
    name: 'searchCustomers',
    tag: 'customers',
    summary: 'Search by name, phone, e-mail or id',
    role: 'cashier',
    query: customerQuery,
    answers: { 200: customerList },
    invoke: async ({ services, query }) => ({
      status: 200,
      body: { customers: await services.customers.search(query) },
    }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/customers/{id}',
    name: 'readCustomer',
    tag: 'customers',
    summary: 'One customer, with points',
    role: 'cashier',
    params: byId,
    answers: { 200: customer },
    problems: ['CUSTOMER_NOT_FOUND'],
    invoke: async ({ services, params }) => {
      const found = await services.customers.get(params.id);
      if (found === undefined) {
        throw new ProblemError('CUSTOMER_NOT_FOUND', 'No customer with this id is known to this node.');
      }
      return { status: 200, body: found };
    },
  }),
  writeRoute({
    method: 'put',
    path: '/v1/customers/{id}',
    name: 'changeCustomer',
    tag: 'customers',
    summary: 'Create or change a customer',
    description: 'Fields left out stay as they are; an empty text clears one.',
    role: 'cashier',
    params: byId,
    body: customerPut,
    answers: { 200: customer, 201: customer },
    problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID'],
    invoke: ({ services, params }, write) => services.customers.put(params.id, write),
  }),
  readRoute({
    method: 'post',
    path: '/v1/customers/{id}/points/redeem-quote',
    name: 'quoteRedemption',
    tag: 'customers',
    summary: 'How many points can pay for a cart here now, and why not more',
    description:
      'Changes nothing. Where the customer has more than this node may spend, the rest is asked for (`asked`): ask again in a moment.',
    role: 'cashier',
    params: byId,
    body: redeemQuoteRequest,
    answers: { 200: redeemQuote },
    problems: ['CUSTOMER_NOT_FOUND', 'PRODUCT_UNKNOWN'],
    invoke: async ({ services, params, body }) => ({
      status: 200,
      body: await services.loyalty.redeemQuote(params.id, body),
    }),
  }),
];
