/** Maintenance: nothing is sold here, for a reason, until an end. */
import { maintenance, maintenanceRequest } from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

export const maintenanceRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/maintenance',
    name: 'readMaintenance',
    tag: 'operation',
    summary: 'Whether nothing is sold here now, why, and until when',
    role: 'cashier',
    answers: { 200: maintenance },
    invoke: ({ services }) => ({ status: 200, body: services.maintenance.view() }),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/maintenance/begin',
    name: 'beginMaintenance',
    tag: 'operation',
    summary: 'Nothing is sold or given back from here on, but by an admin, who tests',
    description:
      'Ends by itself after `minutes`. While it is on, reason and end are changed. Sales are refused with MAINTENANCE and the time to wait.',
    role: 'manager',
    body: maintenanceRequest,
    answers: { 200: maintenance },
    problems: ['IDEMPOTENCY_MISMATCH'],
    invoke: ({ services }, write) => services.maintenance.begin(write),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/maintenance/end',
    name: 'endMaintenance',
    tag: 'operation',
    summary: 'Selling goes on',
    role: 'manager',
    body: z.strictObject({}),
    answers: { 200: maintenance },
    problems: ['IDEMPOTENCY_MISMATCH'],
    invoke: ({ services }, write) => services.maintenance.end(write),
  }),
];
