/** S-28: what is still to be delivered, and decisions about what was refused. */
import {
  decidedItem,
  outboxStatus,
  quarantinePage,
  quarantineQuery,
  resolveRequest,
  retryRequest,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

const item = z.strictObject({ id: z.string().min(1).max(200) });
const refusals = ['OUTBOX_ITEM_NOT_FOUND', 'OUTBOX_NOT_QUARANTINED', 'IDEMPOTENCY_MISMATCH'] as const;

export const outboxRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/outbox',
    name: 'readOutbox',
    tag: 'outbox',
    summary: 'What is still to be delivered, per storage and address: how much, how old, what was said last',
    role: 'cashier',
    answers: { 200: outboxStatus },
    invoke: async ({ services }) => ({ status: 200, body: await services.outbox.status() }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/outbox/quarantine',
    name: 'listQuarantine',
    tag: 'outbox',
    summary: 'What waits for a person: what it is, why, what to do',
    role: 'admin',
    query: quarantineQuery,
    answers: { 200: quarantinePage },
    invoke: async ({ services, query }) => ({ status: 200, body: await services.outbox.quarantine(query) }),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/outbox/quarantine/{id}/retry',
    name: 'retryQuarantined',
    tag: 'outbox',
    summary: 'Put it back in line, at its old place',
    role: 'admin',
    params: item,
    body: retryRequest,
    answers: { 200: decidedItem },
    problems: refusals,
    invoke: ({ services, params }, write) => services.outbox.retry(params.id, write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/outbox/quarantine/{id}/resolve',
    name: 'resolveQuarantined',
    tag: 'outbox',
    summary: 'Settled by hand, with a reason; never delivered from here',
    role: 'admin',
    params: item,
    body: resolveRequest,
    answers: { 200: decidedItem },
    problems: refusals,
    invoke: ({ services, params }, write) => services.outbox.resolve(params.id, write),
  }),
];
