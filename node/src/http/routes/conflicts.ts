/** S-31: fields of products that two authors changed without knowing of each other. */
import {
  conflictId,
  conflictPage,
  conflictQuery,
  conflictResolve,
  conflictResolved,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

export const conflictRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/conflicts',
    name: 'listConflicts',
    tag: 'products',
    summary: 'Catalog conflicts with all values, authors and times, by SKU',
    role: 'cashier',
    query: conflictQuery,
    answers: { 200: conflictPage },
    invoke: ({ services, query }) => ({ status: 200, body: services.catalog.conflicts(query) }),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/conflicts/{id}/resolve',
    name: 'resolveConflict',
    tag: 'products',
    summary: 'Decide a conflict with one of its values or another',
    description: 'An ordinary change of the product, kept with who decided over what.',
    role: 'manager',
    params: z.strictObject({ id: conflictId }),
    body: conflictResolve,
    answers: { 200: conflictResolved },
    problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID', 'CONFLICT_NOT_FOUND'],
    invoke: ({ services, params }, write) => services.catalog.resolve(params.id, write),
  }),
];
