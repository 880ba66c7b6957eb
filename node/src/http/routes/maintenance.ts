/** Maintenance: nothing is sold here, for a reason, until an end. And what most often needs it: a new fiscal storage. */
import {
  maintenance,
  maintenanceRequest,
  storageReplacement,
  storageReplacementAct,
} from '@branchline/model';
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
  readRoute({
    method: 'get',
    path: '/v1/storage-replacement',
    name: 'readStorageReplacement',
    tag: 'operation',
    summary: 'How far the replacement of the fiscal storage is, and what to do now',
    role: 'manager',
    answers: { 200: storageReplacement },
    invoke: async ({ services }) => ({ status: 200, body: await services.replacement.view() }),
  }),
  writeRoute({
    method: 'post',
    path: '/v1/storage-replacement',
    name: 'replaceStorage',
    tag: 'operation',
    summary: 'A step of the replacement of the fiscal storage was done, or is to be done',
    description:
      'start, closed, adopt, test, finish; cancel until a new storage is adopted. Each is durable, and refused with STORAGE_STEP and what is ' +
      'missing. The node touches the register for the test only: closing and registering storages is done at the register.',
    role: 'admin',
    body: storageReplacementAct,
    answers: { 200: storageReplacement },
    problems: ['IDEMPOTENCY_MISMATCH', 'STORAGE_STEP', 'REGISTER_NONE'],
    invoke: ({ services, signal }, write) => services.replacement.act(write, signal),
  }),
];
