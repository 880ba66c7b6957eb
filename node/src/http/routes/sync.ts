/** S-29: what is not everywhere yet, and "exchange now". */
import { syncNowAnswer, syncNowRequest, syncStatus } from '@branchline/model';
import { type Route, readRoute } from '../route.ts';

export const syncRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/sync',
    name: 'readSync',
    tag: 'sync',
    summary: 'Per peer and feed: missing here, missing there, last contact, cause',
    role: 'cashier',
    answers: { 200: syncStatus },
    invoke: ({ services }) => ({ status: 200, body: services.sync.status() }),
  }),
  // Changes nothing that would need a key: calling it twice exchanges twice, which is what was asked for.
  readRoute({
    method: 'post',
    path: '/v1/sync/now',
    name: 'syncNow',
    tag: 'sync',
    summary: 'Exchange with every configured peer now',
    role: 'cashier',
    body: syncNowRequest,
    answers: { 200: syncNowAnswer },
    problems: ['SYNC_OFFLINE'],
    invoke: async ({ services, body, signal }) => ({
      status: 200,
      body: await services.sync.now({ timeoutMs: body.timeoutMs, signal }),
    }),
  }),
];
