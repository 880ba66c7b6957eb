/** S-25: customers and their points; who is one person; erasure of personal data. */
import {
  customer,
  customerId,
  customerList,
  customerMerge,
  customerPut,
  customerQuery,
  duplicateList,
  duplicateQuery,
  erasureAct,
  erasureOrder,
  erasureRequest,
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
    problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID', 'CUSTOMER_ERASED'],
    invoke: ({ services, params }, write) => services.customers.put(params.id, write),
  }),
  readRoute({
    method: 'get',
    path: '/v1/customer-duplicates',
    name: 'listDuplicates',
    tag: 'customers',
    summary: 'Customers who may be one person: the same phone or e-mail',
    role: 'manager',
    query: duplicateQuery,
    answers: { 200: duplicateList },
    invoke: async ({ services, query }) => ({
      status: 200,
      body: { groups: await services.customers.duplicates(query.limit) },
    }),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/customers/{id}/merge',
    name: 'mergeCustomers',
    tag: 'customers',
    summary: 'Another id is the same person: this one stands for both',
    description:
      'Points stay under their ids and count together. Sales, points and changes for the other id go to this one from now on, on every node that has heard.',
    role: 'manager',
    params: byId,
    body: customerMerge,
    answers: { 200: customer },
    problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID', 'CUSTOMER_NOT_FOUND', 'CUSTOMER_ERASED'],
    invoke: ({ services, params }, write) => services.customers.merge(params.id, write),
  }),
  writeRoute({
    method: 'delete',
    path: '/v1/customers/{id}/personal-data',
    name: 'erasePersonalData',
    tag: 'customers',
    summary: 'Erase name, phone, e-mail and note of a customer, everywhere',
    description:
      'At head office. The key of the data is destroyed here and on every device that hears of it; points stay under the id, which never takes personal data again. Fiscal receipts keep the contact they were sent to. Backups made earlier hold the key until they are gone; one that is put back destroys it at its first contact.',
    role: 'admin',
    params: byId,
    body: erasureRequest,
    answers: { 200: erasureOrder },
    problems: ['IDEMPOTENCY_MISMATCH', 'CUSTOMER_NOT_FOUND'],
    invoke: ({ services, params }, write) => services.customers.erase(params.id, write),
  }),
  readRoute({
    method: 'get',
    path: '/v1/customers/{id}/erasure',
    name: 'readErasure',
    tag: 'customers',
    summary: 'The act of an erasure: who, when, why, what, and which devices have done it',
    role: 'manager',
    params: byId,
    answers: { 200: erasureAct },
    problems: ['ERASURE_NOT_FOUND'],
    invoke: async ({ services, params }) => ({
      status: 200,
      body: await services.customers.erasure(params.id),
    }),
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
