/** S-18: till tokens, for administrators and for the command line of the same machine. */
import { tillName, tillRole, tillSelf } from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute } from '../route.ts';

const tillRow = z.strictObject({ till: tillName, role: tillRole, addedAt: z.string(), revoked: z.boolean() });
const addedTill = z.strictObject({ till: tillName, role: tillRole, token: z.string() });

export const tillRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/till',
    name: 'readTill',
    tag: 'tills',
    summary: 'Whose token this is, and where',
    role: 'cashier',
    answers: { 200: tillSelf },
    invoke: ({ services, till }) => ({
      status: 200,
      body: {
        till: till.till,
        role: till.role,
        ...(till.employee === undefined ? {} : { employee: till.employee }),
        branch: services.branch,
        tenant: services.tenant,
      },
    }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/tills',
    name: 'listTills',
    tag: 'tills',
    summary: 'Tills of this node, revoked ones included',
    role: 'admin',
    answers: { 200: z.strictObject({ tills: z.array(tillRow) }) },
    invoke: ({ services }) => ({ status: 200, body: { tills: services.tills.list() } }),
  }),
  // No key: the token is shown once and kept nowhere, so there is no answer to repeat. A name taken is refused.
  readRoute({
    method: 'post',
    path: '/v1/tills',
    name: 'addTill',
    tag: 'tills',
    summary: 'Make a till token; it is shown this once',
    role: 'admin',
    body: z.strictObject({ till: tillName, role: tillRole }),
    answers: { 201: addedTill },
    problems: ['TILL_EXISTS'],
    invoke: async ({ services, body }) => ({
      status: 201,
      body: await services.tills.add(body.till, body.role),
    }),
  }),
  readRoute({
    method: 'post',
    path: '/v1/tills/{till}/revoke',
    name: 'revokeTill',
    tag: 'tills',
    summary: 'The token stops working at once',
    role: 'admin',
    params: z.strictObject({ till: tillName }),
    body: z.strictObject({}),
    answers: { 200: z.strictObject({ till: tillName, revoked: z.literal(true) }) },
    problems: ['TILL_UNKNOWN'],
    invoke: async ({ services, params }) => {
      await services.tills.revoke(params.till);
      return { status: 200, body: { till: params.till, revoked: true } };
    },
  }),
];
